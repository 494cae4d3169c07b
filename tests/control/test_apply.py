"""Apply: all or nothing, faults document by document, prune by selector; a dry run tells what then happens."""
import random


def base(tenant):
    return [
        {"kind": "route", "name": "web", "value": {"cluster": "east", "hosts": [tenant.host], "forward": [{"pool": "web"}],
                                                   "metadata": {"labels": {"set": "one"}}}},
        {"kind": "pool", "name": "web", "value": {"cluster": "east", "metadata": {"labels": {"set": "one"}}}},
        {"kind": "endpoints", "name": "web", "value": {"cluster": "east", "endpoints": [{"address": "10.0.1.5", "port": 80}],
                                                       "metadata": {"labels": {"set": "one"}}}},
    ]


def effects(answer):
    return {(d["kind"], d["name"]): d["effect"] for d in answer.json["documents"]}


def test_a_set_is_one_commit(tenant):
    made = tenant.post(tenant.base + "/apply", {"documents": base(tenant)})
    assert made.status == 200 and set(effects(made).values()) == {"created"}, made
    commits = {tenant.get(f"{tenant.base}/{k}/web").json["status"]["commit"] for k in ("routes", "pools", "endpoints")}
    assert commits == {made.commit}
    again = tenant.post(tenant.base + "/apply", {"documents": base(tenant)})
    assert again.json["changed"] is False and set(effects(again).values()) == {"unchanged"}


def test_one_fault_keeps_all_out_and_every_fault_is_told(tenant):
    documents = base(tenant)
    documents[0]["value"]["hosts"] = ["bad host"]
    documents[2]["value"]["endpoints"][0]["port"] = 0
    refused = tenant.post(tenant.base + "/apply", {"documents": documents})
    assert refused.status == 422, refused
    pointers = {e["pointer"] for e in refused.json["errors"]}
    assert {"/documents/0/value/hosts/0", "/documents/2/value/endpoints/0/port"} <= pointers, pointers
    assert all(tenant.get(f"{tenant.base}/{k}").json["total"] == 0 for k in ("routes", "pools", "endpoints"))


def test_what_is_wrong_with_the_set_hides_nothing_of_what_is_wrong_with_its_values(tenant):
    refused = tenant.post(tenant.base + "/apply", {"documents": [
        {"kind": "route", "name": "web", "value": {"cluster": "east", "hostss": [tenant.host], "path": 7, "forward": [{"pool": "web"}]}},
        {"kind": "poll", "name": "web", "value": {"cluster": "east"}},
        {"kind": "pool", "naem": "web", "value": {"cluster": "east", "protocol": "smtp"}}]})
    assert refused.status == 400, refused
    faults = {e["pointer"]: e["detail"] for e in refused.json["errors"]}
    assert {"/documents/0/value/hostss", "/documents/0/value/path", "/documents/1/kind", "/documents/2/naem",
            "/documents/2/value/protocol"} <= set(faults), faults
    assert '"pool"' in faults["/documents/1/kind"] and '"name" is the nearest' in faults["/documents/2/naem"]
    assert tenant.get(tenant.base + "/routes").json["total"] == 0


def test_what_is_no_set_is_refused(control, tenant):
    path = tenant.base + "/apply"
    pool = {"kind": "pool", "name": "a", "value": {"cluster": "east"}}
    for body, pointer in (
        ({}, "/documents"), ({"documents": 1}, "/documents"), ({"documents": [1]}, "/documents/0"),
        ({"documents": [{"kind": "token", "name": "a", "value": {}}]}, "/documents/0/kind"),
        ({"documents": [{"kind": "tenant", "name": "a", "value": {}}]}, "/documents/0/kind"),
        ({"documents": [{"kind": "pool", "value": {}}]}, "/documents/0/name"),
        ({"documents": [{"kind": "pool", "name": "a"}]}, "/documents/0/value"),
        ({"documents": [{**pool, "tenant": "default"}]}, "/documents/0/tenant"),
        ({"documents": [pool, pool]}, "/documents/1"), ({"documents": [{**pool, "x": 1}]}, "/documents/0/x"),
        ({"documents": [], "prune": {}}, "/prune/selector"), ({"documents": [], "prune": {"selector": "="}}, "/prune/selector"),
        ({"documents": [], "prune": {"selector": "", "tenant": "default"}}, "/prune/tenant"), ({"document": []}, "/document"),
        ({"documents": [], "prune": {"selector": "", "kinds": ["token"]}}, "/prune/kinds"),
    ):
        answer = tenant.post(path, body)
        assert answer.status == 400 and answer.json["errors"][0]["pointer"] == pointer, f"{body}: {answer}"
    assert control.operator.post("/v1/apply", {"documents": [{**pool, "tenant": "nobody"}]}).json["errors"][0]["code"] == "UnknownTenant"


def test_prune_removes_what_left_the_set_and_nothing_else(tenant):
    assert tenant.post(tenant.base + "/apply", {"documents": base(tenant)}).status == 200
    tenant.made(tenant.base + "/pools/mine", {"cluster": "east"})
    tenant.made(tenant.base + "/pools/other", {"cluster": "east", "metadata": {"labels": {"set": "two"}}})
    gone = tenant.post(tenant.base + "/apply", {"documents": base(tenant)[1:], "prune": {"selector": "set=one"}})
    assert effects(gone) == {("pool", "web"): "unchanged", ("endpoints", "web"): "unchanged", ("route", "web"): "deleted"}
    assert tenant.get(tenant.base + "/pools").json["total"] == 3
    only = tenant.post(tenant.base + "/apply", {"documents": [], "prune": {"selector": "", "kinds": ["endpoints"]}})
    assert effects(only) == {("endpoints", "web"): "deleted"}
    assert tenant.post(tenant.base + "/apply", {"documents": [{"kind": "pool", "name": "mine", "value": None}]}).status == 200
    assert tenant.get(tenant.base + "/pools/mine").status == 404


def test_the_operator_sets_tenants_and_what_is_theirs_together(control):
    documents = [
        {"kind": "tenant", "name": "fresh", "value": {"hosts": ["fresh.example"]}},
        {"kind": "pool", "tenant": "fresh", "name": "web", "value": {"cluster": "east"}},
        {"kind": "settings", "name": "west", "value": {"idle_timeout_s": 61}},
    ]
    made = control.operator.post("/v1/apply", {"documents": documents})
    assert made.status == 200, made
    assert control.operator.get("/v1/tenants/fresh/pools/web").status == 200
    assert control.operator.get("/v1/clusters/west/settings").json["idle_timeout_s"] == 61


def test_a_dry_run_foretells_what_then_happens(control, tenant):
    """Random sets: the objects and effects that a dry run names are those that the same set then brings."""
    rng = random.Random(7)
    for _ in range(25):
        documents = []
        for i in range(rng.randrange(1, 6)):
            kind, name = rng.choice([("route", f"r{i}"), ("pool", f"p{i}"), ("endpoints", f"p{i}")])
            value = {"route": lambda: {"cluster": rng.choice(["east", "west"]), "hosts": [f"{rng.choice('abc')}.{tenant.host}"],
                                       "path": rng.choice(["/", "/a", "/b"]), "forward": [{"pool": f"p{rng.randrange(4)}"}]},
                     "pool": lambda: {"cluster": "east", "balance": rng.choice(["round_robin", "least_requests"])},
                     "endpoints": lambda: {"cluster": "east", "endpoints": [{"address": f"10.0.0.{rng.randrange(1, 9)}", "port": 80}]},
                     }[kind]()
            documents.append({"kind": kind, "name": name, "value": None if rng.random() < 0.15 else value})
        body = {"documents": list({(d["kind"], d["name"]): d for d in documents}.values())}
        dry = tenant.post(tenant.base + "/apply", body, dryRun="all")
        real = tenant.post(tenant.base + "/apply", body)
        assert dry.status == real.status, (dry, real)
        if real.status != 200:
            assert dry.json["errors"] == real.json["errors"]
            continue
        assert dry.json["documents"] == real.json["documents"] and dry.json["changed"] == real.json["changed"]
        if not real.json["changed"]:
            assert dry.json["objects"] == []
            continue
        said = {(o["cluster"], o["kind"], o["name"], "delete" if o["after"] is None else "set") for o in dry.json["objects"]}
        whole = control.operator.get(f"/v1/commits/{real.commit}").json
        assert said == {(o["cluster"], o["kind"], o["name"], o["change"]) for o in whole["objects"]}
