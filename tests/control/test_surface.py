"""What describes the API: the list, the OpenAPI document, the guide."""
import re

import jsonschema

import rig


def test_the_document_is_openapi_and_names_every_row(control):
    document = control.schemas().document
    assert document["openapi"] == "3.1.0"
    described = {(m.upper(), p) for p, item in document["paths"].items() for m in item}
    rows = control.operator.get("/v1").json["resources"]
    assert described == {(r["method"], r["path"]) for r in rows}
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        for ref in re.findall(r'"\$ref": ?"([^"]*)"', rig.json.dumps(schema)):
            assert ref.startswith("#/components/schemas/") and ref.rpartition("/")[2] in document["components"]["schemas"], (name, ref)
    operations = [op for item in document["paths"].values() for op in item.values()]
    assert len({op["operationId"] for op in operations}) == len(operations)


def test_every_example_is_valid_by_its_schema(control):
    schemas = control.schemas()
    for path, item in schemas.document["paths"].items():
        for method, operation in item.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                error = next(schemas.validator(content["schema"]).iter_errors(content["example"]), None)
                assert error is None, f"{method} {path}: {error.message}"


def test_the_guide_has_every_endpoint(control):
    """docs/api.md's table is made from the surface: `python3 tests/control/api_table.py URL TOKEN` prints it."""
    import api_table
    guide = (rig.ROOT / "docs/api.md").read_text()
    table = api_table.table(control.operator.get("/v1").json["resources"])
    assert table in guide, "docs/api.md has another table; this is the right one:\n" + table


def test_read_outs_that_were_there_before_are_there_still(control):
    shown = control.operator.get("/v1/clusters/east")
    assert shown.json["cluster"] == "east" and shown.json["state"] in ("held", "published")
    for path in ("/v1/clusters/east/services", "/v1/clusters/east/gateways", "/v1/gateways", "/v1/services", "/v1/secrets",
                 "/v1/clusters", "/v1/tenants", "/v1/tokens", "/v1/audit", "/v1/commits"):
        assert control.operator.get(path).status == 200, path
    assert control.operator.get("/v1/clusters/nowhere").status == 404
    metrics = control.operator.get("/v1/clusters/east/metrics")
    assert metrics.status == 200 and "signalbox_cluster_revision" in metrics.text


def test_secrets_are_named_never_shown(control, tenant):
    tenant.made(tenant.base + "/certificates/web", {"cluster": "east", "hosts": [tenant.host], "cert": "web.crt", "key": "web.key"})
    named = tenant.get(tenant.base + "/secrets").json["secrets"]
    assert {(s["secret"], u["as"], u["name"]) for s in named for u in s["used_by"]} == {("web.crt", "cert", "web"), ("web.key", "key", "web")}


def test_a_header_that_comes_twice_means_nothing(control, tenant):
    import http.client
    body = b'{"cluster":"east"}'
    once = {"Authorization": f"Bearer {tenant.token}", "Content-Type": "application/json", "If-None-Match": "*"}
    for name in (*once, None):
        conn = http.client.HTTPConnection("127.0.0.1", control.admin_port, timeout=rig.WAIT)
        conn.putrequest("PUT", tenant.base + "/pools/twice")
        for key, value in once.items():
            for _ in range(2 if key == name else 1):
                conn.putheader(key, value)
        conn.putheader("Content-Length", str(len(body)))
        conn.endheaders(body)
        reply = conn.getresponse()
        seen = reply.read().decode()
        conn.close()
        if name is None:
            assert reply.status == 201, seen
        else:
            assert reply.status == 400 and "DuplicateHeader" in seen and name in seen, (name, reply.status, seen)
