"""Scopes × endpoints, from /v1 itself: who is let in, who is told 403, and who must not know that there is anything."""
import itertools

import pytest

import rig

SCOPES = ("operator", "tenant-admin", "tenant-read", "metrics")


@pytest.fixture(scope="module")
def callers(control):
    """Clients by (whose, scope); documents of two tenants for them to look at."""
    for name in ("mine", "theirs"):
        control.tenant(name, hosts=[f"{name}.example"])
        base = f"/v1/tenants/{name}"
        control.operator.made(base + "/routes/web", {"cluster": "east", "hosts": [f"{name}.example"], "forward": [{"pool": "web"}]})
        control.operator.made(base + "/pools/web", {"cluster": "east"})
    yield {
        ("", "operator"): control.client("operator"), ("", "metrics"): control.client("metrics"),
        ("mine", "tenant-admin"): control.client("tenant-admin", tenant="mine"),
        ("mine", "tenant-read"): control.client("tenant-read", tenant="mine"),
    }


def rows(control):
    return [r for r in control.operator.get("/v1").json["resources"] if r["scopes"]]


def fill(path, tenant):
    return (path.replace("{tenant}", tenant).replace("{cluster}", "east").replace("{name}", "web").replace("{service}", "web")
            .replace("{token}", "0" * 20).replace("{commit}", "1"))


def expected(row, whose, scope, tenant):
    """None: let in, and what comes then is another matter."""
    shared = "tenant-read" in row["scopes"] and "{tenant}" not in row["path"]
    if whose and not shared and not ("{tenant}" in row["path"] and tenant == whose):
        return 404
    return None if scope in row["scopes"] else 403


def test_the_matrix(control, callers):
    tried = 0
    for row, ((whose, scope), client), tenant in itertools.product(rows(control), callers.items(), ("mine", "theirs", "nobody")):
        if "{tenant}" not in row["path"] and tenant != "mine":
            continue
        want = expected(row, whose, scope, tenant)
        path = fill(row["path"], tenant)
        if want is None and (row["method"] != "GET" or path.endswith("/watch")):
            # Being let in shows in a body that is refused for what it is, not for who sends it.
            if path.endswith("/watch"):
                continue
            headers = {"If-Match": '"999999999"'} if row["method"] == "DELETE" else {}
            answer = client.call(row["method"], path, None if row["method"] == "DELETE" else "[]", headers=headers)
            assert answer.status in (400, 404, 412), f"{row['method']} {path} by {whose}/{scope}: {answer}"
            assert tenant != "nobody" or answer.status in (400, 404, 412)
        else:
            answer = client.call(row["method"], path, None if row["method"] in ("GET", "DELETE") else {})
            if want is None:
                assert answer.status in (200, 404, 503), f"{row['method']} {path} by {whose}/{scope}: {answer}"
            else:
                assert answer.status == want, f"{row['method']} {path} by {whose}/{scope}: {answer}"
        tried += 1
    assert tried > 200


def test_what_is_not_there_and_what_is_anothers_look_the_same(control, callers):
    client = callers["mine", "tenant-admin"]
    there = client.get("/v1/tenants/theirs/routes/web")
    missing = client.get("/v1/tenants/theirs/routes/none")
    nobody = client.get("/v1/tenants/nobody/routes/web")
    nowhere = client.get("/v1/nothing")
    assert there.status == 404 and {there.text, missing.text, nobody.text} == {there.text}
    assert nowhere.status == 404
    drop = ("Date",)
    heads = [sorted((k, v) for k, v in a.headers.items() if k not in drop) for a in (there, missing, nobody)]
    assert heads[0] == heads[1] == heads[2]


def test_without_a_good_token_nothing_but_health_is_said(control):
    for token in (None, "x", "sbt1.00000000000000000000." + "A" * 43, control.bootstrap[:-1]):
        client = rig.Client(control, token)
        for path in ("/v1", "/v1/tenants", "/v1/tenants/default/routes", "/v1/openapi.json", "/v1/watch"):
            answer = client.get(path)
            assert answer.status in (401, 429)
            assert answer.status == 429 or answer.headers["WWW-Authenticate"].startswith("Bearer")
        for path in ("/livez", "/readyz", "/version"):
            assert client.get(path).status == 200
        client.close()


def test_a_tenant_that_is_gone_takes_its_tokens_along(control):
    control.tenant("shortlived")
    client = control.client("tenant-read", tenant="shortlived")
    assert client.get("/v1/tenants/shortlived/routes").status == 200
    for item in control.operator.get("/v1/tenants/shortlived/tokens").json["items"]:
        control.operator.delete(f"/v1/tenants/shortlived/tokens/{item['name']}")
    assert control.operator.delete("/v1/tenants/shortlived").status == 200
    assert client.get("/v1/tenants/shortlived/routes").status in (401, 404, 429)
