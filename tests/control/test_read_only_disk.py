"""A store that cannot be written any more: writes say why, reads, streams and gateways go on, and it takes writes again as soon
as it can. A file system that turns read-only under open files is one whose writes give EROFS; Linux lets nobody do that
to a mount by hand, so the calls of the running process are made to. Without open files it is a mount."""
import errno
import subprocess
import threading

import rig
from fault_sweep import Faults
from test_full_disk import small_disk  # noqa: F401 (a fixture)
from test_replica import stream_status

ROUTE = {"cluster": "east", "hosts": ["ro.example"], "respond": {"status": 200, "body": "kept"}}
ROUTES = "/v1/tenants/default/routes"


def test_a_disk_that_turns_read_only_refuses_writes_and_nothing_else(own, tmp_path):
    faults = Faults(tmp_path, rig.BUILD / "bin")
    control = own(env=faults.env(), stream=f"127.0.0.1:{rig.free_port()}")
    made = control.operator.made(f"{ROUTES}/web", ROUTE)
    gateways = [rig.Gateway(control, "east", "g0")]
    try:
        rig.eventually("it serves", lambda: gateways[0].ask("ro.example") == (200, "kept"))
        faults.aim("write", errno.EROFS, 1, 0, control.process.pid, only=1)
        for _ in range(3):
            refused = control.operator.put(f"{ROUTES}/web", {**ROUTE, "respond": {"status": 200, "body": "lost"}})
            assert refused.status == 503 and refused.json["code"] == "StoreReadOnly", refused
            assert "remount" in refused.json["detail"] and "no restart is needed" in refused.json["detail"], refused
        assert control.operator.delete(f"{ROUTES}/web").status == 503
        shown = control.operator.get(f"{ROUTES}/web")
        assert shown.etag == made.etag and shown.json["respond"]["body"] == "kept"
        assert control.operator.get("/v1/commits").json["commits"][0]["commit"] == made.commit
        assert stream_status(control) == 200
        gateways.append(rig.Gateway(control, "east", "g1"))  # one that comes new
        rig.eventually("a new one serves", lambda: gateways[1].ask("ro.example") == (200, "kept"))
        assert gateways[0].ask("ro.example") == (200, "kept")
        faults.disarm()
        rig.eventually("it takes writes again", lambda: control.operator.put(f"{ROUTES}/more", {
            **ROUTE, "hosts": ["more.example"]}).status == 201)
        changed = control.operator.put(f"{ROUTES}/web", {**ROUTE, "respond": {"status": 200, "body": "new"}}, wait="applied", timeout="10s")
        assert changed.status == 200 and [g.ask("ro.example") for g in gateways] == [(200, "new")] * 2, changed
    finally:
        [g.stop() for g in gateways]


def test_a_start_on_a_read_only_disk_says_so_and_goes_on_when_it_is_mended(own, small_disk):  # noqa: F811
    control = own(store=small_disk / "store.db")
    control.operator.made(f"{ROUTES}/web", ROUTE)
    control.kill()
    control.operator.close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    control.spawn()
    control.await_ports()
    ready = rig.eventually("it says why it is not ready", lambda: (a := control.operator.get("/readyz", check=False)).status == 503 and
                           a.json["code"] == "StoreReadOnly" and a)
    assert "remount" in ready.json["detail"], ready
    refused = control.operator.put(f"{ROUTES}/web", ROUTE)
    assert refused.status == 503 and refused.json["code"] == "StoreReadOnly", refused
    assert control.operator.get("/livez").status == 200
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    control.await_ready()
    assert control.operator.get(f"{ROUTES}/web").json["respond"]["body"] == "kept"
    rig.eventually("it takes writes", lambda: control.operator.put(f"{ROUTES}/more", {**ROUTE, "hosts": ["more.example"]}).status == 201)


def test_nobody_is_refused_for_a_write_that_the_disk_does_not_take(own, tmp_path):
    """Of writes that share a batch the later ones are judged as if it were committed; when it is not, they are judged again."""
    faults = Faults(tmp_path, rig.BUILD / "bin")
    control = own(env=faults.env())
    control.operator.made(f"{ROUTES}/web", ROUTE)
    faults.aim("write", errno.EROFS, 1, 0, control.process.pid, only=1)
    answers, start = [], threading.Barrier(12)

    def race(i):
        client = rig.Client(control, control.operator.token)
        for round_ in range(10):
            start.wait()
            answers.append(client.put(f"{ROUTES}/raced{round_}", {**ROUTE, "hosts": [f"raced{round_}.example"]}, check=False,
                                      headers={"If-None-Match": "*"}))
        client.close()
    threads = [threading.Thread(target=race, args=(i,)) for i in range(12)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert {(a.status, a.json["code"]) for a in answers} == {(503, "StoreReadOnly")}, [a for a in answers if a.status != 503][:3]
    faults.disarm()
    rig.eventually("it takes writes again", lambda: control.operator.put(f"{ROUTES}/raced0", {**ROUTE, "hosts": ["raced.example"]}).status == 201)
