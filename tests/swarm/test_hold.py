"""A coordinator that has lost its store, or whose Docker has lost the swarm, takes no route away from gateways
that serve it. The coordinator as a process against a scripted Docker API (test_stream.py has the tools)."""
import subprocess
import time
from pathlib import Path

import pytest

from test_stream import (BUILD, Stream, coordinator, eventually, fake_docker, labels, running,  # noqa: F401 (fixtures)
                         shown)

HOLD_WAIT = 12  # clusters/hold.h
LATER = "99999999999000-later"  # an epoch later than any of today


def services(coordinator, number):
    for name in [s["Spec"]["Name"] for s in coordinator.state["services"]]:
        fake_docker.remove_service(coordinator.state, name)
    for i in range(number):
        fake_docker.add_service(coordinator.state, f"s{i}", labels(f"s{i}.east.test"))
    coordinator.write()


def cluster(coordinator, name="east"):
    return coordinator.get(f"/v1/clusters/{name}")[2]


def reported(coordinator, gateway, routes, epoch="5-old", name="east", applied=1):
    body = {"node": "n1", "applied": applied, "routes": routes, "epoch": epoch, "refusals": []}
    assert coordinator.report(name, gateway, body)[0] == 204


def not_ready(coordinator):
    status, _, why = coordinator.get("/readyz", token="")
    return why if status == 503 else None


def held(coordinator, code):
    return eventually(code, lambda: (w := not_ready(coordinator)) and w["code"] == code and w)


@pytest.fixture
def empty(coordinator):  # noqa: F811
    """Started with an empty store and three services; one gateway serves five routes of its old table."""
    services(coordinator, 3)
    coordinator.start_docker()
    coordinator.start(hold=True)
    reported(coordinator, "g1", 5)
    return coordinator


def test_an_empty_store_is_not_published_while_a_gateway_holds_more_routes(empty):
    why = held(empty, "HeldFewer")
    assert "3 routes" in why["detail"] and 'gateway "g1" holds 5' in why["detail"] and "--accept-empty" in why["detail"]
    seen = cluster(empty)
    assert (seen["state"], seen["streaming"], seen["routes"], seen["gateway_routes"]) == ("held", False, 3, 5)
    refused = Stream(empty, query="?epoch=5-old&from=9&gateway=g1")
    assert refused.reply.status == 503
    refused.close()
    time.sleep(HOLD_WAIT + 1)
    reported(empty, "g1", 5)
    assert not_ready(empty)["code"] == "HeldFewer", "time alone lets nothing go"
    assert cluster(empty)["revision"] == 0, "what is held is not committed either"
    services(empty, 5)
    eventually("ready", empty.ready)
    stream = Stream(empty, query="?epoch=5-old&from=9&gateway=g1")
    stream.commit()
    assert stream.hello["mode"] == "snapshot" and len([k for k, _ in stream.objects if k == "route"]) == 5
    assert cluster(empty)["state"] == "published"
    stream.close()


def test_a_restart_in_the_middle_of_the_wait_publishes_nothing(empty):
    held(empty, "HeldFewer")
    empty.end(9)
    empty.start(hold=True)
    reported(empty, "g1", 5)
    held(empty, "HeldFewer")


def test_accept_empty_publishes_what_there_is(empty):
    held(empty, "HeldFewer")
    empty.end()
    empty.start()  # test_stream.py's coordinators accept it
    reported(empty, "g1", 5)
    eventually("ready", empty.ready, timeout=5)
    stream = Stream(empty)
    stream.commit()
    assert len([k for k, _ in stream.objects if k == "route"]) == 3
    stream.close()


def test_a_gateway_that_is_gone_holds_nobody_up(empty):
    """Its task is desired shutdown: it is not live, at once."""
    held(empty, "HeldFewer")
    fake_docker.add_service(empty.state, "fleet", {}, replicas=2)
    first, second = (t["ID"] for t in empty.state["tasks"][-2:])
    empty.write()
    reported(empty, "g1", 3)
    reported(empty, first, 5)
    assert not_ready(empty)["code"] == "HeldFewer"
    empty.state["tasks"][-2].update(DesiredState="shutdown", Status={"State": "shutdown"})
    empty.write()
    eventually("ready", empty.ready, timeout=HOLD_WAIT + 5)
    assert shown(empty, second) is None


def test_without_gateways_it_waits_for_them_a_while(coordinator):  # noqa: F811
    services(coordinator, 3)
    coordinator.start_docker()
    coordinator.start(hold=True)
    begin = time.monotonic()
    held(coordinator, "HeldAsking")
    eventually("ready", coordinator.ready, timeout=HOLD_WAIT + 5)
    assert time.monotonic() - begin > HOLD_WAIT - 2


def test_the_first_list_of_a_swarm_that_lost_everything_withdraws_nothing(running):  # noqa: F811
    stream = Stream(running)
    stream.commit()
    running.end()
    services(running, 0)
    running.start(hold=True)
    reported(running, "g1", 1, stream.hello["epoch"])
    why = held(running, "HeldFewer")
    assert "gives 0 routes" in why["detail"]
    after = Stream(running)
    after.commit()
    assert after.objects == stream.objects and after.revision == stream.revision, "the stored table is served"
    running.service("api", labels("api.east.test"))
    eventually("ready", running.ready)
    after.commit()
    assert ("route", "api") in after.objects and ("route", "shop") not in after.objects
    for s in (stream, after):
        s.close()


def test_services_that_went_while_it_was_away_are_withdrawn(running):  # noqa: F811
    """One of two is gone; the store is this swarm's, and the list is not empty: no reason to hold."""
    running.service("api", labels("api.east.test"))
    eventually("api", lambda: running.show("api"))
    stream = Stream(running)
    stream.commit()
    running.end()
    fake_docker.remove_service(running.state, "shop")
    running.write()
    running.start(hold=True)
    reported(running, "g1", 2, stream.hello["epoch"])
    eventually("ready", running.ready)
    stream.close()


def test_gateways_with_a_later_epoch_get_a_still_later_one(running):  # noqa: F811
    """The store is an old one, or was made with the clock behind: they would refuse its epoch."""
    before = Stream(running, query="?gateway=g0")
    before.commit()
    west = Stream(running, "west")
    west.commit()
    assert Stream(running, query=f"?epoch={LATER}&from=3&gateway=g1").reply.status == 503
    reported(running, "g1", 1, LATER)
    eventually("another epoch", lambda: cluster(running)["epoch"] != before.hello["epoch"])
    eventually("ready", running.ready)
    epoch = cluster(running)["epoch"]
    assert int(epoch.split("-")[0]) == int(LATER.split("-")[0]) + 1
    after = Stream(running, query=f"?epoch={LATER}&from=3&gateway=g1")
    after.commit()
    assert after.hello == {"cluster": "east", "epoch": epoch, "revision": before.revision, "mode": "snapshot"}
    assert cluster(running, "west")["epoch"] == before.hello["epoch"], "another cluster's epoch is its own"
    running.end(9)
    running.start(hold=True)
    assert cluster(running)["epoch"] == epoch, "kept in the store"
    for s in (before, west, after):
        s.close()


def test_gateways_ahead_of_a_restored_store_take_its_table_in_a_later_epoch(running):  # noqa: F811
    """A backup, or a log that lost its end: the same epoch, and numbers of commits that were given already."""
    running.end()
    backup = {p: p.read_bytes() for p in running.scratch.glob("store.db*")}
    running.start(hold=True)
    running.service("api", labels("api.east.test"))
    stream = Stream(running)
    while ("route", "api") not in stream.objects:
        stream.commit()
    running.end(9)
    for p in running.scratch.glob("store.db*"):
        p.unlink()
    for p, data in backup.items():
        p.write_bytes(data)
    running.fake.stop()
    running.start(hold=True)
    query = f"?epoch={stream.hello['epoch']}&from={stream.revision}&gateway=g1"
    for _ in range(3):
        early = Stream(running, query=query)
        assert early.reply.status == 503, "the older table is not sent to who has a newer one"
        early.close()
    running.start_docker()
    reported(running, "g1", 2, stream.hello["epoch"], applied=stream.revision)
    eventually("a later epoch", lambda: cluster(running)["epoch"] > stream.hello["epoch"], timeout=20)
    eventually("ready", running.ready)
    after = Stream(running, query=query)
    after.commit()
    assert after.hello["mode"] == "snapshot" and after.objects == stream.objects
    for s in (stream, after):
        s.close()


def test_a_later_epoch_with_more_routes_is_left_alone(running):  # noqa: F811
    """Its gateway goes on with what it holds; the others are served as before."""
    before = cluster(running)["epoch"]
    running.end()
    running.start(hold=True)
    eventually("ready", running.ready)
    reported(running, "g1", 7, LATER)
    why = held(running, "HeldFewer")
    assert "holds 7" in why["detail"] and cluster(running)["epoch"] == before
    served = Stream(running, query=f"?epoch={before}&from=1&gateway=g2")
    assert served.reply.status == 200
    assert Stream(running, query=f"?epoch={LATER}&from=3&gateway=g1").reply.status == 503
    served.close()


def test_an_epoch_that_cannot_be_is_not_believed(running):  # noqa: F811
    before = cluster(running)["epoch"]
    for epoch in ("100000000000001-x", "99999999999999999999999-x", "x-1", "-", "later"):
        reported(running, "g1", 0, epoch)
        time.sleep(0.2)
    assert cluster(running)["epoch"] == before and running.ready()


def test_a_cluster_named_again_waits_for_a_picture(running):  # noqa: F811
    """While it was not named its services changed: the table that the store has of it is an old one."""
    west = Stream(running, "west")
    west.commit()
    running.end()
    running.start(hold=True, clusters=["east"])
    eventually("ready", running.ready)
    running.end()
    running.fake.stop()
    running.start(hold=True)
    assert Stream(running, "east").reply.status == 200, "it was named all the time"
    refused = Stream(running, "west")
    assert refused.reply.status == 503
    assert not_ready(running)["code"] == "NotRead"
    assert cluster(running, "west")["state"] == "held"
    fake_docker.remove_service(running.state, "west")
    fake_docker.add_service(running.state, "west2", labels("two.west.test", "west"))
    running.write()
    running.start_docker()
    eventually("ready", running.ready)
    again = Stream(running, "west", query=f"?epoch={west.hello['epoch']}&from={west.revision}").hold(west)
    again.commit()
    assert ("route", "west2") in again.objects and ("route", "west") not in again.objects
    for s in (west, refused, again):
        s.close()


def test_the_identity_alone_verifies_the_tokens_of_a_lost_coordinator(running):  # noqa: F811
    """Everything but the secret is gone: store, address, ports."""
    token, bootstrap = running.token("east"), running.bootstrap()
    running.end(9)
    running.start(store=running.scratch / "elsewhere.db")
    eventually("ready", running.ready)
    stream = Stream(running, token=token)
    stream.commit()
    assert running.get("/v1", token=bootstrap)[0] == 200
    stream.close()


@pytest.fixture
def gateway(coordinator):  # noqa: F811
    """A real one, outside Swarm, of a cluster of five services."""
    services(coordinator, 5)
    coordinator.start_docker()
    coordinator.start()
    eventually("ready", coordinator.ready)
    token = coordinator.scratch / "token"
    token.write_text(coordinator.token("east") + "\n")
    (coordinator.scratch / "state").mkdir()
    with open(coordinator.scratch / "gateway.log", "wb") as log:
        process = subprocess.Popen(
            [Path(BUILD) / "bin/signalbox-gateway", "--coordinator", f"http://127.0.0.1:{coordinator.stream_port}",
             "--cluster", "east", "--token-file", token, "--id", "real", "--node", "n1", "--workers", "1",
             "--state", coordinator.scratch / "state", "--listen-http", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
            stderr=log)
    eventually("its report", lambda: (g := shown(coordinator, "real")) and g["up_to_date"] and g["routes"] == 5)
    yield process
    process.terminate()
    process.wait(20)
    print((coordinator.scratch / "gateway.log").read_text())


def test_a_real_gateway_keeps_five_routes_through_a_lost_store_with_three(coordinator, gateway):  # noqa: F811
    before = shown(coordinator, "real")
    coordinator.end(9)
    services(coordinator, 3)
    coordinator.start(store=coordinator.scratch / "new.db", hold=True, stream=f"127.0.0.1:{coordinator.stream_port}")
    why = held(coordinator, "HeldFewer")
    assert 'gateway "real" holds 5' in why["detail"] and "gives 3 routes" in why["detail"]
    time.sleep(2)
    assert shown(coordinator, "real")["routes"] == 5 and shown(coordinator, "real")["epoch"] == before["epoch"]
    services(coordinator, 5)
    begin = time.monotonic()
    eventually("ready", coordinator.ready, timeout=HOLD_WAIT + 5)
    after = eventually("the gateway", lambda: (g := shown(coordinator, "real")) and g["up_to_date"] and g, timeout=15)
    assert after["epoch"] > before["epoch"] and after["routes"] == 5 and gateway.poll() is None
    print(f"published and adopted after {time.monotonic() - begin:.1f} s")


def test_a_real_gateway_is_told_a_later_epoch_when_an_old_store_comes_back(coordinator, gateway):  # noqa: F811
    """The coordinator goes from one manager to another and back to the first, where its old store is."""
    stream = f"127.0.0.1:{coordinator.stream_port}"
    coordinator.end(9)
    coordinator.start(store=coordinator.scratch / "second.db", hold=True, stream=stream)
    second = eventually("the second's table", lambda: (g := shown(coordinator, "real")) and g["up_to_date"] and g,
                        timeout=HOLD_WAIT + 10)
    coordinator.end(9)
    coordinator.start(hold=True, stream=stream)
    third = eventually("the first's table", lambda: (g := shown(coordinator, "real")) and g["up_to_date"] and
                       g["epoch"] > second["epoch"] and g, timeout=HOLD_WAIT + 10)
    assert third["routes"] == 5 and gateway.poll() is None
    assert "OlderEpoch" not in (coordinator.scratch / "gateway.log").read_text()
