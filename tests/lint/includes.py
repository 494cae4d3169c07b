#!/usr/bin/env python3
"""Fails when an #include crosses a boundary that the table does not allow (docs/architecture.md).

A folder may always include itself; anything absent is forbidden. THIRD says which folder may name a
third-party library: a third-party API appears where it is wrapped, and nowhere else."""
import pathlib
import re
import sys

GW = "gateway/"
CORE = GW + "core/"
ROUTE = GW + "route/"
WIRE = GW + "wire/"
HOT = [GW + d for d in ("core/", "route/", "table/", "loop/", "tls/", "http/", "upstream/", "observe/")]
ALLOW = {  # the longest prefix of the including file wins
    CORE: [],
    ROUTE: [CORE],
    WIRE: [CORE, ROUTE],
    GW + "table/": [CORE, ROUTE, WIRE, GW + "http/cookie.h"],  # cookies are parsed in one place
    GW + "fetch/": [CORE],
    GW + "loop/": [CORE],
    GW + "http/": [CORE],
    GW + "observe/": [CORE],
    GW + "upstream/": [CORE, ROUTE, GW + "table/", GW + "loop/", GW + "http/", GW + "tls/", GW + "observe/"],
    GW + "proxy/": HOT,
    GW + "worker/": HOT + [WIRE, GW + "proxy/"],
    GW + "follower/": [CORE, ROUTE, WIRE, GW + "fetch/"],
    GW + "keyholder/": [CORE, GW + "loop/"],
    GW + "doorman/": [CORE, GW + "loop/"],
    GW: [GW],  # the parent and the mains
    "store/": [CORE],
    "clusters/labels/": [CORE, ROUTE],
    "clusters/assign/": [CORE, ROUTE],
    "clusters/intents/": [CORE, ROUTE, WIRE],
    "clusters/compile/": [CORE, ROUTE, "clusters/labels/", "clusters/assign/", "clusters/intents/",
                          "clusters/swarm/view.h"],
    "clusters/explain/": [CORE, ROUTE, WIRE, GW + "table/", "clusters/compile/"],
    "clusters/swarm/": [CORE, WIRE, GW + "fetch/"],
    "clusters/publish/": [CORE, ROUTE, WIRE],
    "clusters/replica/": [CORE, "clusters/swarm/"],
    "clusters/": ["clusters/", "store/", CORE, ROUTE],
    "admin/api/": [CORE, ROUTE, WIRE, GW + "observe/", "store/", "clusters/", "admin/auth/"],
    "admin/auth/": [CORE, ROUTE, "store/", "clusters/"],
    "admin/cli/": [CORE, WIRE + "json.h", "clusters/labels/labels.h", "admin/api/surface.h",
                   "store/audit_row.h"],  # a client is a witness: it hashes the rows itself
    "admin/cli_main.c": ["admin/cli/cli.h"],
    "admin/coordinator_main.c": ["admin/", "clusters/", "store/", CORE, ROUTE, GW + "fetch/"],
    "tests/": [""],
}
THIRD = {  # header prefix: folders that may include it
    "event2/": [GW + "fetch/", GW + "loop/", GW + "upstream/", GW + "proxy/", GW + "worker/", GW + "follower/",
                GW + "doorman/", GW + "parent", GW + "gateway_main.c", GW + "follower_main.c", GW + "doorman_main.c",
                "clusters/swarm/", "clusters/publish/", "clusters/replica/replica.c", "clusters/coordinator.c",
                "admin/api/", "admin/coordinator_main.c", "tests/"],
    "curl/": [GW + "fetch/", "admin/cli/", "tests/"],
    "cjson/": [WIRE, "admin/cli/", "clusters/intents/", "clusters/explain/", "clusters/swarm/decode.c", "clusters/swarm/decode_event.c", "clusters/swarm/configs.c", "clusters/swarm/secrets.c",
               "clusters/publish/report.c", "clusters/publish/stats.c", "tests/"],
    "sqlite3.h": ["store/", "tests/"],
    "openssl/": [GW + "tls/", "store/audit_row.c", GW + "wire/digest.c", GW + "wire/checksum.c", GW + "keyholder/",
                 "admin/auth/", "clusters/replica/seal.c", "tests/"],
    "zlib.h": ["clusters/replica/pack.c", "tests/"],
    "nghttp2/": [GW + "http/", "tests/"],
    "seccomp.h": [GW + "worker/", GW + "follower/", "tests/"],
}
TREES = ("gateway", "clusters", "store", "admin", "tests")


def allowed(me, table):
    home = max((p for p in table if me.startswith(p)), key=len, default=None)
    return home, table.get(home, [])


def check_ours(root, me, home, rules, inc):
    if not (root / inc).exists():
        return f'write the path from the root, not "{inc}"'
    if inc.endswith("_priv.h") and not me.startswith((inc.rsplit("/", 1)[0] + "/", "tests/")):
        return f"{inc} is private to its folder"
    folder = me.rsplit("/", 1)[0] + "/"
    if any(inc.startswith(p) for p in [*rules, folder]) or (home.endswith("/") and inc.startswith(home)):
        return None
    return f"{home} may not include {inc}"


def check_file(root, path):
    me = path.relative_to(root).as_posix()
    home, rules = allowed(me, ALLOW)
    if home is None:
        yield f"{me}: no rule covers this folder"
        return
    for n, line in enumerate(path.read_text().splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
        if not m:
            continue
        kind, inc = m.groups()
        if kind == '"':
            why = check_ours(root, me, home, rules, inc)
        else:
            why = next((f"only {', '.join(ok)} may include <{inc}>" for p, ok in THIRD.items()
                        if inc.startswith(p) and not me.startswith(tuple(ok))), None)
        if why:
            yield f"{me}:{n}: {why}"


def main(root):
    files = [p for t in TREES for p in sorted((root / t).rglob("*.[ch]"))]
    bad = [why for p in files for why in check_file(root, p)]
    print("\n".join(bad) or f"includes: ok ({len(files)} files)")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
