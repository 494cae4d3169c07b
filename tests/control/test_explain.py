"""Explain: what a request takes and why nothing else, for whoever may see it; and what a dry run says can reach nothing."""


def ask(tenant, host, path="/", **more):
    answer = tenant.post(tenant.base + "/explain", {"cluster": "east", "scheme": "http", "host": host, "method": "GET", "path": path, **more})
    assert answer.status == 200, answer
    return answer.json


def test_the_winner_and_the_losers_are_named(tenant, route):
    tenant.made(tenant.base + "/routes/all", route())
    tenant.made(tenant.base + "/routes/cart", route(path="/cart"))
    seen = ask(tenant, tenant.host, "/cart/1")
    assert seen["route"]["name"] == f"{tenant.name}/cart"
    assert [(r["name"], r["lost_by"]) for r in seen["losers"]] == [(f"{tenant.name}/all", "path_length")]
    assert ask(tenant, tenant.host, "/other")["route"]["name"] == f"{tenant.name}/all"
    tenant.delete(tenant.base + "/routes/all")
    lost = ask(tenant, tenant.host, "/other")
    assert lost["outcome"] == "no_path" and not lost["losers"] or lost["losers"][0]["lost_by"] == "path", lost


def test_a_tenant_is_told_nothing_of_others(control, tenant, route):
    control.tenant("hidden", hosts=["hidden.example"])
    control.operator.made("/v1/tenants/hidden/routes/secret", route("hidden.example"))
    seen = ask(tenant, "hidden.example")
    assert "secret" not in str(seen) and seen["outcome"] == "other_tenant", seen
    whole = control.operator.post("/v1/explain", {"cluster": "east", "host": "hidden.example"})
    assert whole.json["route"]["name"] == "hidden/secret"


def test_what_is_no_request_is_refused(tenant):
    bad = tenant.post(tenant.base + "/explain", {"cluster": "east", "host": "x.example", "methd": "GET", "path": 1})
    assert bad.status == 422 and len(bad.json["errors"]) >= 2
    assert ask(tenant, "x.example")["commit"] == tenant.control.cluster("east")["revision"]
    assert tenant.post(tenant.base + "/explain", {"cluster": "nowhere", "host": "x.example"}).status == 422


def test_a_dry_run_names_what_nothing_would_reach(tenant, route):
    tenant.made(tenant.base + "/routes/a-first", route(path="/x"))
    dry = tenant.put(tenant.base + "/routes/b-second", route(path="/x", match={"methods": []}), dryRun="all")
    if dry.status == 200:
        assert [u["route"] for u in dry.json["unreachable"]] == [f"{tenant.name}/b-second"], dry
    else:  # judged already: of two that ask for the same the older serves
        assert dry.status == 409, dry
    fine = tenant.put(tenant.base + "/routes/c", route(path="/y"), dryRun="all")
    assert fine.status == 200 and fine.json["unreachable"] == []
