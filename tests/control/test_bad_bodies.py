"""Bodies and queries made wrong at random: refused with a reason, never a 5xx, and nothing else is harmed."""
import json
import random

import rig

SEEDS = {
    "routes": {"cluster": "east", "hosts": ["x.example", "*.y.example"], "path": "/a", "match": {"methods": ["GET"]},
               "forward": [{"pool": "web", "weight": 3}], "metadata": {"labels": {"a": "b"}}},
    "pools": {"cluster": "east", "protocol": "http1", "service": {"name": "web", "port": 80}, "balance": "round_robin"},
    "endpoints": {"cluster": "east", "endpoints": [{"address": "10.0.0.1", "port": 80, "weight": 1}]},
    "certificates": {"cluster": "east", "hosts": ["x.example"], "cert": "a", "key": "b"},
    "pins": {"service": "web", "commit": 3, "labels": {"com.docker.lb.hosts": "x.example"}},
}
VALUES = [None, True, False, 0, -1, 2 ** 63 - 1, 2 ** 64, 1.5, 1e300, "", "x", "\u20ac", "a" * 5000, "*", "/", "..", [], {}, [[]],
          {"a": {"b": {}}}, ["x"] * 300]


def mutate(rng, value):
    if isinstance(value, dict) and value and rng.random() < 0.8:
        out = dict(value)
        key = rng.choice(list(out))
        choice = rng.randrange(4)
        if choice == 0:
            del out[key]
        elif choice == 1:
            out[key + rng.choice(["x", "", "\u0301"])] = rng.choice(VALUES)
        else:
            out[key] = mutate(rng, out[key])
        return out
    if isinstance(value, list) and value and rng.random() < 0.8:
        out = list(value)
        at = rng.randrange(len(out))
        out[at] = mutate(rng, out[at])
        return out + [rng.choice(VALUES)] * rng.choice([0, 0, 1])
    return rng.choice(VALUES)


def garble(rng, text):
    data = bytearray(text.encode())
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        data[at:at + rng.choice([0, 1, 3])] = rng.choice([b"", b"\x00", b"\xff", b"{", b"\"", b"\\u0000", b"1e999", b",", b"]"])
    return bytes(data)


def fault_by_schema(control, method, path, body):
    """What /v1/openapi.json says against a body; None: nothing."""
    (content,) = control.schemas().operation(method, path)["requestBody"]["content"].values()
    return next((e.message for e in control.schemas().validator(content["schema"]).iter_errors(json.loads(body))), None)


def test_what_the_schema_refuses_is_refused(control, tenant):
    """Each member of each seed in turn given each value: taken only if the schema has nothing against it."""
    taken = by_schema = 0
    for kind, seed in SEEDS.items():
        path = f"{tenant.base}/{kind}/web"
        for member in [*seed, "nonsense"]:
            for value in VALUES:
                body = json.dumps({**seed, member: value})
                fault = fault_by_schema(control, "PUT", path, body)
                answer = control.operator.put(path, body, dryRun="all")
                assert fault is None or answer.status >= 400, f"{kind} {body[:200]} was taken: {fault}"
                assert answer.status < 500, answer
                taken, by_schema = taken + (answer.status < 300), by_schema + (fault is not None)
    assert taken > 10 and by_schema > 200, (taken, by_schema)


def test_random_bodies_are_refused_or_taken_but_never_an_error_of_ours(control):
    rng = random.Random(20261126)
    control.tenant("fuzzed", hosts=["x.example", "*.y.example"])
    control.tenant("bystander", hosts=["by.example"])
    operator = control.operator
    quiet = operator.made("/v1/tenants/bystander/routes/web", {"cluster": "east", "hosts": ["by.example"], "forward": [{"pool": "p"}]})
    seen = {}
    for i in range(1500):
        kind = rng.choice(list(SEEDS))
        value = SEEDS[kind]
        for _ in range(rng.randrange(1, 4)):
            value = mutate(rng, value)
        body = json.dumps(value)
        if rng.random() < 0.3:
            body = garble(rng, body)
        method, path = rng.choice([("PUT", f"/v1/tenants/fuzzed/{kind}/web"), ("PATCH", f"/v1/tenants/fuzzed/{kind}/web"),
                                   ("POST", "/v1/tenants/fuzzed/apply"), ("POST", "/v1/tenants/fuzzed/rollback"),
                                   ("POST", "/v1/tenants/fuzzed/explain"), ("POST", "/v1/tenants/fuzzed/tokens"),
                                   ("PUT", "/v1/tenants/fuzzed"), ("PUT", "/v1/clusters/east/settings")])
        if path.endswith("apply") and isinstance(body, str):
            body = json.dumps({"documents": [{"kind": kind.rstrip("s"), "name": rng.choice(["web", "", "a/b"]), "value": value}]})
        answer = operator.call(method, path, body, dryRun="all") if "explain" not in path else operator.call(method, path, body)
        seen[answer.status] = seen.get(answer.status, 0) + 1
        assert answer.status < 500, f"{method} {path} {body!r}: {answer}"
        if answer.status >= 400:
            assert answer.json["code"] and answer.json["detail"]
        else:
            assert (wrong := fault_by_schema(control, method, path, body)) is None, f"{method} {path} {body!r} was taken: {wrong}"
    assert seen.get(200, 0) > 10 and seen.get(422, 0) > 100, seen
    assert operator.get("/v1/tenants/bystander/routes/web").etag == quiet.etag


def test_random_targets_and_headers(control):
    rng = random.Random(5)
    pieces = ["v1", "tenants", "default", "routes", "..", ".", "%2f", "%00", "%", "\u20ac".encode().decode("latin-1"), "x" * 200, "",
              "{tenant}", "commits", "1", "?", "?limit=", "?limit=1&limit=2", "&", "?cursor=%ff", "?selector=%2c", "#"]
    for _ in range(400):
        path = "/" + "/".join(rng.choice(pieces) for _ in range(rng.randrange(1, 7))).replace(" ", "")
        headers = {"Authorization": f"Bearer {control.bootstrap}", rng.choice(["If-Match", "If-None-Match", "Last-Event-ID", "Content-Type"]):
                   rng.choice(["", "*", '"', '"1"', "W/", "\xff", "a" * 3000])}
        if "watch" in path:
            continue
        client = rig.Client(control, control.bootstrap)
        with rig.contextlib.suppress(UnicodeEncodeError, rig.http.client.InvalidURL):
            answer = client.raw(rng.choice(["GET", "HEAD", "DELETE", "OPTIONS"]), path, None, headers)
            assert answer.status < 500 or answer.status == 501, f"{path} {headers}: {answer}"
        client.close()
