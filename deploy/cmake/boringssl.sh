#!/bin/sh
# Fetches and builds BoringSSL (API 17) from Debian's source package android-platform-external-boringssl
# into $1 (a cache directory): lib/libcrypto.a, lib/libssl.a, include/. Debian's own binary package is
# OPENSSL_SMALL and shared; both cost us (docs/architecture.md, "BoringSSL"). Called by boringssl.cmake;
# runs once per machine, under a lock, and leaves nothing half built: the last step is a rename.
set -eu
dest=$1
version=13.0.0+r24-2
mkdir -p "$(dirname "$dest")"
exec 9>"$dest.lock"
flock 9
[ -e "$dest/lib/libssl.a" ] && exit 0

say() { echo "boringssl: $*" >&2; }
work=$(mktemp -d "$dest.XXXXXX")
list=/etc/apt/sources.list.d/signalbox-boringssl-$$.sources
trap 'rm -rf "$work" "$list"' EXIT INT TERM

# The machine's own Debian stanzas, as source stanzas, for as long as this takes.
deb_src() {
    for f in /etc/apt/sources.list.d/*.sources; do
        if [ -e "$f" ] && grep -q debian "$f"; then
            sed 's/^Types:.*/Types: deb-src/' "$f"
            echo
        fi
    done
    [ ! -e /etc/apt/sources.list ] || awk '
        $1 == "deb" { i = 2; opt = ""
            if ($2 ~ /^\[/) { while ($i !~ /\]$/) i++; i++ }
            printf "Types: deb-src\nURIs: %s\nSuites: %s\nComponents:", $i, $(i + 1)
            for (j = i + 2; j <= NF; j++) printf " %s", $j
            printf "\n\n" }' /etc/apt/sources.list
}

say "fetching the source package $version"
deb_src >"$list"
apt-get update -qq -o Dir::Etc::sourcelist="$list" -o Dir::Etc::sourceparts=/dev/null \
    -o APT::Get::List-Cleanup=0 >&2 || { say "apt-get update for source packages failed"; exit 1; }
(cd "$work" && apt-get source -qq --download-only -o Dir::Etc::sourcelist="$list" \
    -o Dir::Etc::sourceparts=/dev/null "android-platform-external-boringssl=$version" >&2) ||
    { say "the source package $version could not be fetched"; exit 1; }
(cd "$work" && dpkg-source -x ./*.dsc src >/dev/null)

# The files that the package's own build lists, compiled for speed: no OPENSSL_SMALL.
say "compiling (about a minute on two cores)"
cd "$work/src"
list_of() { # the words of one variable of a makefile, across its continuation lines
    awk -v v="$2" '$1 == v { on = 1; sub(/^[^=]*=/, "") } on { c = /\\$/; sub(/\\$/, ""); print; if (!c) on = 0 }' "$1"
}
mk=$(find . -name eureka.mk | head -n 1)
[ -n "$mk" ] || { say "no eureka.mk in the source package"; exit 1; }
mkdir -p "$work/o" "$work/out/lib"
: >"$work/jobs"
for v in crypto_sources linux_x86_64_sources ssl_sources; do
    words=$(list_of "$mk" "$v")
    [ -n "$words" ] || { say "$mk does not list $v"; exit 1; }
    for s in $words; do echo "$v $s" >>"$work/jobs"; done
done
base=$(dirname "$mk")
cat >"$work/one" <<'O'
#!/bin/sh
set -eu
o=$W/o/$1-$(echo "$2" | tr '/' '_').o
flags="-O3 -g0 -fPIC -fvisibility=hidden -fno-strict-aliasing -ffunction-sections -fdata-sections -D_FORTIFY_SOURCE=2 -fstack-protector-strong -DBORINGSSL_IMPLEMENTATION -I$W/src/src/include -I$B/src/include -w"
case $2 in
*.S) ${CC:-cc} $flags -c "$B/$2" -o "$o" ;;
*.c) ${CC:-cc} -std=gnu11 -D_XOPEN_SOURCE=700 $flags -c "$B/$2" -o "$o" ;;
*) ${CXX:-c++} -std=c++17 -fno-exceptions -fno-rtti $flags -c "$B/$2" -o "$o" ;;
esac
O
chmod +x "$work/one"
W=$work B=$base xargs -P "$(nproc)" -n 2 "$work/one" <"$work/jobs" ||
    { say "the compiler failed"; exit 1; }
ar rcs "$work/out/lib/libssl.a" "$work"/o/ssl_sources-*.o
ar rcs "$work/out/lib/libcrypto.a" "$work"/o/crypto_sources-*.o "$work"/o/linux_x86_64_sources-*.o
cp -r "$base/src/include" "$work/out/include"
rm -rf "$dest"
mv "$work/out" "$dest"
say "ready: $dest"
