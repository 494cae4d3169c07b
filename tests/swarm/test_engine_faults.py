"""Docker's API over TLS at two of three managers: the engine that is asked hangs, then the other one is killed. Nothing is
withdrawn, and label changes flow as soon as one of them answers. What the stack makes of it is in test_node_loss.py."""
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import nodes
from nodes import TREE, Swarm, note, run, wait_until

sys.path.insert(0, str(TREE / "tests/support"))
from certificates import Authority  # noqa: E402


class Alone:
    """A coordinator on the client host."""

    def __init__(self, swarm, folder, *args):
        self.swarm, self.folder = swarm, folder
        program = nodes.BUILD / "bin/signalbox-coordinator"
        identity = folder / "identity"
        identity.write_text(run(program, "identity", "new"))
        identity.chmod(0o400)
        self.token = run(program, "token", "bootstrap", "--identity", identity).split()[0]
        with open(swarm.root / "client.pid", encoding="ascii") as f:
            self.net = ["nsenter", f"--net=/proc/{f.read().split()[0]}/ns/net"]
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                [*self.net, program, "--store", folder / "store", "--identity", identity, "--cluster", "east",
                 "--stream", "127.0.0.1:0", "--admin", "127.0.0.1:7701", *map(str, args)], stderr=log)

    def log(self):
        return (self.folder / "log").read_text()

    def ask(self, path=""):
        return json.loads(run(*self.net, "curl", "-sS", "--max-time", "5", "-H", f"Authorization: Bearer {self.token}",
                              f"http://127.0.0.1:7701/v1/clusters/east/services{path}"))

    def hosts(self, name):
        return self.ask(f"/{name}")["hosts"]

    def names(self):
        """The services that are routed."""
        return {s["service"] for s in self.ask()["services"] if s["accepted"]}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0, self.log()


@pytest.fixture(scope="module")
def trio(tmp_path_factory):
    """Three managers whose engines listen on TCP with TLS and ask for a certificate; no stack on them."""
    folder = tmp_path_factory.mktemp("engines")
    swarm = Swarm("-tls", managers=3, workers=0, net="10.96.0")
    authority = Authority(folder, "engines")
    server = authority.issue("engine", "serverAuth", ",".join(f"IP:{swarm.address(n)}" for n in (1, 2, 3)))
    swarm.authority = authority
    engine = (f"-H tcp://0.0.0.0:2376 --tlsverify --tlscacert {authority.ca} --tlscert {server[0]} --tlskey {server[1]}")
    swarm.take_turn()
    try:
        swarm.nodes("down")
        swarm.nodes("up", "-m", 3, "-w", 0, "--owner", os.getpid(), env={"SIGNALBOX_NODES_ENGINE": engine})
        swarm.docker("network", "create", "-d", "overlay", "apps")
        yield swarm
    finally:
        swarm.nodes("down")


def label(swarm, name, host):
    swarm.service(name).label(hosts=host)
    return time.monotonic()


def create(swarm, name, host):
    swarm.create(name, {"hosts": host, "port": "8080", "service_cluster": "east"}, replicas=0, networks=("apps",),
                 image="none:latest")


def test_two_managers_over_tls_when_the_one_asked_hangs(trio, tmp_path):
    leader = next(n for n, i in trio.node_ids().items()
                  if trio.engine("GET", f"/nodes/{i}")["ManagerStatus"].get("Leader"))
    first, second = [n for n in (1, 2, 3) if n != leader][0], leader
    trio.manager = leader
    cert, key = trio.authority.issue("coordinator", "clientAuth")
    key.chmod(0o400)
    for i in range(5):
        create(trio, f"s{i}", f"s{i}.test")
    alone = Alone(trio, tmp_path, "--docker", f"tcp://{trio.address(first)}:2376", "--docker",
                  f"tcp://{trio.address(second)}:2376", "--docker-tls-ca", trio.authority.ca, "--docker-tls-cert", cert,
                  "--docker-tls-key", key)
    try:
        every = {f"s{i}" for i in range(5)}
        wait_until("the services", 20, lambda: alone.names() == every)
        began = label(trio, "s0", "before.test")
        wait_until("a label", 5, lambda: alone.hosts("s0") == ["before.test"], every=0.02)
        note(f"label to coordinator over TLS: {time.monotonic() - began:.2f} s")
        trio.nodes("pause-engine", first)
        try:
            stopped = time.monotonic()
            label(trio, "s0", "hanging.test")
            while True:
                assert alone.names() == every, alone.log()
                if alone.hosts("s0") == ["hanging.test"]:
                    break
                assert time.monotonic() - stopped < 10, alone.log()
                time.sleep(0.05)
            note(f"the engine asked hangs: a label flows by the other after {time.monotonic() - stopped:.1f} s")
        finally:
            trio.nodes("resume-engine", first)
        began = label(trio, "s0", "after.test")
        wait_until("a label", 5, lambda: alone.hosts("s0") == ["after.test"], every=0.02)
        assert f"read at tcp://{trio.address(second)}:2376" in alone.log() or \
            f"again, at tcp://{trio.address(second)}:2376" in alone.log(), alone.log()
        trio.nodes("stop-engine", second)  # the leader, with the stream: an election, and the first again
        killed = time.monotonic()
        trio.manager = first

        def flows():
            label(trio, "s1", "elected.test")
            return True
        wait_until("a leader", 60, flows)
        wait_until("a label", 30, lambda: alone.hosts("s1") == ["elected.test"], every=0.05)
        note(f"the leading engine killed: a label flows after {time.monotonic() - killed:.1f} s")
        assert alone.names() == every, alone.log()
        assert "PRIVATE KEY" not in alone.log()
        assert len(alone.log().splitlines()) < 60, alone.log()
    finally:
        alone.stop()
