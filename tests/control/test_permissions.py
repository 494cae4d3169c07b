"""Scopes × endpoints, from /v1 itself: who is let in, who is told 403, and who must not know that there is anything."""
import itertools

import pytest

import rig

SCOPES = ("operator", "tenant-admin", "tenant-read", "metrics")


@pytest.fixture(scope="module")
def callers(control):
    """Clients by (whose, scope); of two tenants there is one thing of each kind, so that who is let in sees it."""
    made = {"/routes/web": {"cluster": "east", "forward": [{"pool": "web"}]}, "/pools/web": {"cluster": "east"},
            "/endpoints/web": {"cluster": "east", "endpoints": []}, "/pins/web": {"service": "web", "commit": 1, "labels": {}},
            "/certificates/web": {"cluster": "east", "cert": "a", "key": "b"}}
    for name in ("mine", "theirs"):
        control.tenant(name, hosts=[f"{name}.example"], services={"names": [f"{name}_*"]})
        for path, body in made.items():
            hosts = {"hosts": [f"{name}.example"]} if path in ("/routes/web", "/certificates/web") else {}
            control.operator.made(f"/v1/tenants/{name}{path}", {**body, **hosts})
        control.service(f"{name}_web", rig.labels(f"{name}.example"))
    control.operator.made("/v1/clusters/east/settings", {"idle_timeout_s": 77})
    rig.eventually("the services are seen", lambda: {"mine_web", "theirs_web"} <= {
        x["service"] for x in control.operator.get("/v1/services").json["services"]})
    yield {
        ("", "operator"): control.client("operator"), ("", "metrics"): control.client("metrics"),
        ("mine", "tenant-admin"): control.client("tenant-admin", tenant="mine"),
        ("mine", "tenant-read"): control.client("tenant-read", tenant="mine"),
        ("theirs", "tenant-read"): control.client("tenant-read", tenant="theirs"),
    }
    for name in ("mine", "theirs"):
        control.no_service(f"{name}_web")
    control.operator.delete("/v1/clusters/east/settings")


def rows(control):
    return [r for r in control.operator.get("/v1").json["resources"] if r["scopes"]]


def fill(control, path, tenant):
    """With the names of what there is."""
    of = tenant if "{tenant}" in path or "{service}" in path else ""
    base = f"/v1/tenants/{of}" if of and "{tenant}" in path else "/v1"
    if "{token}" in path:
        items = control.operator.get(f"{base}/tokens").json.get("items") or [{"name": "0" * 20}]
        path = path.replace("{token}", items[0]["name"])
    if "{commit}" in path:
        commits = control.operator.get(f"{base}/commits").json.get("commits") or [{"commit": 1}]
        path = path.replace("{commit}", str(commits[0]["commit"]))
    return path.replace("{tenant}", tenant).replace("{cluster}", "east").replace("{name}", "web").replace("{service}", f"{tenant}_web")


def expected(row, whose, scope, tenant):
    """None: let in, and what comes then is another matter."""
    shared = "tenant-read" in row["scopes"] and "{tenant}" not in row["path"]
    if whose and not shared and not ("{tenant}" in row["path"] and tenant == whose):
        return 404
    return None if scope in row["scopes"] else 403


def test_the_matrix(control, callers):
    """Who is let in sees the thing, or has his body refused for what it is; so nobody is kept out unnoticed."""
    tried = {True: 0, False: 0}
    for row, ((whose, scope), client), tenant in itertools.product(rows(control), callers.items(), ("mine", "theirs", "nobody")):
        if ("{tenant}" not in row["path"] and tenant != "mine") or row["path"].endswith("/watch"):
            continue
        want, path, method = expected(row, whose, scope, tenant), fill(control, row["path"], tenant), row["method"]
        tag = {"If-Match": '"999999999"'} if method == "DELETE" else {}
        body = None if method in ("GET", "DELETE") else {} if want else "[]"
        answer = client.call(method, path, body, headers=tag)
        if want is None:
            let_in = (200,) if method == "GET" else (412,) if method == "DELETE" else (400,)
            want = (404, 412, 400) if tenant == "nobody" else let_in
            tried[tenant != "nobody"] += 1
        else:
            want = (want,)
            tried[False] += 1
        assert answer.status in want, f"{method} {path} by {whose}/{scope}: {answer}, {want} is right"
    assert tried[True] > 80 and tried[False] > 200, tried


@pytest.mark.parametrize("whose, scope, path, status", [
    ("", "operator", "/v1/watch", 200), ("", "operator", "/v1/tenants/mine/watch", 200), ("", "metrics", "/v1/watch", 403),
    ("mine", "tenant-read", "/v1/tenants/mine/watch", 200), ("mine", "tenant-admin", "/v1/tenants/mine/watch", 200),
    ("mine", "tenant-admin", "/v1/watch", 404), ("mine", "tenant-read", "/v1/tenants/theirs/watch", 404),
    ("theirs", "tenant-read", "/v1/tenants/mine/watch", 404)])
def test_the_matrix_of_watches(callers, whose, scope, path, status):
    watch = rig.Watch(callers[whose, scope], path)
    assert watch.status == status
    watch.close()


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
