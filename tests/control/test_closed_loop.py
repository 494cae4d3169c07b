"""The closed loop with real gateways: what is answered as applied is what every gateway does."""
import signal
import time

import pytest
import rig

HOST = "loop.example"
ROUTE = "/v1/tenants/loop/routes/web"


def answer(text):
    return {"cluster": "east", "hosts": [HOST], "respond": {"status": 200, "body": text}}


@pytest.fixture
def fleet(own):
    control = own(stream=f"127.0.0.1:{rig.free_port()}")
    control.tenant("loop")
    gateways = [rig.Gateway(control, "east", f"g{i}") for i in range(3)]
    control.operator.made(ROUTE, answer("0"))
    for g in gateways:
        rig.eventually(f"{g.name} serves", lambda g=g: g.ask(HOST) == (200, "0"))
    rig.eventually("all report", lambda: control.operator.put(ROUTE, answer("0"), wait="applied", timeout="1s").status == 200)
    yield control, gateways
    for g in gateways:
        g.stop()


def test_what_is_applied_is_served_by_every_gateway_at_once(fleet):
    control, gateways = fleet
    slowest = 0
    for n in range(1, 41):
        begin = time.monotonic()
        made = control.operator.put(ROUTE, answer(str(n)), wait="applied", timeout="10s")
        slowest = max(slowest, time.monotonic() - begin)
        assert made.status == 200 and made.json["status"]["write"]["applied"] is True, made
        seen = [g.ask(HOST) for g in gateways]
        assert seen == [(200, str(n))] * 3, f"write {n} was answered as applied, the gateways say {seen}"
    print(f"40 writes applied by 3 gateways, the slowest after {slowest * 1000:.0f} ms")


def test_a_paused_gateway_is_named_and_never_counted(fleet):
    control, gateways = fleet
    gateways[1].signal(signal.SIGSTOP)
    late = control.operator.put(ROUTE, answer("paused"), wait="applied", timeout="1500ms")
    assert late.status == 202 and late.json["status"]["write"]["applied"] is False, late
    assert [g["gateway"] for g in late.json["status"]["write"]["laggards"]] == ["g1"], late
    assert gateways[0].ask(HOST) == gateways[2].ask(HOST) == (200, "paused")
    gateways[1].signal(signal.SIGCONT)
    again = control.operator.put(ROUTE, answer("paused"), wait="applied", timeout="15s")
    assert again.status == 200 and again.commit == late.commit, again
    assert gateways[1].ask(HOST) == (200, "paused")


def test_a_killed_gateway_is_unknown_and_never_applied(fleet):
    control, gateways = fleet
    gateways[2].signal(signal.SIGKILL)
    gateways[2].process.wait(rig.WAIT)
    late = control.operator.put(ROUTE, answer("killed"), wait="applied", timeout="1500ms")
    assert late.status == 202, late
    (laggard,) = late.json["status"]["write"]["laggards"]
    assert laggard["gateway"] == "g2" and laggard["state"] in ("live", "unknown"), laggard  # no task of Swarm: a lease of 30 s
    assert [g.ask(HOST) for g in gateways[:2]] == [(200, "killed")] * 2


def test_what_gateways_would_refuse_never_reaches_them(fleet):
    """One schema judges both: the API answers what a gateway would have reported as a refusal."""
    control, gateways = fleet
    control.operator.made("/v1/tenants/loop/pools/web", {"cluster": "east"}, wait="applied", timeout="10s")
    same = {"cluster": "east", "endpoints": [{"address": "127.0.0.1", "port": 9}, {"address": "127.0.0.1", "port": 9}]}
    refused = control.operator.put("/v1/tenants/loop/endpoints/web", same)
    assert refused.status == 422 and refused.json["errors"][0]["pointer"].startswith("/endpoints/1"), refused
    assert all(g["refusals"] == [] for g in control.operator.get("/v1/clusters/east/gateways").json["gateways"])


def test_a_killed_gateway_counts_as_long_as_swarm_wants_its_task(own):
    """The rule of liveness: a task that Swarm wants is waited for however silent it is, one that it gave up is not; what is no
    task is waited for a lease of 30 s, and never counts as having anything after that."""
    control = own(stream=f"127.0.0.1:{rig.free_port()}")
    control.tenant("loop")
    control.service("fleet", {}, 3)
    ids = [task["ID"] for task in control.state["tasks"]]
    gateways = {name: rig.Gateway(control, "east", name) for name in [*ids, "alone"]}
    try:
        rig.eventually("all report", lambda: control.operator.put(ROUTE, answer("0"), wait="applied", timeout="2s").status in (200, 201) and
                       len(control.operator.get("/v1/clusters/east/gateways").json["gateways"]) == 4)

        def write(text, timeout="1s"):
            made = control.operator.put(ROUTE, answer(text), wait="applied", timeout=timeout)
            assert (made.status == 200) == made.json["status"]["write"]["applied"], made
            return {g["gateway"]: g["state"] for g in made.json["status"]["write"].get("laggards", [])}

        assert write("1", "10s") == {}
        for name in (ids[2], "alone"):
            gateways[name].signal(signal.SIGKILL)
        killed = time.monotonic()
        assert write("2") == {ids[2]: "live", "alone": "live"}
        assert [gateways[name].ask(HOST) for name in ids[:2]] == [(200, "2")] * 2
        rig.eventually("the lease has lapsed", lambda: write(f"at {time.monotonic()}", "200ms") == {ids[2]: "silent", "alone": "unknown"}, timeout=40)
        assert time.monotonic() - killed > 29
        for task in control.state["tasks"]:
            if task["ID"] == ids[2]:
                task.update(DesiredState="shutdown", Status={"State": "failed"})
        control.tell_docker()
        rig.eventually("it is not waited for any more", lambda: write(f"at {time.monotonic()}", "200ms") == {"alone": "unknown"})
        assert [gateways[name].ask(HOST)[0] for name in ids[:2]] == [200] * 2
    finally:
        for g in gateways.values():
            g.stop()
