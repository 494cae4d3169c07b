"""Nodes, engines and managers are lost; requests that have nothing to do with them do not notice, those that have end soon.
A swarm of its own: nodes 1 to 3 are managers with gateways, node 4 is a worker (conftest.py, trio).

Each test ends with the swarm whole again. Heartbeats are set with `docker swarm update --dispatcher-heartbeat`: Swarm calls
a node down after three that are missed."""
import contextlib
import time

import pytest

from nodes import PORTS, note, wait_until
from slow import Download, Held

LOST = 4  # the worker
EVERYWHERE = "everywhere.east.test"  # one task on each node
SURVIVORS = "survivors.east.test"  # on managers only
DOOMED = "doomed.east.test"  # on the worker only
NOTICED = 3.5  # gateway/upstream/upstream.h: a dead node is noticed within 3 s
CONNECT = 2  # the same: a connect takes no longer
BUFFERED = 4  # what had come of a body before is still read, at the client's pace


@pytest.fixture(scope="module")
def services(trio):
    """The three services of these tests."""
    heartbeat(trio, 2)

    def make(host, constraints=(), replicas=None):
        return trio.create(host.partition(".")[0], {"hosts": host, "port": "8080", "service_cluster": "east"},
                           replicas=replicas, constraints=constraints)
    made = [make(EVERYWHERE), make(SURVIVORS, ["node.role == manager"]),
            make(DOOMED, [f"node.hostname == {trio.prefix}{LOST}"], 2)]
    whole(trio)
    yield {s.name: s for s in made}
    for s in made:
        s.remove()


def heartbeat(trio, seconds):
    trio.docker("swarm", "update", "--dispatcher-heartbeat", f"{seconds}s")


def endpoints(trio, host, node=1, want=1):
    """The instances that answer on one node."""
    return {trio.ask("east", host, node=node)[1].split('"')[3] for _ in range(3 * want)}


def whole(trio):
    """Every node ready, everything runs, every gateway has the newest table, every name is answered."""
    wait_until("all nodes ready", 60, lambda: [n["Status"]["State"] for n in trio.engine("GET", "/nodes")] == ["ready"] * 4)
    wait_until("all services complete", 90, trio.complete)
    trio.all_applied("east", seconds=90)  # a node that was off may find its tasks' networks late
    for node in (1, 2, 3):
        for host, count in ((EVERYWHERE, 4), (SURVIVORS, 3), (DOOMED, 2)):
            wait_until(f"{host} on node {node}", 30, lambda: len(endpoints(trio, host, node, count)) == count)
    wait_until("nothing that changes any more", 60, lambda: quiet(trio))


def quiet(trio):
    before = trio.gateways("east")["revision"]
    time.sleep(2)
    return before == trio.gateways("east")["revision"]


def coordinator_node(trio):
    return trio.coordinator_at()[0]


def leader(trio):
    row = next(n for n in trio.engine("GET", "/nodes") if n.get("ManagerStatus", {}).get("Leader"))
    return next(k for k, v in trio.node_ids().items() if v == row["ID"])


def state_of(trio, node):
    return trio.engine("GET", f"/nodes/{trio.node_ids()[node]}")["Status"]["State"]


def power_off(trio, node):
    """The cable first: a dying node says nothing to anybody."""
    trio.nodes("cut", node)
    trio.nodes("kill-node", node)


def failures(result):
    """Every failure as (second it began, seconds it took, what)."""
    assert len(result["first_failures"]) == result["failed"], "more failures than details"
    return [((f["at_ms"] - f["after_ms"]) / 1000, f["after_ms"] / 1000, f) for f in result["first_failures"]]


@contextlib.contextmanager
def nobody_fails(trio, *hosts, nodes, **options):
    """0 failed requests for these hosts on these nodes."""
    load = trio.load("east", *hosts, nodes=nodes, keep=4, new_rate=30, details=500, timeout_ms=8000, **options)
    try:
        time.sleep(1)
        yield load
        time.sleep(1)
    finally:
        result = load.stop()
    assert result["requests"] > 100 and result["failed"] == 0, result


def label_flows(trio, service, tag, node, seconds):
    """A changed label is answered on that node; the seconds it took."""
    began = time.monotonic()
    host = f"{tag}-{int(began * 1000)}.east.test"

    def change():
        with contextlib.suppress(AssertionError, OSError):  # no leader yet, or the engine is gone
            service.label(hosts=f"{SURVIVORS},{host}")
            return True
        return False
    wait_until("a manager that takes a change", seconds, change)
    wait_until(f"{host} on node {node}", seconds, lambda: trio.ask("east", host, node=node, timeout=2)[0] == 200)
    return time.monotonic() - began


def test_power_loss_of_a_worker_fails_nobody_elsewhere_and_hangs_nobody(trio, services):
    held = [Held(trio, (trio.address(n), PORTS["east"]), DOOMED) for n in (1, 2, 3) for _ in range(3)]
    cut = [Download(trio, (trio.address(n), PORTS["east"]), DOOMED, 64 << 20, 30, patience=25) for n in (1, 2, 3)]
    everywhere = trio.load("east", EVERYWHERE, nodes=(1, 2, 3), keep=6, new_rate=60, details=2000, timeout_ms=8000)
    try:
        with nobody_fails(trio, SURVIVORS, nodes=(1, 2, 3)):
            time.sleep(1)
            power_off(trio, LOST)
            lost = time.monotonic()
            for c in cut:
                c.ending.set()
            ends = [h.result(15) for h in held]
            for c in cut:
                c.join(30)
                assert not c.is_alive(), "a download from a dead node hangs"
            after = [Held(trio, (trio.address(1), PORTS["east"]), DOOMED, "POST", "/") for _ in range(3)]
            later = [h.result(15) for h in after]
            time.sleep(3)
    finally:
        result = everywhere.stop()
        trio.nodes("start-node", LOST)
    took = [h["began"] + h["took"] - lost for h in ends]
    note(f"requests under way on the lost node ended {min(took):.2f} to {max(took):.2f} s after its loss")
    assert all(h.get("status") in (502, 504) for h in ends), ends
    assert max(took) < NOTICED, "TCP_USER_TIMEOUT and probes have a bound"
    took = [d["began"] + d["took"] - lost for c in cut for d in c.done]
    note(f"downloads from the lost node ended {min(took):.2f} to {max(took):.2f} s after its loss")
    assert max(took) < NOTICED + BUFFERED, [c.done for c in cut]
    assert all("cut after" in d["why"] or "Reset" in d["why"] for c in cut for d in c.done), [c.done for c in cut]
    assert all(h.get("status") in (502, 503, 504) and h["took"] < 2 * CONNECT + 1.5 for h in later), later  # two tasks
    late = [(t, took, f) for t, took, f in failures(result) if t > lost - everywhere.began + 1]
    assert not late, late
    assert all(took < NOTICED for _, took, _ in failures(result)), result
    whole(trio)


def states_until_down(trio, before):
    """What Swarm calls the lost node, until it is down; nothing may be withdrawn before."""
    states = set()

    def down():
        changed = trio.gateways("east")["revision"] != before  # asked first: down withdraws at once
        state = state_of(trio, LOST)
        states.add(state)
        if changed and state in ("ready", "unknown"):
            raise AssertionError(f"something was withdrawn while the node was {state}")
        return state == "down"
    wait_until("down", 30, down)
    return states


def test_a_killed_engine_withdraws_nothing_and_fails_nobody(trio, services):
    """dockerd and containerd of the worker; its containers live on, until the next dockerd ends them."""
    revision = trio.gateways("east")["revision"]
    with nobody_fails(trio, EVERYWHERE, SURVIVORS, nodes=(1, 2, 3)):
        trio.nodes("stop-engine", LOST)
        try:
            assert len(endpoints(trio, EVERYWHERE, want=4)) == 4, "something is asked no longer"
            states = states_until_down(trio, revision)
            time.sleep(2)
        finally:
            trio.nodes("start-engine", LOST)
        assert "ready" in states, "Swarm noticed too early for this to prove anything"
        wait_until("ready", 60, lambda: state_of(trio, LOST) == "ready")
        time.sleep(3)
    whole(trio)


@contextlib.contextmanager
def no_control_plane(trio, node):
    """The node and its managers no longer hear each other; tasks do."""
    rules = [(chain, f"--{side}port") for chain in ("INPUT", "OUTPUT") for side in ("d", "s")]
    for chain, side in rules:
        trio.nodes("net", node, "iptables", "-I", chain, "-p", "tcp", side, "2377", "-j", "DROP")
    try:
        yield
    finally:
        for chain, side in rules:
            trio.nodes("net", node, "iptables", "-D", chain, "-p", "tcp", side, "2377", "-j", "DROP")


def test_a_worker_cut_off_from_the_managers_serves_on_and_comes_back(trio, services):
    kept = set()
    with nobody_fails(trio, EVERYWHERE, SURVIVORS, nodes=(1, 2, 3)):
        with no_control_plane(trio, LOST):
            kept = states_until_down(trio, trio.gateways("east")["revision"])
            time.sleep(3)
        wait_until("ready", 60, lambda: state_of(trio, LOST) == "ready")
        time.sleep(3)
    note(f"states that were seen: {', '.join(sorted(kept))}")
    whole(trio)


def away_from(trio, *nodes):
    """The coordinator may run on the other managers only."""
    def change(spec):
        spec["TaskTemplate"]["Placement"]["Constraints"] = ["node.role == manager"] + [
            f"node.hostname != {trio.prefix}{n}" for n in nodes]
    trio.ours("coordinator").update(change)
    time.sleep(0.5)
    wait_until("the coordinator elsewhere", 30, lambda: coordinator_node(trio) not in nodes and trio.gateways("east"))


def test_the_loss_of_the_leading_manager_fails_nobody_and_labels_flow_again(trio, services):
    lead = leader(trio)
    away_from(trio, lead)
    trio.all_applied("east")
    others = [n for n in (1, 2, 3) if n != lead]
    trio.manager = others[0]
    try:
        with nobody_fails(trio, SURVIVORS, EVERYWHERE, nodes=others):
            trio.nodes("stop-engine", lead)
            took = label_flows(trio, services["survivors"], "elected", others[1], 60)
            note(f"a label flows {took:.1f} s after the leader's end")
            time.sleep(2)
    finally:
        trio.nodes("start-engine", lead)
        away_from(trio)
    whole(trio)


def test_a_docker_api_that_hangs_withdraws_nothing_and_fails_nobody(trio, services):
    """The engine beside the coordinator is stopped for 20 s: it takes calls and answers none."""
    heartbeat(trio, 20)  # what Swarm itself does with a silent node is not the matter here
    time.sleep(3)  # agents learn it with their next heartbeat
    where, pid = trio.coordinator_at()
    trio.manager = next(n for n in (1, 2, 3) if n not in (where, leader(trio)))
    before = trio.gateways("east")["revision"]
    try:
        with nobody_fails(trio, SURVIVORS, EVERYWHERE, nodes=(1, 2, 3)):
            trio.nodes("pause-engine", where)
            try:
                time.sleep(20)
            finally:
                trio.nodes("resume-engine", where)
            time.sleep(2)
        wait_until("the coordinator", 20, lambda: trio.gateways("east"))
        assert trio.coordinator_at() == (where, pid), "the coordinator was replaced: this proved something else"
        assert trio.gateways("east")["revision"] == before, "something was withdrawn"
        assert label_flows(trio, services["survivors"], "unstopped", 1, 20) < 20
    finally:
        heartbeat(trio, 2)
    whole(trio)

