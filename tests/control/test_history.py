"""Commits, the audit chain, going back."""
import hashlib
import re
import sqlite3
import threading

import rig


def pool(i):
    return {"cluster": "east", "metadata": {"labels": {"n": str(i)}}}


def test_commits_say_who_why_and_what(control, tenant):
    commits = [tenant.made(tenant.base + "/pools/web", pool(i)).commit for i in range(7)]
    listed, query = [], {"limit": 3}
    while True:
        page = tenant.get(tenant.base + "/commits", **query).json
        listed += [c["commit"] for c in page["commits"]]
        if "next" not in page:
            break
        query["cursor"] = page["next"]
    assert listed[:7] == commits[::-1] and listed == sorted(listed, reverse=True)
    one = control.operator.get(f"/v1/commits/{commits[3]}").json
    document = one["documents"][0]
    assert document["before"]["metadata"]["labels"] == {"n": "2"} and document["after"]["metadata"]["labels"] == {"n": "3"}
    assert one["cause"] == f"PUT {tenant.base}/pools/web" and re.fullmatch(rf"token [0-9a-f]{{20}} \({tenant.name}\)", one["author"])
    tenant.made(tenant.base + "/pools/other", pool(0))
    of_one = tenant.get(tenant.base + "/commits", kind="pool", name="web").json["commits"]
    assert [c["commit"] for c in of_one] == commits[::-1]
    assert [tenant.get(tenant.base + "/commits", name=n).status for n in ("a&b", "a>b", "x" * 200, "none")] == [400] * 3 + [200]
    assert control.operator.get("/v1/commits/999999").status == 404 and control.operator.get("/v1/commits/x").status == 404
    assert tenant.get(f"/v1/commits/{commits[0]}").status == 404


def test_each_row_of_the_chain_names_the_one_before(control, tenant):
    made = tenant.made(tenant.base + "/pools/web", pool(1))
    rows, query = [], {"limit": 50}
    while True:
        page = control.operator.get("/v1/audit", **query).json
        rows += page["rows"]
        if "next" not in page:
            break
        query["cursor"] = page["next"]
    assert [a["prev"] for a in rows[:-1]] == [b["hash"] for b in rows[1:]]
    assert [r["seq"] for r in rows] == sorted((r["seq"] for r in rows), reverse=True)
    assert made.headers["Signalbox-Audit-Head"] in {r["hash"] for r in rows}
    assert tenant.get("/v1/tenants").status == 404
    mine = rig.eventually("the refusal", lambda: (r := tenant.get(tenant.base + "/audit").json["rows"]) and r[0]["action"] == "refused" and r)
    assert "/v1/tenants" in mine[0]["detail"] and made.commit in {r["commit"] for r in mine}
    assert all(("detail" in r) == (r["commit"] == 0) for r in mine), mine
    rows = control.operator.get("/v1/audit", limit=1000).json["rows"]
    assert {r["hash"] for r in mine} <= {r["hash"] for r in rows} and hashlib.sha256().digest_size * 2 == len(rows[0]["hash"])


def test_a_tenant_goes_back_in_one_call(tenant, route):
    tenant.made(tenant.base + "/pools/web", pool(1))
    then = tenant.made(tenant.base + "/routes/web", route()).commit
    before = tenant.get(tenant.base + "/routes/web").json
    tenant.made(tenant.base + "/pools/web", pool(2))
    tenant.delete(tenant.base + "/routes/web")
    tenant.made(tenant.base + "/pools/new", pool(3))
    dry = tenant.post(tenant.base + "/rollback", {"to": then}, dryRun="all")
    assert dry.status == 200 and dry.json["changed"] and tenant.get(tenant.base + "/pools/new").status == 200
    back = tenant.post(tenant.base + "/rollback", {"to": then})
    assert back.status == 200, back
    assert {(d["kind"], d["name"]): d["effect"] for d in back.json["documents"] if d["effect"] != "unchanged"} == {
        ("pool", "web"): "changed", ("pool", "new"): "deleted", ("route", "web"): "created"}
    after = tenant.get(tenant.base + "/routes/web").json
    assert {k: v for k, v in after.items() if k != "status"} == {k: v for k, v in before.items() if k != "status"}
    assert tenant.get(tenant.base + "/pools/web").json["metadata"]["labels"] == {"n": "1"}
    again = tenant.post(tenant.base + "/rollback", {"to": then})
    assert again.status == 200 and again.json["changed"] is False
    for body in ({}, {"to": -1}, {"to": "1"}, {"to": 1, "x": 2}):
        assert tenant.post(tenant.base + "/rollback", body).status == 400
    assert tenant.post(tenant.base + "/rollback", {"to": 10 ** 9}).json["code"] == "NoSuchCommit"


def test_labels_that_would_be_undone_are_pinned(control):
    control.tenant("pinned", services={"names": ["pinned_*"]})
    base = "/v1/tenants/pinned"
    operator = control.operator
    control.service("pinned_web", rig.labels("one.pinned.example"))
    rig.eventually("the service, committed", lambda: "labels" in operator.get(base + "/services/pinned_web").json)
    then = operator.made(base + "/pools/x", pool(1)).commit
    control.service("pinned_web", rig.labels("two.pinned.example"))
    rig.eventually("new labels, committed", lambda: (s := operator.get(base + "/services/pinned_web").json)["hosts"] == [
        "two.pinned.example"] and s["labels"][rig.LABEL + "hosts"] == "two.pinned.example")
    back = operator.post(base + "/rollback", {"to": then})
    assert back.status == 200 and ("pin", "pinned_web", "created") in [
        (d["kind"], d["name"], d["effect"]) for d in back.json["documents"]], back
    shown = operator.get(base + "/services/pinned_web").json
    assert shown["hosts"] == ["one.pinned.example"] and shown["labels"][rig.LABEL + "hosts"] == "two.pinned.example"
    assert operator.delete(base + "/pins/pinned_web").status == 200
    assert operator.get(base + "/services/pinned_web").json["hosts"] == ["two.pinned.example"]
    control.no_service("pinned_web")


def test_labels_are_observed_before_the_rollback_that_comes_after_them(own):
    """Also in the moment in which they are planned and not yet committed: somebody else's lock makes it a long one."""
    control = own()
    control.tenant("quick", services={"names": ["quick_*"]})
    base, operator = "/v1/tenants/quick", control.operator
    control.service("quick_web", rig.labels("one.quick.example"))
    rig.eventually("the service, committed", lambda: "labels" in operator.get(base + "/services/quick_web", check=False).json)
    then = operator.made(base + "/pools/x", pool(1)).commit
    lock = sqlite3.connect(control.store, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    control.service("quick_web", rig.labels("two.quick.example"))
    rig.eventually("it is planned", lambda: operator.get(base + "/services/quick_web").json["hosts"] == ["two.quick.example"])
    answers = []
    other = rig.Client(control, control.bootstrap)
    thread = threading.Thread(target=lambda: answers.append(other.post(base + "/rollback", {"to": then})))
    thread.start()
    thread.join(0.3)
    lock.execute("ROLLBACK")
    lock.close()
    thread.join(rig.WAIT)
    assert answers[0].status == 200 and [d["kind"] for d in answers[0].json["documents"] if d["effect"] == "created"] == ["pin"], answers
    assert operator.get(base + "/services/quick_web").json["hosts"] == ["one.quick.example"]
    other.close()


def test_going_back_over_a_pin_that_somebody_wrote_by_hand(control, tenant):
    control.operator.patch(f"/v1/tenants/{tenant.name}", {"services": {"names": [f"{tenant.name}_*"]}})
    pins = f"{tenant.base}/pins/{tenant.name}_web"
    control.service(f"{tenant.name}_web", rig.labels(tenant.host))
    rig.eventually("the service", lambda: tenant.get(tenant.base + "/services").json["services"])
    by_hand = {"commit": 1, "labels": {rig.LABEL + "hosts": f"pinned.{tenant.host}"}, "metadata": {"labels": {"a": "b"}}}
    then = tenant.made(pins, by_hand).commit
    tenant.delete(pins)
    back = tenant.post(tenant.base + "/rollback", {"to": then})
    assert back.status == 200, back
    assert tenant.get(pins).json["labels"] == by_hand["labels"]
    control.no_service(f"{tenant.name}_web")
