"""Tokens: shown once, kept hashed, revoked at once, expired in time, never longer than their maker."""
import re
import time

import rig


def test_a_token_is_shown_once_and_kept_hashed(control, tenant):
    made = tenant.post(tenant.base + "/tokens", {"scopes": ["tenant-read"], "about": "for ci"})
    assert made.status == 201, made
    token = made.json["token"]
    ident = re.fullmatch(r"sbt1\.([0-9a-f]{20})\.[A-Za-z0-9_-]{43}", token).group(1)
    assert made.headers["Location"] == f"{tenant.base}/tokens/{ident}" and made.json["name"] == ident
    secret = token.split(".")[2]
    shown = tenant.get(f"{tenant.base}/tokens/{ident}")
    listed = tenant.get(tenant.base + "/tokens")
    assert [i["about"] for i in listed.json["items"] if i["name"] == ident] == ["for ci"]
    for text in (shown.text, listed.text, control.operator.get("/v1/commits", limit=3).text,
                 control.operator.get(f"/v1/commits/{made.commit}").text, control.log_text()):
        assert secret not in text and "hash\":" not in re.sub(r'"hash":"[0-9a-f]{64}","prev"', "", text)
    assert secret.encode() not in control.store.read_bytes()
    assert shown.json["status"]["last_used_ms"] == 0
    assert rig.Client(control, token).get(tenant.base + "/routes").status == 200
    assert abs(tenant.get(f"{tenant.base}/tokens/{ident}").json["status"]["last_used_ms"] - time.time() * 1000) < 5000


def test_a_revoked_token_opens_nothing_from_then_on(control, tenant):
    made = tenant.post(tenant.base + "/tokens", {"scopes": ["tenant-read"]}).json
    client = rig.Client(control, made["token"])
    assert client.get(tenant.base + "/routes").status == 200
    watch = rig.Watch(client, tenant.base + "/watch")
    assert watch.event()[1] == "hello"
    assert tenant.delete(f"{tenant.base}/tokens/{made['name']}").status == 200
    assert client.get(tenant.base + "/routes").status in (401, 429)  # 429: bad tokens of other tests
    while (seen := watch.event()) is not None:  # the stream it has ends, too
        assert seen[1] == "commit"
    watch.close()


def test_a_token_expires_and_none_outlives_its_maker(control, tenant):
    short = tenant.post(tenant.base + "/tokens", {"scopes": ["tenant-admin"], "expires_s": 2})
    assert short.status == 201
    client = rig.Client(control, short.json["token"])
    assert client.post(tenant.base + "/tokens", {"scopes": ["tenant-read"]}).status == 403
    assert client.post(tenant.base + "/tokens", {"scopes": ["tenant-read"], "expires_s": 3600}).status == 403
    assert client.post(tenant.base + "/tokens", {"scopes": ["tenant-read"], "expires_s": 1}).status == 201
    wrong = client.post(tenant.base + "/tokens", {"scopes": ["tenant-rad"]})  # what is wrong comes before what is forbidden
    assert wrong.status == 422 and wrong.json["errors"][0]["pointer"] == "/scopes/0", wrong
    rig.eventually("it expires", lambda: client.get(tenant.base + "/routes").status in (401, 429), 5)


def test_a_tenant_makes_no_operators(control, tenant):
    for scopes in (["operator"], ["tenant-admin", "operator"], ["nonsense"], [], "tenant-admin", None):
        assert tenant.post(tenant.base + "/tokens", {"scopes": scopes}).status == 422, scopes
    assert tenant.post(tenant.base + "/tokens", {"scopes": ["tenant-read"], "hash": "0" * 64}).status == 400
    both = tenant.post(tenant.base + "/tokens", {"scops": ["tenant-read"], "expires_s": 0})
    assert {e["pointer"] for e in both.json["errors"]} == {"/scops", "/scopes", "/expires_s"}, both
    assert tenant.post("/v1/tokens", {"scopes": ["metrics"]}).status == 404
    assert control.operator.post("/v1/tokens", {"scopes": ["tenant-admin"]}).status == 422


def test_who_sends_too_much_is_told_to_wait(control, tenant):
    client = control.client("tenant-read", tenant=tenant.name)
    seen = {client.get(tenant.base + "/routes", check=False).status for _ in range(600)}
    assert seen == {200, 429}
    answer = client.get(tenant.base + "/routes", check=False)
    if answer.status == 429:
        assert answer.headers["Retry-After"] == "1"
    assert tenant.get(tenant.base + "/routes").status == 200  # others are not told so


def test_refusals_are_in_the_audit_chain(control, tenant):
    assert tenant.get("/v1/tenants/default/routes").status == 404
    rows = rig.eventually("the row", lambda: [r for r in control.operator.get("/v1/audit").json["rows"]
                                              if r["action"] == "refused" and tenant.name in r["tenant"]])
    assert "/v1/tenants/default/routes" in rows[0]["detail"] and rows[0]["commit"] == 0
