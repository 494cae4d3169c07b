"""Swarm's secrets: what Swarm says of them, who names them, who may see which, and what is missing; never what is in them."""
import rig

CERTIFICATE = {"cluster": "east", "hosts": ["shop.example"], "cert": "shop.crt", "key": "shop.key"}


def secrets(client, base="/v1"):
    answer = client.get(base + "/secrets")
    assert answer.status == 200, answer
    return {s["secret"]: s for s in answer.json["secrets"]}


def missing(conditions):
    return [(c["label"], c["value"]) for c in conditions if c["reason"] == "SecretMissing"]


def certificate_misses(client):
    return missing(client.get("/v1/tenants/shop/certificates/web").json["status"]["conditions"])


def test_what_swarm_says_of_secrets_is_shown_to_who_names_them(own):
    control = own()
    for tenant in ("shop", "rival"):
        control.tenant(tenant, services={"names": [tenant + "_*"]})
    shop, rival = (control.client("tenant-admin", tenant=t) for t in ("shop", "rival"))
    shop.made("/v1/tenants/shop/certificates/web", CERTIFICATE)
    rig.eventually("both are missing", lambda: certificate_misses(shop) == [("/cert", "shop.crt"), ("/key", "shop.key")])
    assert secrets(shop, "/v1/tenants/shop")["shop.key"]["exists"] is False
    control.secret("shop.crt", {"stage": "live"})
    control.secret("shop.key", {rig.LABEL + "tenant": "shop", rig.LABEL + "expires": "2027-01-31T00:00:00Z"})
    control.secret("unnamed")
    rig.eventually("both are there", lambda: certificate_misses(shop) == [])
    seen = secrets(shop, "/v1/tenants/shop")
    assert set(seen) == {"shop.crt", "shop.key"}, seen
    assert seen["shop.crt"]["labels"] == {"stage": "live"} and seen["shop.crt"]["version"] == 10 and seen["shop.crt"]["created"], seen
    assert seen["shop.crt"]["expires"] is None and seen["shop.crt"]["expires_from"] == "unknown", seen
    assert seen["shop.key"]["expires"] == "2027-01-31T00:00:00Z" and seen["shop.key"]["expires_from"] == "label", seen
    assert seen["shop.key"]["used_by"] == [{"kind": "certificate", "tenant": "shop", "name": "web", "as": "key"}], seen
    assert secrets(rival, "/v1/tenants/rival") == {} and rival.get("/v1/tenants/shop/secrets").status == 404
    whole = rig.eventually("all are listed", lambda: (s := secrets(control.operator)) and "unnamed" in s and s)
    assert set(whole) == {"shop.crt", "shop.key", "unnamed"} and whole["unnamed"]["used_by"] == [], whole
    control.no_secret("shop.crt")
    rig.eventually("it is gone", lambda: certificate_misses(shop) == [("/cert", "shop.crt")])
    accepted = [c["status"] for c in shop.get("/v1/tenants/shop/certificates/web").json["status"]["conditions"] if c["type"] == "Accepted"]
    assert accepted == ["True"]


def test_a_label_keeps_a_secret_for_one_tenant(own):
    control = own()
    for tenant in ("shop", "rival"):
        control.tenant(tenant)
    rival = control.client("tenant-admin", tenant="rival")
    control.secret("shop.key", {rig.LABEL + "tenant": "shop", "hush": "hush"})
    rival.made("/v1/tenants/rival/certificates/mine", CERTIFICATE)
    rig.eventually("it is seen", lambda: secrets(control.operator)["shop.key"]["exists"])
    seen = rival.get("/v1/tenants/rival/secrets")
    assert secrets(rival, "/v1/tenants/rival")["shop.key"] == {
        "secret": "shop.key", "exists": False,
        "used_by": [{"kind": "certificate", "tenant": "rival", "name": "mine", "as": "key"}]} and "hush" not in seen.text
    conditions = rival.get("/v1/tenants/rival/certificates/mine").json["status"]["conditions"]
    assert missing(conditions) == [("/cert", "shop.crt"), ("/key", "shop.key")], conditions


def test_a_label_of_a_service_names_a_secret(own):
    control = own()
    control.tenant("shop", services={"names": ["shop_*"]})
    shop = control.client("tenant-admin", tenant="shop")
    control.service("shop_web", rig.labels("shop.example", ssl_cert="web.pem"))
    path = "/v1/tenants/shop/services/shop_web"
    rig.eventually("it is missing", lambda: missing(shop.get(path, check=False).json.get("conditions", [])) == [
        (rig.LABEL + "ssl_cert", "web.pem")])
    assert shop.get(path).json["accepted"]
    control.secret("web.pem")
    rig.eventually("it is there", lambda: missing(shop.get(path).json["conditions"]) == [])
    rig.eventually("its label is recorded", lambda: secrets(shop, "/v1/tenants/shop").get("web.pem", {}).get("used_by") == [
        {"kind": "service", "tenant": "shop", "name": "shop_web", "as": rig.LABEL + "ssl_cert"}])


def test_they_are_known_before_swarm_is_asked_again(own):
    control = own()
    control.secret("kept", {"a": "b"})
    rig.eventually("it is listed", lambda: "kept" in secrets(control.operator))
    control.secret("kept", {"a": "c"})
    rig.eventually("it is relabelled", lambda: secrets(control.operator)["kept"]["labels"] == {"a": "c"})
    control.state["fail_secrets"] = 403  # as something before the engine that lets no such list through
    control.tell_docker()
    control.restart()
    answer = control.operator.get("/v1/secrets").json
    assert answer["listed"] is False and answer["secrets"][0]["labels"] == {"a": "c"} and answer["secrets"][0]["version"] == 11, answer
    del control.state["fail_secrets"]
    control.no_secret("kept")
    rig.eventually("it is listed anew", lambda: control.operator.get("/v1/secrets").json == {"listed": True, "secrets": []})


def test_without_a_list_nothing_is_said_to_be_missing(own):
    control = own()
    control.kill()
    control.operator.close()
    control.store = control.scratch / "another.db"
    control.state["fail_secrets"] = 403
    control.tell_docker()
    control.start()
    control.tenant("shop")
    control.operator.made("/v1/tenants/shop/certificates/web", CERTIFICATE)
    assert secrets(control.operator)["shop.key"]["exists"] is None
    conditions = control.operator.get("/v1/tenants/shop/certificates/web").json["status"]["conditions"]
    assert missing(conditions) == [] and "ResolvedRefs" not in [c["reason"] for c in conditions], conditions
    assert control.log_text().count("secrets could not be listed") == 1
