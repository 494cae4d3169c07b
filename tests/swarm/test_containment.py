"""What the processes of a gateway's container can and cannot do. A gateway holds listening sockets of the host's
network: through them it must not reach the host's loopback, nor take the port away. What attacks here runs as a
gateway's parent does: same uid, no capability, its own network, the cluster's socket volume
(tests/support/doorman_probe); with --confined, inside the filter of its proxy."""
import json
import subprocess
import time

import pytest

from nodes import BUILD, SCRIPT, TREE, run, wait_until

NODE = 2
LOOPBACK_PORT = 9999
USERS = {"east": (65101, 65111, 65121), "west": (65102, 65112, 65122)}  # parent, follower, proxy


@pytest.fixture(scope="module")
def probe(swarm, tmp_path_factory):
    """Runs the probe in a container like a gateway's on the node: probe(option...) gives a process."""
    root = tmp_path_factory.mktemp("probe")
    env = {"DOCKER_HOST": f"unix://{swarm.root}/node{NODE}/docker.sock", "SIGNALBOX_BUILD": str(BUILD)}
    run(TREE / "deploy/images", "tar", "support/doorman_probe", root / "probe.tar", env=env)
    image = run("docker", "import", root / "probe.tar", env=env).strip()
    gid_uid = "65101:65101"

    def start(*options):
        return subprocess.Popen(
            [str(SCRIPT), "docker", str(NODE), "run", "--rm", "--user", gid_uid, "--cap-drop", "ALL", "--read-only",
             "--volume", "signalbox-east-door-1:/run/doorman", image, "/doorman_probe", "--socket", "/run/doorman/socket",
             *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return start


@pytest.fixture
def secret_service(swarm):
    """Something on the host's loopback that no container may reach."""
    server = subprocess.Popen([str(SCRIPT), "net", str(NODE), "/usr/bin/python3", "-m", "http.server",
                               str(LOOPBACK_PORT), "--bind", "127.0.0.1"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until("the service on the host's loopback", 10, lambda: "200" in swarm.nodes(
        "net", NODE, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{LOOPBACK_PORT}/",
        check=False))
    yield
    server.terminate()
    server.wait()


def visit(swarm):
    """One new connection, whatever becomes of it: the probe may have taken it."""
    try:
        return swarm.ask("east", "shop.east.test", node=NODE, timeout=1)[0]
    except OSError as e:
        return repr(e)


def test_no_listener_and_no_accepted_socket_reaches_the_hosts_loopback(swarm, probe, secret_service):
    attacker = probe("--mode", "attack", "--port", str(LOOPBACK_PORT))
    end = time.monotonic() + 30
    while attacker.poll() is None and time.monotonic() < end:
        visit(swarm)
    out, _ = attacker.communicate(timeout=10)
    tries = [t for t in map(json.loads, out.splitlines()) if "through" in t]
    print(out)
    assert {t["through"] for t in tries} == {"accepted", "listening"}
    assert not any(t["reached"] for t in tries), tries
    wait_until("service on the node after the attack", 6, lambda: visit(swarm) == 200)
    assert [visit(swarm) for _ in range(20)] == [200] * 20


def test_a_listener_that_is_shut_down_is_revived(swarm, probe):
    attacker = probe("--mode", "shutdown")
    out, _ = attacker.communicate(timeout=30)
    assert '"result":"Success"' in out, out
    began = time.monotonic()
    wait_until("service after the shutdown", 6, lambda: visit(swarm) == 200, every=0.02)
    print(f"revived within {time.monotonic() - began:.2f} s")
    assert [visit(swarm) for _ in range(20)] == [200] * 20


def test_inside_the_filter_a_listener_can_be_polled_and_nothing_else(swarm, probe, secret_service):
    attacker = probe("--mode", "attack", "--port", str(LOOPBACK_PORT), "--confined")
    end = time.monotonic() + 30
    while attacker.poll() is None and time.monotonic() < end:
        visit(swarm)
    out, _ = attacker.communicate(timeout=10)
    tries = [t for t in map(json.loads, out.splitlines()) if "through" in t]
    print(out)
    listening = [t for t in tries if t["through"] == "listening"]
    assert listening and all(t["unspec"] == t["connect"] == "Operation not permitted" for t in listening), tries
    assert not any(t["reached"] for t in tries), tries
    outcome, _ = probe("--mode", "shutdown", "--confined").communicate(timeout=30)
    assert '"result":"Operation not permitted"' in outcome and "Success" not in outcome, outcome
    assert [visit(swarm) for _ in range(20)] == [200] * 20


# ---- the processes of the container -------------------------------------------------------------------------


def processes(swarm, cluster):
    """Of the cluster's gateway on the node: {pid: (command line, /proc/PID/status as a dict)}."""
    container = swarm.nodes("docker", NODE, "ps", "--quiet", "--filter",
                            f"label=com.docker.swarm.service.name=signalbox_{cluster}-gateway").split()[0]
    found = {}
    for row in swarm.nodes("docker", NODE, "top", container, "-eo", "pid,args").splitlines()[1:]:
        pid, args = row.split(None, 1)
        text = swarm.nodes("exec", NODE, "cat", f"/proc/{pid}/status", check=False)
        status = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if "--check-ready" not in args and status:
            found[int(pid)] = (args, {k: v.split() for k, v in status.items()})
    return found


@pytest.mark.parametrize("cluster", USERS)
def test_every_process_has_its_own_user_and_nothing_to_gain(swarm, cluster):
    parent, follower, proxy = USERS[cluster]
    roles = {}
    for pid, (args, status) in processes(swarm, cluster).items():
        assert len(set(status["Uid"] + status["Gid"])) == 1 and status["Groups"] == [], (args, status)
        for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[which][0], 16) == 0, (args, which, status[which])
        assert status["NoNewPrivs"] == ["1"], args
        limits = swarm.nodes("exec", NODE, "cat", f"/proc/{pid}/limits")
        assert [w.split()[4] for w in limits.splitlines() if w.startswith("Max core file size")] == ["0"]
        uid, filtered = int(status["Uid"][0]), int(status["Seccomp_filters"][0])
        roles.setdefault(uid, []).append((args.split()[0], filtered, pid))
    print(json.dumps(roles, indent=1))
    assert set(roles) == {parent, follower, proxy}
    assert len(roles[parent]) == 1 and len(roles[proxy]) == 2 and len(roles[follower]) == 2, roles
    # The engine gives the container a filter; the proxy and the follower have one more each.
    least = min(f for all_of in roles.values() for _, f, _ in all_of)
    assert sorted(f - least for _, f, _ in roles[proxy]) == [0, 1], "the proxy's filter"
    assert sorted(f - least for _, f, _ in roles[follower]) == [0, 1], "the follower's filter"


# In the container's mounts, under one of its users: which of these paths can be opened?
LOOK = """
import ctypes, json, os, sys
pid, uid, paths = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
libc = ctypes.CDLL(None, use_errno=True)
mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
assert libc.setns(mounts, 0x20000) == 0, os.strerror(ctypes.get_errno())
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
def look(path):
    try:
        return sorted(os.listdir(path)) if os.path.isdir(path) else len(open(path).read()) > 0
    except OSError as e:
        return e.strerror
print(json.dumps({p: look(p) for p in paths}))
"""


@pytest.mark.parametrize("cluster", USERS)
def test_only_the_follower_reads_the_token_and_the_last_table(swarm, cluster):
    parent, follower, proxy = USERS[cluster]
    all_of = processes(swarm, cluster)
    pid = next(p for p, (_, s) in all_of.items() if int(s["Uid"][0]) == parent)

    def look(uid):
        return json.loads(swarm.nodes("exec", NODE, "/usr/bin/python3", "-c", LOOK, pid, uid, "/run/secrets/token",
                                      "/state/table", "/run/doorman"))
    seen = {uid: look(uid) for uid in USERS[cluster]}
    print(json.dumps(seen, indent=1))
    no = "Permission denied"
    assert seen[follower]["/run/secrets/token"] is True and len(seen[follower]["/state/table"]) > 0
    assert seen[follower]["/run/doorman"] == no
    for uid in (parent, proxy):
        assert seen[uid]["/run/secrets/token"] == no and seen[uid]["/state/table"] == no, uid
    assert "socket" in seen[parent]["/run/doorman"] and seen[proxy]["/run/doorman"] == no


def test_a_killed_proxy_is_back_under_its_user(swarm):
    """Nobody in the container may signal it but what starts it; the node's root may."""
    _, _, proxy = USERS["east"]

    def proxies():
        return {p for p, (_, s) in processes(swarm, "east").items() if int(s["Uid"][0]) == proxy}
    before = proxies()
    victim = max(before)
    swarm.nodes("exec", NODE, "kill", "-9", victim)
    began = time.monotonic()
    wait_until("service after the kill", 6, lambda: visit(swarm) == 200, every=0.02)
    print(f"served again after {time.monotonic() - began:.2f} s")
    wait_until("another proxy", 5, lambda: len(proxies()) == 2 and victim not in proxies())
    assert len(proxies() & before) == 1, "what starts it stays"
