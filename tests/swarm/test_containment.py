"""A gateway holds listening sockets of the host's network. Through them it must not reach the host's loopback,
nor take the port away. What attacks here runs exactly as a gateway does: same uid, no capability, its own
network, the cluster's socket volume (tests/support/doorman_probe)."""
import json
import subprocess
import time

import pytest

from nodes import BUILD, SCRIPT, TREE, run, wait_until

NODE = 2
LOOPBACK_PORT = 9999


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
