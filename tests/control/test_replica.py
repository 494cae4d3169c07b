"""Documents in Swarm's own store as the admin API shows them: an empty store finds everything again, durable writes outlive
kill -9 and the store, the coordinator that was started last writes, and without the fence nothing is written. Real managers:
tests/swarm/test_replica.py."""
import base64
import contextlib
import copy
import http.client
import json
import os
import sqlite3
import subprocess
import threading
import time

import pytest
import rig
from test_full_disk import fill, small_disk  # noqa: F401 (a fixture)

ROUTE = {"cluster": "east", "hosts": ["shop.example"], "forward": [{"pool": "web"}]}


def anew(control, number):
    """Its process ends by kill -9, its store is gone: as on another manager."""
    if control.process.poll() is None:
        control.kill()
    control.operator.close()
    control.store = control.scratch / f"store{number}.db"
    control.start()
    loaded(control)


def loaded(control):
    rig.eventually("it may write", lambda: control.operator.put("/v1/tenants/probe", {}).status in (200, 201))


def swarm_objects(control):
    """Their names; the fence is there for who writes."""
    names = [c["Spec"]["Name"] for c in json.loads((control.scratch / "docker.json.configs").read_text())]
    return sorted(name for name in names if name != "signalbox-fence")


def is_durable(answer):
    return answer.json["status"]["write"]["durable"]


def content(answer):
    """A document and when it was first written; its commits are another store's."""
    assert answer.status == 200, answer
    return {**answer.json, "status": answer.json["status"]["created_ms"]}


@pytest.fixture
def peer(own):
    """A second coordinator on the same engine, with the same identity and a store of its own."""
    control = own()
    other = copy.copy(control)
    other.scratch = control.scratch / "peer"
    other.scratch.mkdir()
    os.symlink(control.scratch / "docker.sock", other.scratch / "docker.sock")
    other.store = other.scratch / "store.db"
    other.process = None
    yield control, other
    if other.process:
        other.kill()
        other.log.close()
        assert "Sanitizer" not in other.log_text() and "ASSERT" not in other.log_text(), other.log_text()[-4000:]


def test_an_empty_store_finds_everything_again(own):
    control = own()
    control.tenant("shop", hosts=["shop.example"])
    tenant = control.client("tenant-admin", tenant="shop")
    tenant.made("/v1/tenants/shop/pools/web", {"cluster": "east"})
    tenant.made("/v1/tenants/shop/endpoints/web", {"cluster": "east", "endpoints": [{"address": "10.1.2.3", "port": 80}]})
    made = tenant.made("/v1/tenants/shop/routes/web", ROUTE, durable="swarm")
    assert is_durable(made), made
    gone = tenant.made("/v1/tenants/shop/pools/gone", {"cluster": "east"})
    assert tenant.delete("/v1/tenants/shop/pools/gone", durable="swarm").status == 200
    before = {path: content(tenant.get(path)) for path in ("/v1/tenants/shop/pools/web", "/v1/tenants/shop/routes/web",
                                                           "/v1/tenants/shop/endpoints/web")}
    commit = made.commit
    anew(control, 2)
    for path, document in before.items():
        assert content(tenant.get(path)) == document  # the tenant's token is good as well
    assert tenant.get("/v1/tenants/shop/pools/gone").status == 404
    assert tenant.made("/v1/tenants/shop/pools/more", {"cluster": "east"}).commit > max(commit, gone.commit)
    rig.eventually("the route is in the table", lambda: control.cluster("east")["routes"] == 1)


def test_durable_writes_outlive_kill_9_and_the_store(own):
    control = own()
    control.tenant("shop")
    acked = []

    def write(start):
        client = rig.Client(control, control.bootstrap)
        for n in range(start, start + 1000):
            try:
                answer = client.put(f"/v1/tenants/shop/pools/p{n}", {"cluster": "east"}, durable="swarm", check=False)
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 201 and is_durable(answer):
                acked.append(n)

    for life in range(4):
        threads = [threading.Thread(target=write, args=(life * 10000 + i * 1000,)) for i in range(4)]
        for t in threads:
            t.start()
        time.sleep(1.5 + life * 0.17)
        control.kill()
        for t in threads:
            t.join()
        anew(control, life + 2)
        missing = [n for n in acked if control.operator.get(f"/v1/tenants/shop/pools/p{n}").status != 200]
        assert acked and not missing, missing
    assert len(acked) > 20


def test_the_coordinator_that_was_started_last_writes(peer):
    old, fresh = peer
    old.tenant("shop")
    assert is_durable(old.operator.made("/v1/tenants/shop/pools/web", {"cluster": "east"}, durable="swarm"))
    fresh.start()
    loaded(fresh)
    assert fresh.operator.get("/v1/tenants/shop/pools/web").status == 200
    refused = rig.eventually("the old one refuses", lambda: (a := old.operator.put(
        "/v1/tenants/shop/pools/late", {"cluster": "east"})).status == 503 and a.json["code"] == "Fenced" and a, timeout=5)
    assert "taken over" in refused.json["detail"], refused
    assert old.operator.get("/v1/tenants/shop/pools/web").status == 200, "reads go on"
    assert stream_status(old) == 503 and stream_status(fresh) == 200
    fresh.operator.made("/v1/tenants/shop/pools/more", {"cluster": "east"}, durable="swarm")
    fresh.restart()
    loaded(fresh)
    assert fresh.operator.get("/v1/tenants/shop/pools/more").status == 200
    assert fresh.operator.get("/v1/tenants/shop/pools/late").status == 404


def stream_status(control):
    token = control.program("token", "cluster", "east", "--identity", control.identity).split()[0]
    conn = http.client.HTTPConnection("127.0.0.1", control.stream_port, timeout=rig.WAIT)
    conn.request("GET", "/v1/clusters/east/stream", headers={"Authorization": f"Bearer {token}"})
    status = conn.getresponse().status
    conn.close()
    return status


def test_without_the_fence_nothing_is_written_and_reads_go_on(own):
    control = own()
    control.tenant("shop")
    control.operator.made("/v1/tenants/shop/pools/web", {"cluster": "east"}, durable="swarm")
    control.state["fail_configs"] = 503
    control.tell_docker()
    refused = rig.eventually("writes are refused", lambda: (a := control.operator.put(
        "/v1/tenants/shop/pools/web", {"cluster": "east", "metadata": {"labels": {"n": str(time.time_ns())}}})).status == 503 and a)
    assert refused.json["code"] == "Fencing", refused
    assert control.operator.get("/v1/tenants/shop/pools/web").status == 200
    assert stream_status(control) == 200
    control.state["fail_configs"] = 0
    control.tell_docker()
    rig.eventually("writes again", lambda: control.operator.put(
        "/v1/tenants/shop/pools/after", {"cluster": "east"}, durable="swarm").status == 201)
    anew(control, 2)
    assert control.operator.get("/v1/tenants/shop/pools/after").status == 200


def test_what_swarm_holds_is_taken_as_soon_as_there_is_room_for_it(peer, small_disk):  # noqa: F811
    old, fresh = peer
    fresh.store = small_disk / "store.db"
    fresh.start()
    fresh.kill()
    old.kill()
    old.start()
    loaded(old)
    old.tenant("shop")
    for n in range(40):  # more than the log of the full disk has room for
        old.operator.made(f"/v1/tenants/shop/pools/p{n}", {"cluster": "east", "metadata": {"labels": {"a": "x" * 60, "n": str(n)}}})
    old.operator.made("/v1/tenants/shop/pools/web", {"cluster": "east"}, durable="swarm")
    old.kill()
    fill(small_disk / "filler")
    fresh.operator.close()
    with pytest.raises(AssertionError, match="it is ready"):
        fresh.start()
    refused = rig.eventually("a write that does not fit", lambda: (a := fresh.operator.put(
        "/v1/tenants/other", {}, check=False)).status in (503, 507) and a)
    assert refused.json["code"] in ("StoreFull", "Fencing", "NotRead"), refused
    assert fresh.operator.put("/v1/tenants/other", {}).status == 507
    os.unlink(small_disk / "filler")
    loaded(fresh)
    assert fresh.operator.get("/v1/tenants/shop/pools/web").status == 200
    assert fresh.operator.get("/v1/tenants/shop/pools/p39").status == 200


def test_what_is_in_swarm_cannot_be_read_without_the_identity(own):
    control = own()
    control.tenant("secretshop", hosts=["secretshop.example"])
    control.operator.made("/v1/tenants/secretshop/pools/web", {"cluster": "east"}, durable="swarm")
    kept = json.loads((control.scratch / "docker.json.configs").read_text())
    names = [c["Spec"]["Name"] for c in kept]
    assert "signalbox-fence" in names and any(n.startswith("signalbox-l-") for n in names), names
    for c in kept:
        assert b"secretshop" not in base64.b64decode(c["Spec"]["Data"])
        assert "secretshop" not in json.dumps(c["Spec"]["Labels"])
    control.kill()
    control.identity.write_text(control.program("identity", "new"))
    control.bootstrap = control.program("token", "bootstrap", "--identity", control.identity).strip()
    control.store = control.scratch / "other.db"
    with pytest.raises(AssertionError, match="it is ready"):
        control.start()
    assert "were not written with this identity" in control.operator.get("/readyz").json["detail"]
    assert control.operator.put("/v1/tenants/x", {}).status == 503


def test_where_nothing_is_replicated_a_durable_write_is_refused_at_once(own):
    control = own(args=("--accept-empty", "--replica", "off"))
    control.tenant("shop")
    begin = time.monotonic()
    refused = control.operator.put("/v1/tenants/shop/pools/web", {"cluster": "east"}, durable="swarm")
    assert refused.status == 422 and time.monotonic() - begin < 3, refused
    assert refused.json["errors"][0]["code"] == "NotReplicated" and "--replica off" in refused.text, refused
    assert control.operator.get("/v1/tenants/shop/pools/web").status == 404
    back = control.operator.post("/v1/tenants/shop/rollback", {"to": 1}, durable="swarm")
    assert back.status == 422 and back.json["errors"][0]["code"] == "NotReplicated", back
    control.operator.made("/v1/tenants/shop/pools/web", {"cluster": "east"})


def test_a_document_as_large_as_may_be_is_in_swarm_as_well(own):
    control = own()
    control.tenant("shop")
    large = {"cluster": "east", "endpoints": [{"address": f"10.9.{i >> 8}.{i & 255}", "port": 80, "task": os.urandom(28).hex()}
                                              for i in range(4096)]}
    while len(json.dumps(large, separators=(",", ":"))) > 480 << 10:
        large["endpoints"].pop()
    made = control.operator.put("/v1/tenants/shop/endpoints/web", large, durable="swarm")
    assert made.status == 201 and is_durable(made), str(made)[:300]
    anew(control, 2)
    assert control.operator.get("/v1/tenants/shop/endpoints/web").json["endpoints"] == large["endpoints"]
    large["endpoints"] += large["endpoints"][:200]
    refused = control.operator.put("/v1/tenants/shop/endpoints/web", large)
    assert refused.status in (413, 422), str(refused)[:300]


def test_more_than_swarm_takes_is_kept_here_and_refused_where_it_was_to_be_there(own):
    control = own()
    control.tenant("shop")
    # Words that do not deflate: 8 MB of them is what Swarm's store takes.
    for n in range(32):
        words = [base64.b64encode(os.urandom(90)).decode() for _ in range(3000)]
        large = {"cluster": "east", "endpoints": [{"address": f"10.{n}.{i // 250}.{i % 250 + 1}", "port": 80, "task": words[2 * i],
                                                   "node": words[2 * i + 1]} for i in range(1500)]}
        assert control.operator.put(f"/v1/tenants/shop/endpoints/e{n}", large).status == 201
    refused = rig.eventually("it is too much", lambda: (a := control.operator.put(
        "/v1/tenants/shop/pools/more", {"cluster": "east"}, durable="swarm")).status == 507 and a)
    assert refused.json["code"] == "TooMuch" and "not replicated into Swarm" in refused.json["detail"], refused
    assert control.operator.put("/v1/tenants/shop/pools/late", {"cluster": "east"}, durable="swarm").status == 507
    assert control.operator.get("/v1/tenants/shop/pools/late").status == 404
    here = control.operator.put("/v1/tenants/shop/pools/here", {"cluster": "east"})
    assert here.status == 201 and "durable" not in here.json["status"]["write"], here


def test_what_a_newer_program_wrote_is_taken_over_kept_and_told(own):
    control = own()
    control.tenant("shop", hosts=["shop.example"])
    control.operator.made("/v1/tenants/shop/pools/web", {"cluster": "east"})
    control.operator.made("/v1/tenants/shop/routes/web", ROUTE)
    control.operator.made("/v1/tenants/shop/routes/plain", {**ROUTE, "hosts": ["shop.example"], "path": "/plain"})
    control.kill()
    newer = json.dumps({**ROUTE, "warp": {"factor": 9}}, separators=(",", ":"))
    with contextlib.closing(sqlite3.connect(control.store)) as store:  # as a newer program would have put it
        store.execute("UPDATE documents SET value = ? WHERE kind = 'route' AND name = 'web'", (newer,))
        store.commit()
    (control.scratch / "docker.json.configs").write_text("[]")  # Swarm gets all of it anew
    control.operator.close()
    control.start()
    control.operator.made("/v1/tenants/shop/pools/more", {"cluster": "east"}, durable="swarm")
    for number in (2, 3):  # taken over, and taken over from who took it over
        anew(control, number)
        told = [line for line in control.log_text().splitlines() if 'the route "web" of tenant "shop" in Swarm has no effect' in line]
        assert len(told) == number - 1 and "warp" in told[-1], told
        kept = control.operator.get("/v1/tenants/shop/routes/web", check=False)
        assert kept.status == 200 and kept.json["warp"] == {"factor": 9}, kept
        assert control.operator.get("/v1/tenants/shop/routes/plain").status == 200
        rig.eventually("only what can be read is in the table", lambda: control.cluster("east")["routes"] == 1)
        control.operator.made(f"/v1/tenants/shop/pools/after{number}", {"cluster": "east"}, durable="swarm")
    assert control.operator.put("/v1/tenants/shop/routes/web", ROUTE).status == 200  # and it can be mended
    rig.eventually("it is in the table", lambda: control.cluster("east")["routes"] == 2)


def test_documents_of_a_kind_that_only_a_newer_program_knows_are_not_lost(own):
    control = own()
    control.tenant("shop", hosts=["shop.example"])
    control.operator.made("/v1/tenants/shop/pools/web", {"cluster": "east"}, durable="swarm")
    subprocess.run([rig.BUILD / "bin/support/newer_writer", control.identity, f"unix://{control.scratch}/docker.sock"],
                   check=True, timeout=30)
    kept = swarm_objects(control)
    control.kill()
    control.operator.close()
    for number in (2, 3):  # with a store of its own, and with the one that it has by then
        control.store = control.scratch / "older.db"
        control.spawn()
        control.await_ports()
        refused = rig.eventually("it says why it writes nothing", lambda: (a := control.operator.put(
            "/v1/tenants/default/pools/more", {"cluster": "east"})).status == 503 and a.json["code"] == "NewerDocuments" and a)
        assert '"policy"' in refused.json["detail"] and '"strict"' in refused.json["detail"], refused
        rig.eventually("it is why it is not ready", lambda: control.operator.get("/readyz", check=False).json.get("code") == "NewerDocuments")
        assert swarm_objects(control) == kept
        control.kill()
        control.operator.close()
    assert "ASSERT" not in control.log_text()


def test_a_store_with_documents_of_a_newer_program_makes_no_snapshot_without_them(own):
    control = own()
    control.tenant("shop")
    control.operator.made("/v1/tenants/shop/pools/web", {"cluster": "east"}, durable="swarm")
    control.kill()
    control.operator.close()
    with contextlib.closing(sqlite3.connect(control.store)) as store:
        store.execute("INSERT INTO documents VALUES ('', 'policy', 'strict', '{}', 1, 1)")
        store.commit()
    (control.scratch / "docker.json.configs").write_text("[]")  # whatever is in Swarm comes from this store
    control.spawn()
    control.await_ports()
    rig.eventually("it writes nothing", lambda: control.operator.put(
        "/v1/tenants/shop/pools/more", {"cluster": "east"}).json["code"] == "NewerDocuments")
    assert swarm_objects(control) == []


def test_an_operator_may_have_every_write_in_swarm_before_it_is_answered(own):
    control = own(args=("--accept-empty", "--durable", "swarm"))
    loaded(control)
    assert is_durable(control.operator.put("/v1/tenants/acme", {}))
    assert is_durable(control.operator.put("/v1/tenants/other", {}, durable="swarm"))
    assert "durable" not in control.operator.put("/v1/tenants/third", {}, durable="local").json["status"]["write"]
    assert control.operator.put("/v1/tenants/fourth", {}, dryRun="all").status == 200
    assert control.operator.put("/v1/tenants/fourth", {}, durable="disk").status == 400
    anew(control, 2)
    assert control.operator.get("/v1/tenants/acme").status == 200


@pytest.mark.parametrize("args, why", [(("--durable", "disk"), "local or swarm"), (("--durable", "swarm", "--replica", "off"), "--replica off")])
def test_a_default_that_cannot_be_kept_is_a_mistake_of_the_command_line(tmp_path, args, why):
    done = subprocess.run([rig.PROGRAM, "--store", tmp_path / "s", "--identity", tmp_path / "i", "--cluster", "east", *args],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and why in done.stderr, done
