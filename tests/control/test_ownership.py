"""Who has a host: the incumbent keeps it, the newcomer learns nothing; the switch to claims says what it would do."""
import rig


def route(host, cluster="east"):
    return {"cluster": cluster, "hosts": [host], "forward": [{"pool": "web"}]}


def test_the_incumbent_keeps_serving_and_the_newcomer_learns_nothing(own):
    control = own()
    for name in ("first", "second"):
        control.tenant(name)
    first, second = (control.client("tenant-admin", tenant=t) for t in ("first", "second"))
    assert first.put("/v1/tenants/first/routes/web", route("shared.example")).status == 201
    refused = second.put("/v1/tenants/second/routes/web", route("shared.example"))
    assert refused.status == 409 and refused.json["errors"][0]["pointer"] == "/hosts/0", refused
    assert "first" not in refused.text and second.get("/v1/tenants/second/routes/web").status == 404
    assert second.put("/v1/tenants/second/routes/web", route("SHARED.example.")).status == 409


def test_the_switch_names_what_it_would_withdraw_and_claims_for_default(own):
    control = own()
    operator = control.operator
    control.tenant("claims", hosts=["claimed.example"])
    control.tenant("squats")
    operator.made("/v1/tenants/claims/routes/web", route("claimed.example"))
    operator.made("/v1/tenants/squats/routes/web", route("squatted.example"))
    control.service("plain", rig.labels("plain.example"))
    rig.eventually("the service", lambda: operator.get("/v1/services").json["services"])
    dry = operator.put("/v1/ownership", {"claims": "enforced"}, dryRun="all")
    assert dry.status == 200, dry
    assert dry.json["withdrawn"] == [{"tenant": "squats", "host": "squatted.example"}]
    assert dry.json["claimed"] == ["plain.example"]
    gone = [o["name"] for o in dry.json["objects"] if o["kind"] == "route" and o["after"] is None]
    assert gone == ["squats/web"], dry
    untouched = operator.get("/v1/ownership")
    assert untouched.json["claims"] == "open" and untouched.json["status"]["commit"] == 0 and "ETag" not in untouched.headers
    made = operator.put("/v1/ownership", {"claims": "enforced"})
    assert made.status == 201, made
    assert operator.get("/v1/tenants/default").json["hosts"] == ["plain.example"]
    assert operator.get("/v1/services").json["services"][0]["accepted"]
    conditions = {c["type"]: c for c in operator.get("/v1/tenants/squats/routes/web").json["status"]["conditions"]}
    assert conditions["Accepted"]["status"] == "False", conditions
    refused = operator.put("/v1/tenants/squats/routes/more", route("another.example"))
    assert refused.status == 403 and refused.json["errors"][0]["code"] == "NotClaimed", refused
    back = operator.patch("/v1/ownership", {"claims": "open"})
    assert back.status == 200


def test_an_old_document_takes_no_host_that_somebody_younger_has(own):
    control = own()
    for name in ("old", "young"):
        control.tenant(name)
    old, young = (control.client("tenant-admin", tenant=t) for t in ("old", "young"))
    first = old.made("/v1/tenants/old/routes/web", route("wanted.example")).commit
    old.made("/v1/tenants/old/routes/web", route("other.example"))
    young.made("/v1/tenants/young/routes/web", route("wanted.example"))
    for host in ("wanted.example", "*.example"):
        refused = old.put("/v1/tenants/old/routes/web", route(host))
        assert refused.status == 409 and refused.json["errors"][0]["pointer"] == "/hosts/0", refused
    back = old.post("/v1/tenants/old/rollback", {"to": first})
    assert back.status == 409 and "young" not in back.text, back
    conditions = {c["type"]: c for c in young.get("/v1/tenants/young/routes/web").json["status"]["conditions"]}
    assert conditions["Accepted"]["status"] == "True"


def test_a_wildcard_takes_no_host_that_another_tenant_has_in_another_cluster(own):
    control = own()
    for name in ("has", "takes"):
        control.tenant(name)
    has, takes = (control.client("tenant-admin", tenant=t) for t in ("has", "takes"))
    has.made("/v1/tenants/has/routes/web", route("held.example"))
    dry = takes.put("/v1/tenants/takes/routes/all", route("*", cluster="west"), dryRun="all")
    assert [o["name"] for o in dry.json["objects"]] == ["takes/all"] and "held" not in dry.text, dry
    whole = control.operator.put("/v1/tenants/takes/routes/all", route("*", cluster="west"), dryRun="all")
    assert [o["name"] for o in whole.json["objects"]] == ["guard:", "takes/all"], whole
    assert whole.json["objects"][0]["after"]["hosts"] == ["held.example"], whole
    takes.made("/v1/tenants/takes/routes/all", route("*", cluster="west"))
    for client, base in ((takes, "/v1/tenants/takes"), (has, "/v1/tenants/has"), (control.operator, "/v1")):
        seen = client.post(f"{base}/explain", {"cluster": "west", "host": "held.example"}).json
        assert seen["outcome"] == "guarded" and seen["status"] == 503 and "has/" not in str(seen), seen
    free = takes.post("/v1/tenants/takes/explain", {"cluster": "west", "host": "free.example"}).json
    assert free["route"]["name"] == "takes/all", free
    control.gateway("west", "behind", epoch=control.cluster("west")["epoch"], applied=0, routes=0)
    more = has.put("/v1/tenants/has/routes/more", route("more.example"), wait="applied", timeout="300ms")
    assert more.status == 201 and more.json["status"]["write"]["applied"], more  # the gateways of west are no business of its
    has.delete("/v1/tenants/has/routes/web")
    assert takes.post("/v1/tenants/takes/explain", {"cluster": "west", "host": "held.example"}).json["route"]["name"] == "takes/all"


def test_behind_the_wildcard_of_another_a_host_has_to_be_named(own):
    control = own()
    control.tenant("outer", hosts=["*.shop.example", "x.a.shop.example"])
    control.tenant("inner")
    assert control.operator.put("/v1/ownership", {"claims": "enforced"}).status in (200, 201)
    outer, inner = (control.client("tenant-admin", tenant=t) for t in ("outer", "inner"))

    def takes(host):
        seen = control.operator.post("/v1/explain", {"cluster": "east", "host": host}).json
        if seen["outcome"] != "guarded":
            return seen["route"]["name"]
        told = outer.post("/v1/tenants/outer/explain", {"cluster": "east", "host": host}).json
        assert told["outcome"] == "guarded" and "names the host" in told["notes"][0] and "inner" not in str(told), told
        return None

    def guarded(dry):
        return [o["after"] and o["after"]["hosts"] for o in dry.json["objects"] if o["name"].startswith("guard:")]

    outer.made("/v1/tenants/outer/routes/all", route("*.shop.example"))
    assert takes("x.a.shop.example") == "outer/all"
    claim = {"hosts": ["*.a.shop.example"]}
    assert guarded(control.operator.put("/v1/tenants/inner", claim, dryRun="all")) == [["*.a.shop.example"]]
    control.operator.made("/v1/tenants/inner", claim)
    assert takes("x.a.shop.example") is None  # whether it is served or not, it is the nearest
    dry = control.operator.put("/v1/tenants/inner/routes/all", route("*.a.shop.example"), dryRun="all")
    assert guarded(dry) == [["x.a.shop.example"]], dry
    inner.made("/v1/tenants/inner/routes/all", route("*.a.shop.example"))
    assert (takes("y.shop.example"), takes("y.a.shop.example"), takes("x.a.shop.example")) == ("outer/all", "inner/all", None)
    outer.made("/v1/tenants/outer/routes/named", route("x.a.shop.example"))
    assert takes("x.a.shop.example") == "outer/named"


def test_two_tenants_have_no_claim_together(own):
    control = own()
    control.tenant("one")
    control.tenant("two", hosts=["both.example"])
    refused = control.operator.put("/v1/tenants/one", {"hosts": ["both.example"]})
    assert refused.status == 409 and refused.json["errors"][0]["pointer"] == "/hosts/0", refused


def test_the_switch_leaves_to_a_tenant_what_it_claims(own):
    control = own()
    control.tenant("claims", hosts=["claimed.example"])
    control.service("plain", rig.labels("claimed.example"))
    rig.eventually("the service", lambda: control.operator.get("/v1/services").json["services"])
    dry = control.operator.put("/v1/ownership", {"claims": "enforced"}, dryRun="all")
    assert dry.status == 200 and dry.json["withdrawn"] == [{"tenant": "default", "host": "claimed.example"}], dry
    assert control.operator.put("/v1/ownership", {"claims": "enforced"}).status == 201


def test_a_service_is_its_tenants_as_soon_as_there_is_the_tenant(own):
    control = own()
    control.service("early", rig.labels("early.example"))
    rig.eventually("it is seen", lambda: control.operator.get("/v1/services").json["services"])
    control.tenant("late", hosts=["early.example"], services={"names": ["early"]})
    answer = control.operator.get("/v1/tenants/late/services/early")
    assert answer.status == 200 and answer.json["tenant"] == "late" and answer.json["labels"], answer
    assert control.operator.get("/v1/services").json["services"][0]["tenant"] == "late"
    rig.eventually("its labels are recorded as late's", lambda: [
        d["change"] for c in control.operator.get("/v1/tenants/late/commits").json["commits"] for d in c["documents"]
        if (d["kind"], d["name"]) == ("service", "early")] == ["set"])
