# shellcheck shell=bash disable=SC2034
# Which Debian packages Signalbox needs, in one place: sourced by deploy/try, tests/run and .ci/run.
# Sourcing defines four lists and three functions and does nothing else.
#   packages_missing NAME...           prints those that are not installed
#   packages_install NAME...           installs what is missing (root), one apt-get call, no recommends
#   packages_install_stopped NAME...   likewise, and starts no service of theirs (nginx would take port 80)

# To compile the programs. dpkg-dev and the -dev packages also serve BoringSSL (deploy/cmake).
PACKAGES_BUILD=(
    ca-certificates cmake dpkg-dev gcc g++ libc6-dev ninja-build pkg-config xz-utils
    libcjson-dev libcmocka-dev libcurl4-openssl-dev libevent-dev libnghttp2-dev libseccomp-dev libsqlite3-dev zlib1g-dev
)
# To run them on a Docker Swarm from this checkout: an engine, and what deploy/ calls.
PACKAGES_RUN=(curl docker.io iproute2 iptables jq libcap2-bin procps tar util-linux)
# To run every part of ./tests/run.
PACKAGES_TEST=(
    binutils ccache clang clang-format clang-tidy git haproxy libclang-rt-14-dev nginx openssl python3 python3-h2
    python3-jsonschema python3-pytest socat strace varnish
)
# To run tests/bench/run, which no part of ./tests/run does.
PACKAGES_BENCH=(haproxy nginx python3 wrk)

packages_missing() {
    local name
    for name in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) in
        installed) ;;
        *) printf '%s\n' "$name" ;;
        esac
    done
}

packages_install() {
    local missing
    mapfile -t missing < <(packages_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "these packages are missing and only root can install them: ${missing[*]}" >&2
        return 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"
}

packages_install_stopped() {
    local policy=/usr/sbin/policy-rc.d status # what invoke-rc.d(8) asks
    if [ -e "$policy" ] || [ "$(id -u)" != 0 ]; then
        packages_install "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
    packages_install "$@"
    status=$?
    rm -f "$policy"
    return "$status"
}
