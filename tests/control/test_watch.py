"""Watching: every commit once and in order, only what the watcher may see, resumed where it was."""
import time

import pytest

import rig


def pool(i):
    return {"cluster": "east", "metadata": {"labels": {"n": str(i)}}}


def test_commits_come_in_order_with_what_they_changed(tenant):
    watch = rig.Watch(tenant, tenant.base + "/watch")
    assert watch.status == 200 and watch.reply.headers["Content-Type"] == "text/event-stream"
    start, kind, _ = watch.event()
    assert kind == "hello"
    commits = [tenant.made(f"{tenant.base}/pools/p{i}", pool(i)).commit for i in range(5)]
    commits.append(tenant.delete(tenant.base + "/pools/p0").commit)
    seen = [watch.event() for _ in commits]
    assert [s[0] for s in seen] == commits and start < commits[0]
    assert [d["change"] for s in seen for d in s[2]["documents"]] == ["set"] * 5 + ["delete"]
    assert seen[0][2]["cause"] == f"PUT {tenant.base}/pools/p0" and tenant.name in seen[0][2]["author"]
    watch.close()


def test_a_tenant_sees_its_own_and_none_of_who_else_writes(control, tenant):
    control.tenant("watched-by-nobody")
    watch = rig.Watch(tenant, tenant.base + "/watch")
    watch.event()
    control.operator.made("/v1/tenants/watched-by-nobody/pools/secret", pool(1))
    made = control.operator.made(tenant.base + "/pools/web", pool(2))
    seen = watch.event()
    assert seen[0] == made.commit and seen[2]["author"] == "operator"
    both = control.operator.post("/v1/apply", {"documents": [
        {"kind": "pool", "tenant": t, "name": "both", "value": pool(3)} for t in ("watched-by-nobody", tenant.name)]})
    seen = watch.event()
    assert seen[0] == both.commit and [d["tenant"] for d in seen[2]["documents"]] == [tenant.name]
    watch.close()
    assert "secret" not in tenant.get(tenant.base + "/commits").text
    own = [c["commit"] for c in tenant.get(tenant.base + "/commits").json["commits"]]
    assert {made.commit, both.commit} <= set(own)


def test_a_large_set_is_told_even_where_it_is_not_listed(own):
    control = own()
    for name in ("large", "beside"):
        control.tenant(name)
    start = control.operator.made("/v1/tenants/beside/pools/p", pool(0)).commit
    made = control.operator.post("/v1/tenants/large/apply", {"documents": [
        {"kind": "pool", "name": f"{'n' * 90}{i}", "value": pool(i)} for i in range(1500)]})
    last = control.operator.made("/v1/tenants/beside/pools/p", pool(1)).commit
    for restart in (False, True):
        if restart:
            control.restart()
        watch = rig.Watch(control.operator, "/v1/tenants/large/watch", last=start)
        seen = watch.event()
        assert seen[0] == made.commit and seen[2]["complete"] is False and len(seen[2]["documents"]) in (0, 1000)
        watch.close()
        other = rig.Watch(control.operator, "/v1/tenants/beside/watch", last=start)
        assert other.event()[0] == last
        other.close()
    assert [c["commit"] for c in control.operator.get("/v1/tenants/large/commits").json["commits"]] == [made.commit]


@pytest.mark.parametrize("restart", [False, True])
def test_who_comes_back_misses_nothing(own, restart):
    control = own()
    client = control.operator
    start = client.made("/v1/tenants/default/pools/p", pool(0)).commit
    commits = [client.made("/v1/tenants/default/pools/p", pool(i)).commit for i in range(1, 30)]
    if restart:  # what the ring had is in the store
        control.restart()
        client = control.operator
    watch = rig.Watch(client, "/v1/watch", last=commits[9])
    assert [watch.event()[0] for _ in commits[10:]] == commits[10:]
    late = client.made("/v1/tenants/default/pools/p", pool(99)).commit
    assert watch.event()[0] == late
    watch.close()
    assert rig.Watch(client, "/v1/watch", last=late + 1000).status == 410
    assert rig.Watch(client, "/v1/watch", last="x").status == 400
    whole = rig.Watch(client, "/v1/watch", last=start)
    assert [whole.event()[0] for _ in range(30)] == commits + [late]
    whole.close()


def test_what_the_swarm_does_is_told_too(control):
    control.tenant("swarmy", services={"names": ["swarmy_*"]})
    watch = rig.Watch(control.operator, "/v1/watch")
    watch.event()
    control.service("swarmy_web", rig.labels("swarmy.example"))
    seen = watch.event()
    assert seen[2]["author"] == "swarm"
    assert ("service", "swarmy", "swarmy_web") in [(d["kind"], d["tenant"], d["name"]) for d in seen[2]["documents"]]
    watch.close()
    again = rig.Watch(control.operator, "/v1/tenants/swarmy/watch", last=seen[0] - 1)
    assert [(d["kind"], d["name"]) for d in again.event()[2]["documents"]] == [("service", "swarmy_web")]
    again.close()
    told = control.operator.get("/v1/tenants/swarmy/commits", kind="service", name="swarmy_web").json["commits"]
    assert [c["commit"] for c in told] == [seen[0]] and told[0]["author"] == "swarm"
    shown = control.operator.get("/v1/tenants/swarmy/services/swarmy_web")
    assert shown.status == 200 and shown.json["accepted"] and shown.json["hosts"] == ["swarmy.example"], shown
    assert shown.json["labels"][rig.LABEL + "hosts"] == "swarmy.example"
    assert [s["service"] for s in control.operator.get("/v1/tenants/swarmy/services").json["services"]] == ["swarmy_web"]
    assert control.operator.get("/v1/tenants/default/services/swarmy_web").status == 404
    control.no_service("swarmy_web")


def test_a_token_watches_a_few_times_only(tenant):
    watches = [rig.Watch(tenant, tenant.base + "/watch") for _ in range(17)]
    assert [w.status for w in watches] == [200] * 16 + [429]
    [w.close() for w in watches]
    rig.eventually("the places are free again", lambda: (w := rig.Watch(tenant, tenant.base + "/watch")).status == 200 or w.close())


def test_who_does_not_read_is_cut_and_keeps_nobody_else_waiting(own):
    control = own()
    lazy = rig.Watch(control.operator, "/v1/watch", rcvbuf=4096)
    busy = rig.Watch(control.operator, "/v1/watch")
    busy.event()
    documents = [{"kind": "pool", "tenant": "default", "name": "n" * 100 + f"{i}", "value": pool(0)} for i in range(1000)]
    count = 0
    for n in range(40):
        for d in documents:
            d["value"] = pool(n)
        control.operator.post("/v1/apply", {"documents": documents}, check=False)
        assert busy.event()[1] == "commit"
        count += 1
        if "does not read" in control.log_text():
            break
    assert "does not read" in control.log_text(), count
    busy.close()
    lazy.close()


def test_silence_is_broken(control):
    watch = rig.Watch(control.operator, "/v1/watch")
    watch.event()
    begin = time.monotonic()
    watch.sock.settimeout(20)
    assert watch.reply.readline() == b":\n" and time.monotonic() - begin < 17
    watch.close()
