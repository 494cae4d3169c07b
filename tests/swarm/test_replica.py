"""Documents in Swarm's own store, on three managers: a coordinator's node is powered off in the middle of writes, and every
durable write is there on the next one; the old one is fenced when it returns. First with support/replica_writer for a
coordinator, which checks what it finds, in a swarm of its own without a stack; then with the stack and its admin API, in the
swarm of test_node_loss.py."""
import json
import pathlib
import subprocess
import tempfile
import threading
import time

import pytest

from nodes import BUILD, SCRIPT, UnixHTTP, note, run, wait_until
from test_coordinator_moves import forget_store
from test_node_loss import (SURVIVORS, away_from, coordinator_node, leader, nobody_fails, services,  # noqa: F401
                            whole)

ENV_PREFIX, NET = "sbz", "10.95.0"


class Managers:
    """Three managers and nothing else."""

    def __init__(self, top):
        self.root = top / "n"
        self.env = {"SIGNALBOX_NODES_ROOT": str(self.root), "SIGNALBOX_NODES_PREFIX": ENV_PREFIX, "SIGNALBOX_NODES_NET": NET}

    def call(self, *argv, **kw):
        return run(SCRIPT, *argv, env=self.env, **kw)

    def socket(self, node):
        return f"{self.root}/node{node}/docker.sock"

    def configs(self, node):
        conn = UnixHTTP(self.socket(node))
        conn.request("GET", "/v1.41/configs")
        reply = conn.getresponse()
        body = json.loads(reply.read())
        assert reply.status == 200, body
        return {c["Spec"]["Name"]: c for c in body}

    def leader(self, node):
        rows = self.call("docker", node, "node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}").split("\n")
        return int(next(r.split()[0] for r in rows if r.endswith("Leader")).removeprefix(ENV_PREFIX))

    def power_off(self, node):
        self.call("cut", node)
        self.call("kill-node", node)

    def whole(self):
        def ready():
            rows = self.call("docker", 1, "node", "ls", "--format", "{{.Status}} {{.ManagerStatus}}").split("\n")
            return sum(r in ("Ready Reachable", "Ready Leader") for r in rows) == 3
        wait_until("three managers", 60, ready)


class Writer:
    """A coordinator of the test; lines of it as (ms, words)."""

    def __init__(self, store, *sockets):
        self.process = subprocess.Popen([BUILD / "bin/support/replica_writer", store, *(f"unix://{s}" for s in sockets)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            ms, *words = line.split()
            self.lines.append((int(ms), words))

    def find(self, word):
        return next((line for line in list(self.lines) if line[1][0] == word), None)

    def durable(self):
        return max((int(w[1]) for _, w in list(self.lines) if w[0] == "durable"), default=0)

    def lags(self):
        return [int(w[3]) for _, w in list(self.lines) if w[0] == "durable"]

    def wait(self, word, seconds):
        return wait_until(f"a coordinator that says {word}", seconds, lambda: self.find(word), every=0.02)

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


@pytest.fixture
def managers():
    top = pathlib.Path(tempfile.mkdtemp())  # short: engines keep unix sockets below it
    swarm = Managers(top)
    try:
        swarm.call("up", "-m", 3, "-w", 0)
        swarm.whole()
        yield swarm
    finally:
        swarm.call("down")
        top.rmdir()


@pytest.fixture
def writers(managers):
    made = []

    def start(store, *nodes):
        made.append(Writer(store, *(managers.socket(n) for n in nodes)))
        return made[-1]
    yield start
    for w in made:
        if w.process.poll() is None:
            w.process.kill()
        w.process.wait()


def commits_on(writer, count, seconds=20):
    """So many more durable commits."""
    goal = writer.durable() + count
    wait_until(f"commit {goal} durable", seconds, lambda: writer.durable() >= goal, every=0.02)


@pytest.mark.parametrize("case", ["another_manager", "the_leader"])
def test_durable_writes_survive_the_loss_of_a_node_and_the_old_one_is_fenced(managers, writers, case):
    lead = managers.leader(1)
    lost = lead if case == "the_leader" else next(n for n in (1, 2, 3) if n != lead)
    others = [n for n in (1, 2, 3) if n != lost]
    old = writers("old", lost)
    old.wait("held", 10)
    commits_on(old, 150)
    lags = old.lags()
    note(f"a write is in Swarm after {sorted(lags)[len(lags) // 2]} ms, at most {max(lags)} ms, 20 writes/s")
    assert max(lags) < 1000
    managers.power_off(lost)
    began = time.monotonic()
    fresh = writers("fresh", *others)
    ms, loaded = fresh.wait("loaded", 60)
    took = time.monotonic() - began
    assert loaded[2:] == ["OTHERS", "GOOD"] and int(loaded[1]) >= old.durable(), (loaded, old.durable())
    note(f"the next coordinator has all {loaded[1]} commits {took:.1f} s after the loss ({old.durable()} were known durable)")
    commits_on(fresh, 40)
    old.wait("asking", 15)
    assert old.durable() <= int(loaded[1])
    managers.call("start-node", lost)
    _, who = old.wait("lost", 60)
    assert who[1] == "fresh"
    managers.whole()
    before = fresh.durable()
    commits_on(fresh, 40)
    assert not fresh.find("asking") and not fresh.find("lost") and fresh.durable() > before
    old.end()
    names = managers.configs(lost)
    assert len([n for n in names if n != "signalbox-fence"]) <= 64
    fresh.end()


def test_managers_change_and_objects_go_while_writes_go_on(managers, writers):
    """The leader changes under a writer, which goes to another manager; somebody removes objects by hand."""
    lead = managers.leader(1)
    others = [n for n in (1, 2, 3) if n != lead]
    one = writers("one", lead, *others)
    one.wait("held", 10)
    commits_on(one, 60)
    managers.power_off(lead)
    began = time.monotonic()
    commits_on(one, 40, seconds=60)
    note(f"writes are durable again {time.monotonic() - began:.1f} s after the loss of the leader")
    assert not one.find("lost")
    managers.call("start-node", lead)
    managers.whole()
    gone = [n for n in managers.configs(others[0]) if n.startswith("signalbox-l-")][:2]
    managers.call("docker", others[0], "config", "rm", *gone, "signalbox-fence")
    wait_until("the fence again", 10, lambda: "signalbox-fence" in managers.configs(others[0]))
    snapshots = len([1 for _, w in one.lines if w[0] == "objects"])
    wait_until("a snapshot in the place of what is gone", 90,
               lambda: len([1 for _, w in list(one.lines) if w[0] == "objects"]) > snapshots)
    commits_on(one, 80)
    durable = one.durable()
    two = writers("two", others[1])
    _, loaded = two.wait("loaded", 20)
    assert loaded[3] == "GOOD" and int(loaded[1]) >= durable, loaded
    one.wait("lost", 10)
    one.end()
    commits_on(two, 60)
    names = managers.configs(others[0])
    note(f"{len(names)} configs at the end")
    assert len(names) <= 65
    two.end()


# ---- the stack and its admin API ----

API_HOST = "document.east.test"


class Operator:
    """Writes through the admin API of the coordinator that runs now, one after the other."""

    def __init__(self, trio):
        self.trio = trio
        self.find()

    def find(self):
        self.node, self.pid = self.trio.coordinator_at()

    def call(self, method, path, body=None):
        """(status, JSON)"""
        out = self.trio.nodes("exec", self.node, "nsenter", "-t", self.pid, "-n", "curl", "-sS", "--max-time", "12", "-X", method,
                              "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {self.trio.bootstrap}",
                              *(("-H", "Content-Type: application/json", "-d", json.dumps(body)) if body is not None else ()),
                              f"http://127.0.0.1:7701{path}")
        text, _, status = out.rpartition("\n")
        return int(status), json.loads(text) if text.startswith("{") else {}

    def made(self, path, body):
        status, answer = self.call("PUT", path, body)
        assert status in (200, 201) and answer["status"]["write"].get("durable", True), (status, answer)
        return answer


def write_until_it_ends(operator, prefix, acked):
    """One pool after the other, until the coordinator does not answer any more; acked: paths of those called durable."""
    for n in range(10000):
        path = f"/v1/tenants/default/pools/{prefix}-{n}"
        try:
            status, answer = operator.call("PUT", f"{path}?durable=swarm", {"cluster": "east"})
        except (AssertionError, ValueError, subprocess.SubprocessError):
            return
        if status == 201 and answer["status"]["write"]["durable"]:
            acked.append(path)


def serve_by_api(trio, operator):
    """A route that only a document knows, to the tasks of a service."""
    operator.made("/v1/tenants/default/pools/api?durable=swarm",
                  {"cluster": "east", "service": {"name": SURVIVORS.partition(".")[0], "port": 8080}})
    operator.made("/v1/tenants/default/routes/api?durable=swarm",
                  {"cluster": "east", "hosts": [API_HOST], "forward": [{"pool": "api"}]})
    for node in (1, 2, 3):
        wait_until(f"{API_HOST} on node {node}", 20, lambda: trio.ask("east", API_HOST, node=node)[0] == 200)


@pytest.mark.parametrize("case", ["powered_off", "cut_off"])
def test_durable_writes_of_the_api_are_on_the_next_coordinator(trio, services, case):  # noqa: F811
    lead = leader(trio)
    away_from(trio, lead)
    lost = coordinator_node(trio)
    away_from(trio)
    others = [n for n in (1, 2, 3) if n != lost]
    trio.manager = others[0]
    for node in others:
        wait_until("a node without a store", 20, lambda: forget_store(trio, node))
    operator = Operator(trio)
    wait_until("a coordinator that writes", 30, lambda: operator.call("PUT", "/v1/tenants/default", {})[0] in (200, 201))
    serve_by_api(trio, operator)
    container = trio.container("coordinator", lost)
    acked = []
    writer = threading.Thread(target=write_until_it_ends, args=(operator, case.replace("_", "-"), acked), daemon=True)
    try:
        with nobody_fails(trio, SURVIVORS, API_HOST, nodes=others):
            writer.start()
            wait_until("durable writes", 30, lambda: len(acked) > 20)
            trio.nodes("cut", lost)
            if case == "powered_off":
                trio.nodes("kill-node", lost)
            began, sure = time.monotonic(), len(acked)
            wait_until("the coordinator on another node", 90, lambda: coordinator_node(trio) in others)
            fresh = Operator(trio)
            wait_until("a coordinator that writes", 60, lambda: fresh.call("PUT", "/v1/tenants/default", {})[0] in (200, 201))
            note(f"writes are taken elsewhere {time.monotonic() - began:.1f} s after the loss")
            missing = [path for path in acked[:sure] if fresh.call("GET", path)[0] != 200]
            assert not missing, f"{len(missing)} of {sure} durable writes are gone: {missing}"
            fresh.made("/v1/tenants/default/pools/after?durable=swarm", {"cluster": "east"})
            trio.all_applied("east", len(others))
        assert len(acked) <= sure + 1, "a coordinator that is cut off called a write durable"
        if case == "cut_off":
            trio.nodes("heal", lost)
            wait_until("the old one fenced, or ended by Swarm", 60, lambda: "has taken over" in trio.logs(container, lost) or
                       container not in trio.docker("ps", "-q", "--no-trunc", node=lost))
            note("the old one: " + ("fenced" if "has taken over" in trio.logs(container, lost) else "ended by Swarm"))
    finally:
        trio.nodes("start-node" if case == "powered_off" else "heal", lost)
    whole(trio)
    last = Operator(trio)
    assert last.call("GET", "/v1/tenants/default/pools/after")[0] == 200
    for path in ("routes/api", "pools/api"):
        assert last.call("DELETE", f"/v1/tenants/default/{path}")[0] in (200, 204)
