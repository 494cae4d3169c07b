"""What a write does beside what it says is in its answer, and in that of a dry run: routes without a pool, routes that serve other
hosts; to a tenant nothing of another's."""
import json

from test_cli import Shell


def warned(answer):
    assert answer.status == 200, answer
    write = answer.json.get("status", {}).get("write", answer.json)
    return [(w["code"], w["route"], w.get("cluster"), w.get("hosts")) for w in write.get("warnings", [])]


def both(client, method, path, body=None):
    """What the dry run says is what comes."""
    dry = warned(client.call(method, path, body, dryRun="all"))
    real = warned(client.call(method, path, body))
    assert dry == real, (dry, real)
    return real


def test_a_pool_that_goes_names_the_routes_that_it_leaves(control, tenant, tmp_path):
    name = tenant.name
    for pool in ("web", "other"):
        tenant.made(f"{tenant.base}/pools/{pool}", {"cluster": "east"})
    tenant.made(f"{tenant.base}/routes/both", {"cluster": "east", "hosts": [tenant.host], "forward": [
        {"pool": "web"}, {"pool": "other"}]})
    tenant.made(f"{tenant.base}/routes/one", {"cluster": "east", "hosts": [tenant.host], "path": "/one", "forward": [{"pool": "web"}]})
    tenant.made(f"{tenant.base}/routes/none", {"cluster": "east", "hosts": [tenant.host], "path": "/none", "forward": [{"pool": "other"}]})
    left = [("PoolGone", f"{name}/both", None, None), ("PoolGone", f"{name}/one", None, None)]
    shell = Shell(tmp_path, control, tenant.token, name)
    told = shell("delete", "pool", "web", "--dry-run")
    assert f'route {name}/one: it forwards to the pool "web", which this deletes' in told.out + told.err, told
    assert both(tenant, "DELETE", f"{tenant.base}/pools/web") == left
    tenant.made(f"{tenant.base}/pools/web", {"cluster": "east"})
    # Who deletes the route with it, or sends it elsewhere, knows.
    documents = [{"kind": "pool", "name": "web", "value": None}, {"kind": "route", "name": "one", "value": None},
                 {"kind": "route", "name": "both", "value": {"cluster": "east", "hosts": [tenant.host], "forward": [{"pool": "other"}]}}]
    assert both(tenant, "POST", f"{tenant.base}/apply", {"documents": documents}) == []
    documents = [{"kind": "pool", "name": "other", "value": None}, {"kind": "route", "name": "new", "value": {
        "cluster": "east", "hosts": [tenant.host], "path": "/new", "forward": [{"pool": "other"}]}}]
    assert sorted(both(tenant, "POST", f"{tenant.base}/apply", {"documents": documents})) == [
        ("PoolGone", f"{name}/{route}", None, None) for route in ("both", "new", "none")]


def test_what_a_quota_lets_in_instead_is_told(own, tmp_path):
    control = own()
    for name in ("acme", "blue"):
        control.tenant(name)
    acme, blue = (control.client("tenant-admin", tenant=name) for name in ("acme", "blue"))

    def route(client, name, n, host):
        return client.made(f"/v1/tenants/{name}/routes/r{n}", {"cluster": "east", "hosts": [host], "respond": {"status": 200}})

    for n in (1, 2, 3):
        route(acme, "acme", n, f"h{n}.example")
    assert both(control.operator, "PATCH", "/v1/tenants/acme", {"quotas": {"routes": 2}}) == [
        ("ServesNoMore", "acme/r3", "east", ["h3.example"])]
    route(blue, "blue", 1, "h3.example")  # free, as what is refused asks for nothing
    dry = acme.call("DELETE", "/v1/tenants/acme/routes/r1", dryRun="all")
    assert "h3.example" in dry.json["hosts"] and "blue" not in json.dumps(dry.json), dry
    whole = control.operator.call("DELETE", "/v1/tenants/acme/routes/r1", dryRun="all")
    assert warned(whole) == [("ServesNow", "acme/r3", "east", ["h3.example"]), ("ServesNoMore", "blue/r1", "east", ["h3.example"])]
    told = Shell(tmp_path, control, acme.token, "acme")("delete", "route", "r1", "--dry-run")
    assert "route acme/r3: it waited for a quota" in told.out + told.err and "h3.example" in told.out + told.err, told
    assert both(acme, "DELETE", "/v1/tenants/acme/routes/r1") == [("ServesNow", "acme/r3", "east", ["h3.example"])]
