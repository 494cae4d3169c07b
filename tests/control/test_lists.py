"""Listings: pages of one commit whatever is written meanwhile, selectors, hosts; none is kept for ever."""
import pytest


@pytest.fixture
def many(tenant):
    documents = [{"kind": "pool", "name": f"p{i:03}", "value": {"cluster": "east", "metadata": {"labels": {
        "parity": "even" if i % 2 == 0 else "odd", **({"third": "yes"} if i % 3 == 0 else {})}}}} for i in range(60)]
    assert tenant.post(tenant.base + "/apply", {"documents": documents}).status == 200
    return tenant


def names(items):
    return [i["name"] for i in items]


def test_pages_are_of_one_commit_while_others_write(many):
    path = many.base + "/pools"
    first = many.get(path, limit=25)
    assert first.json["total"] == 60 and len(first.json["items"]) == 25
    many.delete(path + "/p001")
    many.delete(path + "/p030")
    many.made(path + "/p030x", {"cluster": "east"})
    many.patch(path + "/p040", {"metadata": {"labels": {"parity": "neither"}}})
    second = many.get(path, limit=25, cursor=first.json["next"])
    third = many.get(path, limit=25, cursor=second.json["next"])
    seen = first.json["items"] + second.json["items"] + third.json["items"]
    assert names(seen) == [f"p{i:03}" for i in range(60)]
    assert {p.json["commit"] for p in (first, second, third)} == {first.json["commit"]}
    assert seen[40]["metadata"]["labels"]["parity"] == "even" and "next" not in third.json
    assert "Link" in first.headers and "Link" not in third.headers
    again = many.get(path, limit=25, cursor=first.json["next"])  # a page may be asked for twice
    assert names(again.json["items"]) == names(second.json["items"])
    now, _ = many.pages(path, limit=7)
    assert names(now) == sorted({f"p{i:03}" for i in range(60)} - {"p001", "p030"} | {"p030x"})


@pytest.mark.parametrize("selector, wanted", [
    ("parity=even", lambda i: i % 2 == 0), ("parity!=even", lambda i: i % 2), ("third", lambda i: i % 3 == 0),
    ("!third,parity=odd", lambda i: i % 3 and i % 2), ("parity=none", lambda i: False),
])
def test_selectors_select(many, selector, wanted):
    items, _ = many.pages(many.base + "/pools", limit=9, selector=selector)
    assert names(items) == [f"p{i:03}" for i in range(60) if wanted(i)]


def test_routes_are_found_by_host(tenant, route):
    for name, hosts in {"exact": ["a." + tenant.host], "wild": ["*." + tenant.host], "other": [tenant.host]}.items():
        tenant.made(f"{tenant.base}/routes/{name}", {**route(), "hosts": hosts})

    def found(host):
        return names(tenant.get(tenant.base + "/routes", host=host).json["items"])

    assert found("a." + tenant.host) == ["exact", "wild"]
    assert found("A." + tenant.host.upper() + ".") == ["exact", "wild"]
    assert found("b." + tenant.host) == ["wild"]
    assert found(tenant.host) == ["other"]
    assert found("*." + tenant.host) == ["wild"]
    assert tenant.get(tenant.base + "/routes", host="bad host").status == 400


def test_what_is_no_page_is_refused(many):
    path = many.base + "/pools"
    cursor = many.get(path, limit=10).json["next"]
    for query in ({"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"cursor": "x"}, {"selector": "=x"},
                  {"cursor": cursor, "selector": "third"}):
        assert many.get(path, **query).status == 400, query
    assert many.get(many.base + "/routes", cursor=cursor).status == 410
    ident, _, at = cursor.partition(".")
    assert many.get(path, cursor=f"{int(ident, 16) + 99999:016x}.{at}").status == 410
    assert many.get(path, cursor=f"{ident}.9999").status == 410
    assert many.get(path, cursor=f"{ident}.10").status == 200


def test_nobody_reads_on_in_another_ones_listing(control, many):
    cursor = many.get(many.base + "/pools", limit=10).json["next"]
    other = control.client("tenant-read", tenant=many.name)
    assert other.get(many.base + "/pools", cursor=cursor).status == 410
    assert control.operator.get(many.base + "/pools", cursor=cursor).status == 410


def test_a_caller_has_a_few_listings_at_a_time(many):
    path = many.base + "/pools"
    cursors = [many.get(path, limit=10).json["next"] for _ in range(9)]
    answers = [many.get(path, cursor=c).status for c in cursors]
    assert answers == [410] + [200] * 8
