"""One document: set, read, changed, removed; entity tags; every fault at once."""
import json
import threading

import pytest

import rig


def test_put_makes_then_replaces_and_the_same_again_changes_nothing(tenant, route):
    path = tenant.base + "/routes/web"
    made = tenant.put(path, route())
    assert made.status == 201 and made.json["name"] == "web" and made.json["tenant"] == tenant.name
    assert made.etag == f'"{made.commit}"' and len(made.headers["Signalbox-Audit-Head"]) == 64
    again = tenant.put(path, route())
    assert (again.status, again.etag) == (200, made.etag) and again.json["status"]["write"]["changed"] is False
    changed = tenant.put(path, route(path="/shop"))
    assert changed.status == 200 and changed.commit > made.commit and changed.json["path"] == "/shop"
    assert changed.json["status"]["commit"] == changed.commit
    assert changed.json["status"]["created_ms"] == made.json["status"]["created_ms"]
    assert tenant.delete(path).json["documents"][0]["effect"] == "deleted"
    assert tenant.get(path).status == 404 and tenant.delete(path).status == 404


def test_what_get_shows_can_be_put_back(tenant, route):
    path = tenant.base + "/routes/web"
    tenant.made(path, route())
    shown = tenant.get(path)
    back = tenant.put(path, shown.json)
    assert (back.status, back.etag) == (200, shown.etag), back
    for member, other in (("name", "other"), ("kind", "pool"), ("tenant", "other")):
        wrong = tenant.put(path, {**shown.json, member: other})
        assert wrong.status == 400 and wrong.json["errors"][0]["pointer"] == "/" + member


@pytest.mark.parametrize("kind, body", [
    ("pools", {"cluster": "east", "protocol": "http1"}),
    ("endpoints", {"cluster": "east", "endpoints": [{"address": "10.0.1.5", "port": 8080}]}),
    ("certificates", {"cluster": "east", "cert": "a.crt", "key": "a.key"}),
    ("pins", {"service": "web", "commit": 1, "labels": {}}),
])
def test_every_kind_is_kept(tenant, kind, body):
    path = f"{tenant.base}/{kind}/web"
    if kind == "certificates":
        body = {**body, "hosts": [tenant.host]}
    made = tenant.put(path, body)
    assert made.status == 201, made
    shown = tenant.get(path).json
    assert all(shown[k] == v for k, v in body.items() if k not in ("endpoints",)), shown
    assert any(item["name"] == "web" for item in tenant.get(f"{tenant.base}/{kind}").json["items"])
    assert tenant.delete(path).status == 200


def test_tags_decide(tenant, route):
    path = tenant.base + "/routes/web"
    first = tenant.put(path, route(), headers={"If-None-Match": "*"})
    assert first.status == 201
    assert tenant.put(path, route(path="/x"), headers={"If-None-Match": "*"}).status == 412
    second = tenant.put(path, route(path="/x"), headers={"If-Match": first.etag})
    assert second.status == 200
    stale = tenant.put(path, route(path="/y"), headers={"If-Match": first.etag})
    assert stale.status == 412 and stale.etag == second.etag
    assert tenant.patch(path, {"path": "/z"}, headers={"If-Match": first.etag}).status == 412
    assert tenant.delete(path, headers={"If-Match": first.etag}).status == 412
    assert tenant.put(path, route(path="/y"), headers={"If-Match": "W/" + second.etag}).status == 412
    assert tenant.put(path, route(path="/y"), headers={"If-Match": f'"1", {second.etag}'}).status == 200
    assert tenant.put(path, route(), headers={"If-Match": "nonsense"}).status == 400
    assert tenant.put(path + "2", route(), headers={"If-Match": "*"}).status == 412
    now = tenant.get(path)
    assert tenant.get(path, headers={"If-None-Match": now.etag}).status == 304
    assert tenant.get(path, headers={"If-None-Match": "W/" + now.etag}).status == 304
    assert tenant.get(path, headers={"If-None-Match": first.etag}).status == 200
    assert tenant.get(path, headers={"If-Match": first.etag}).status == 412
    assert tenant.call("HEAD", path).headers["ETag"] == now.etag
    assert tenant.delete(path, headers={"If-Match": now.etag}).status == 200


def test_of_many_that_race_with_one_tag_one_wins(tenant, route):
    path = tenant.base + "/routes/web"
    tag = tenant.made(path, route()).etag
    answers, start = [], threading.Barrier(12)

    def race(i):
        client = rig.Client(tenant.control, tenant.token)
        start.wait()
        made = client.put(path, route(path=f"/{i}"), headers={"If-Match": tag})
        answers.append((made.status, made.etag, f"/{i}"))
        client.close()

    threads = [threading.Thread(target=race, args=(i,)) for i in range(12)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    (_, etag, won), *lost = sorted(answers)
    assert [status for status, _, _ in sorted(answers)] == [200] + [412] * 11
    now = tenant.get(path)
    assert now.etag == etag and now.json["path"] == won  # the winner's is what stands
    assert {tag for _, tag, _ in lost} == {etag}  # and what the others are told of


def test_of_many_that_make_one_name_one_makes_it_and_of_many_that_delete_it_one_does(tenant, route):
    path = tenant.base + "/routes/raced"

    def race(call):
        answers, start = [], threading.Barrier(10)

        def one(i):
            client = rig.Client(tenant.control, tenant.token)
            start.wait()
            answers.append(call(client, i).status)
            client.close()

        threads = [threading.Thread(target=one, args=(i,)) for i in range(10)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        return sorted(answers)

    assert race(lambda client, i: client.put(path, route(path=f"/{i}"), headers={"If-None-Match": "*"})) == [201] + [412] * 9
    tag = tenant.get(path).etag
    assert race(lambda client, i: client.delete(path, headers={"If-Match": tag})) == [200] + [412] * 9
    assert tenant.get(path).status == 404


def test_patches_that_race_are_all_applied(tenant):
    path = tenant.base + "/pools/web"
    tenant.made(path, {"cluster": "east"})
    start, answers = threading.Barrier(8), []

    def race(i):
        client = rig.Client(tenant.control, tenant.token)
        start.wait()
        answers.append(client.patch(path, {"metadata": {"labels": {f"k{i}": "v"}}}).status)
        client.close()

    threads = [threading.Thread(target=race, args=(i,)) for i in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert answers == [200] * 8
    assert len(tenant.get(path).json["metadata"]["labels"]) == 8


def test_patch_merges_and_the_whole_is_judged(tenant, route):
    path = tenant.base + "/routes/web"
    assert tenant.patch(path, {"path": "/x"}).status == 404
    tenant.made(path, route(path="/a", metadata={"labels": {"team": "shop", "env": "prod"}}))
    merged = tenant.patch(path, {"path": None, "metadata": {"labels": {"env": None, "tier": "web"}}})
    assert merged.status == 200 and merged.json["metadata"]["labels"] == {"team": "shop", "tier": "web"}
    assert merged.json.get("path", "/") == "/"
    bad = tenant.patch(path, {"hosts": None})
    assert bad.status == 422 and bad.json["errors"][0]["pointer"] == "/hosts", bad
    assert tenant.get(path).etag == merged.etag
    assert tenant.call("PATCH", path, {"path": "/x"}, headers={"Content-Type": "application/json"}).status == 415
    assert tenant.patch(path, "[]").status == 400


def test_every_fault_is_told_at_once_with_the_nearest_name(tenant):
    bad = tenant.put(tenant.base + "/routes/web", {"cluster": "east", "hosts": ["ok.example", "bad host"], "patth": "/x",
                                                   "forward": [{"pool": "web", "weight": -1}]})
    assert bad.status == 422 and bad.headers["Content-Type"] == "application/problem+json"
    pointers = {e["pointer"]: e for e in bad.json["errors"]}
    assert {"/hosts/1", "/forward/0/weight"} <= set(pointers), pointers
    assert any("path" in e["detail"] and "patth" in e["detail"] for e in bad.json["errors"])
    assert bad.json["faults"] == len(bad.json["errors"]) >= 3


@pytest.mark.parametrize("body, status", [
    ("", 400), ("{", 400), ("[]", 400), ("null", 400), ('"x"', 400), ('{"a":1,"a":2}', 400), ('{"a":"\\u0000"}', 400),
    ("{}x", 400), ("{" * 40, 400), ('{"a":' * 40 + "1" + "}" * 40, 400),
    ('{"cluster":"east","hosts":["' + "a" * (1 << 20) + '"]}', 413), (b'{"a":"\xff"}', 400),
])
def test_bodies_that_are_none_are_refused(tenant, body, status):
    assert tenant.put(tenant.base + "/routes/web", body).status == status


def test_what_does_not_fit_the_protocol_is_refused(control, tenant, route):
    path = tenant.base + "/routes/web"
    assert tenant.put(path, route(), headers={"Content-Type": "text/plain"}).status == 415
    assert tenant.put(path, route(), headers={"Content-Type": "application/json; charset=latin-1"}).status == 415
    assert tenant.put(path, route(), headers={"Content-Encoding": "gzip"}).status == 415
    assert tenant.put(path, route(), headers={"Content-Type": "application/json; charset=utf-8"}).status == 201
    assert tenant.put(path, route(), drRun="all").status == 400
    assert tenant.put(path, route(), dryRun="some").status == 400
    assert tenant.put(path, route(), timeout="5s").status == 400
    assert tenant.put(path, route(), wait="applied", timeout="31s").status == 400
    other = tenant.call("POST", path, route())
    assert other.status == 405 and other.headers["Allow"] == "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
    options = tenant.call("OPTIONS", path)
    assert options.status == 204 and options.headers["Allow"] == other.headers["Allow"]
    assert tenant.get("/v1/tenants/" + "x" * 300).status == 404
    assert tenant.put(f"{tenant.base}/routes/{'x' * 200}", route()).status == 400
    assert control.operator.put("/v1/tenants/nobody/routes/web", route()).status == 404


def test_a_dry_run_says_what_would_change_and_changes_nothing(control, tenant, route):
    path = tenant.base + "/routes/web"
    before = control.operator.get("/v1/commits", limit=1).json
    dry = tenant.put(path, route(), dryRun="all")
    assert dry.status == 200 and dry.json["dryRun"] and dry.json["changed"] and dry.json["hosts"] == [tenant.host], dry
    changes = {(o["kind"], o["name"]): o for o in dry.json["objects"]}
    assert changes["route", f"{tenant.name}/web"]["before"] is None
    assert tenant.get(path).status == 404 and control.operator.get("/v1/commits", limit=1).json == before
    refused = tenant.put(path, route(nonsense=1), dryRun="all")
    assert refused.status == 422
    tenant.made(path, route())
    dry = tenant.delete(path, dryRun="all")
    assert dry.json["hosts"] == [tenant.host] and tenant.get(path).status == 200
    cut = [o for o in dry.json["objects"] if o["after"] is None]
    assert [o["name"] for o in cut] == [f"{tenant.name}/web"]


def test_a_route_says_whether_it_works(control, tenant, route):
    path = tenant.base + "/routes/web"
    tenant.made(path, route())
    status = {c["type"]: c for c in tenant.get(path).json["status"]["conditions"]}
    assert status["Accepted"]["status"] == "True" and status["ResolvedRefs"]["status"] == "False", status
    tenant.made(tenant.base + "/pools/web", {"cluster": "east"})
    made = tenant.made(tenant.base + "/endpoints/web", {"cluster": "east", "endpoints": [{"address": "10.0.1.5", "port": 80}]})
    status = {c["type"]: c for c in tenant.get(path).json["status"]["conditions"]}
    assert status.get("ResolvedRefs", {"status": "True"})["status"] == "True", status
    assert status["Accepted"]["observedCommit"] >= made.commit


def test_documents_outlive_a_restart(own, tmp_path):
    control = own()
    control.tenant("acme", hosts=["acme.example"])
    client = control.client("tenant-admin", tenant="acme")
    body = {"cluster": "east", "hosts": ["acme.example"], "forward": [{"pool": "web"}]}
    made = client.made("/v1/tenants/acme/routes/web", body)
    control.restart()
    client.close()
    shown = client.get("/v1/tenants/acme/routes/web")
    assert shown.status == 200 and shown.etag == made.etag and json.loads(shown.text)["hosts"] == ["acme.example"]


def test_a_cluster_goes_when_nothing_needs_it(own):
    control = own()
    operator = control.operator
    operator.made("/v1/clusters/east", {"default": True})  # of the command line, too: it stays when its document goes
    operator.made("/v1/tenants/default/pools/web", {"cluster": "east"})
    assert operator.delete("/v1/clusters/east").status == 200 and operator.get("/v1/clusters/east").status == 200
    operator.made("/v1/clusters/north", {})
    operator.made("/v1/clusters/north/settings", {"idle_timeout_s": 60})
    refused = operator.delete("/v1/clusters/north")
    assert refused.status == 409 and refused.json["code"] == "InUse", refused
    both = operator.post("/v1/apply", {"documents": [{"kind": "cluster", "name": "north", "value": None},
                                                     {"kind": "settings", "name": "north", "value": None}]})
    assert both.status == 200, both
    assert operator.get("/v1/clusters/north").status == 404 and operator.get("/v1/clusters/north/settings").status == 404
