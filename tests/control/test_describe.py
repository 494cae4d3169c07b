"""`signalbox describe`: why is my service not reachable? One service for each reason, and what else has a screen."""
import rig
from test_cli import OK, REFUSED, USAGE, Shell

HOSTS, PORT, TENANT = (rig.LABEL + name for name in ("hosts", "port", "tenant"))


def without(labels, *names):
    return {k: v for k, v in labels.items() if k not in names}


# name, labels, replicas, what its verdict says, what is to be done
REASONS = [
    ("fine", rig.labels("fine.example"), 1, "not reachable: no gateway of service cluster east lives", "start gateways of service cluster east"),
    ("noport", without(rig.labels("noport.example"), PORT), 1, "not routed: The service has no com.docker.lb.port",
     "--label-add com.docker.lb.port=VALUE shop_noport"),
    ("badport", rig.labels("badport.example", port="http"), 1, 'not routed: "http" is no port', "--label-add com.docker.lb.port=VALUE shop_badport"),
    ("nohosts", without(rig.labels("x"), HOSTS), 1, "not routed: The service has labels of ours but no com.docker.lb.hosts",
     "--label-add com.docker.lb.hosts=VALUE shop_nohosts"),
    ("taken", rig.labels("taken.example"), 1, "not routed: Host taken.example belongs to somebody else", "take another host than taken.example"),
    ("empty", rig.labels("empty.example"), 0, "not reachable: No task is running", "docker service ps --no-trunc shop_empty"),
    ("nonet", rig.labels("nonet.example", network="nowhere"), 1, "not reachable: no gateway", "--label-add com.docker.lb.network=VALUE shop_nonet"),
    ("nocluster", rig.labels("nocluster.example", cluster="nowhere"), 1, 'not routed: There is no service cluster "nowhere"',
     "--label-add com.docker.lb.service_cluster=VALUE shop_nocluster"),
    ("forbidden", rig.labels("forbidden.example", cluster="west"), 1, "not routed: ", "ask an operator: tenant and service cluster have to admit each other"),
    ("others", rig.labels("others.example", tenant="rival"), 1, "not routed: No selector of this tenant takes the service",
     "--label-rm com.docker.lb.tenant shop_others"),
    ("typo", {**rig.labels("typo.example"), rig.LABEL + "hots": "x"}, 1, "not reachable: no gateway", "--label-rm com.docker.lb.hots shop_typo"),
    ("unbuilt", rig.labels("unbuilt.example", sticky_session_cookie="s"), 1, "not reachable: no gateway",
     "does not serve com.docker.lb.sticky_session_cookie=s"),
]


def shop(control, tmp_path):
    control.tenant("shop", services={"names": ["shop_*"]}, clusters=["east"], quotas={"routes": len(REASONS) + 1})
    control.tenant("rival", services={"names": ["rival_*"]})
    control.service("rival_web", rig.labels("taken.example"), created="2025-01-01T00:00:00.000000000Z")
    for name, labels, replicas, _, _ in REASONS:
        control.service(f"shop_{name}", labels, replicas)
    rig.eventually("all are seen", lambda: len(control.operator.get("/v1/services").json["services"]) == len(REASONS) + 1)
    return (Shell(tmp_path, control, control.token("tenant-admin", tenant="shop"), "shop"), Shell(tmp_path, control, control.bootstrap))


def test_each_reason_has_its_verdict_and_what_to_do(own, tmp_path):
    control = own()
    tenant, operator = shop(control, tmp_path)
    for name, _, _, verdict, advice in REASONS:
        screen = operator("describe", "service", f"shop_{name}").out
        assert screen.splitlines()[1].startswith(verdict), screen
        todo = screen[screen.index("what to do"):]
        assert advice in todo and len(screen.splitlines()) <= 40, screen
        own_screen = tenant("describe", "service", f"shop_{name}").out
        assert "what to do" in own_screen and "rival_web" not in own_screen, own_screen
        assert verdict in own_screen and advice in own_screen, own_screen
    refused = [row for row in control.operator.get("/v1/audit", limit=1000).json["rows"] if row["action"] == "refused"]
    assert not refused, refused  # a tenant's look at a screen asks for nothing that it may not see


def test_it_names_the_quota_the_gateways_that_lag_and_what_is_well(own, tmp_path):
    control = own()
    tenant, operator = shop(control, tmp_path)
    east = control.cluster("east")
    control.gateway("east", "g1", epoch=east["epoch"], applied=0, routes=0)
    screen = operator("describe", "service", "shop_fine").out
    assert "1 gateway does not have it" in screen and "routed, but: 0 of 1 live gateways have commit" in screen, screen
    own_screen = tenant("describe", "service", "shop_fine").out  # it does not see the fleet
    assert "routed, but: 0 of 1 live gateways" in own_screen and "g1" not in own_screen, own_screen
    control.gateway("east", "g1", epoch=east["epoch"], applied=east["revision"], routes=east["routes"])
    assert "nothing here" in operator("describe", "service", "shop_fine").out
    assert "mend its name" in operator("describe", "service", "shop_typo").out
    control.operator.patch("/v1/tenants/shop", {"quotas": {"routes": 1}})
    screen = operator("describe", "service", "shop_unbuilt").out
    assert "not routed: The tenant's quota of routes" in screen and "the quota is too small" in screen, screen
    control.operator.put("/v1/ownership", {"claims": "enforced"})
    assert "has to be among the hosts of the tenant" in operator("describe", "service", "shop_fine").out


def test_who_selects_a_service_that_is_nobodys_sees_why(own, tmp_path):
    control = own()
    control.tenant("left", services={"names": ["both", "l*"]})
    control.tenant("right", services={"names": ["both"]})
    control.tenant("apart", services={"names": ["x"]})
    control.service("both", rig.labels("both.example"))
    control.service("free", rig.labels("free.example", tenant="left"))
    rig.eventually("they are seen", lambda: len(control.operator.get("/v1/services").json["services"]) == 2)
    for name in ("left", "right"):
        client = control.client("tenant-read", tenant=name)
        seen = client.get(f"/v1/tenants/{name}/services/both").json
        assert seen["tenant"] == "" and seen["conditions"][0]["reason"] == "AmbiguousTenant", seen
        assert [s["service"] for s in client.get(f"/v1/tenants/{name}/services").json["services"]] == ["both"]
    assert control.client("tenant-read", tenant="apart").get("/v1/tenants/apart/services/both").status == 404
    assert control.client("tenant-read", tenant="right").get("/v1/tenants/right/services/free").status == 404
    assert control.operator.get("/v1/tenants/default/services/free").json["conditions"][0]["reason"] == "NotSelected"
    assert control.operator.get("/v1/tenants/default/services/both").status == 404
    assert control.operator.get("/v1/services/both").json["conditions"][0]["reason"] == "AmbiguousTenant"
    assert control.operator.get("/v1/services/none").status == 404
    shell = Shell(tmp_path, control, control.token("tenant-read", tenant="left"), "left")
    assert "say with the label whose it is" in shell("describe", "service", "both").out
    assert "com.docker.lb." in shell("describe", "service", "none", code=REFUSED).err


def test_a_commit_has_a_screen_for_its_tenant_too(own, tmp_path):
    control = own()
    control.tenant("acme", hosts=["acme.example"])
    operator = Shell(tmp_path, control, control.bootstrap)
    tenant = Shell(tmp_path, control, control.token("tenant-admin", tenant="acme"), "acme")
    made = control.operator.post("/v1/apply", {"documents": [
        {"kind": "pool", "tenant": "acme", "name": "web", "value": {"cluster": "east"}},
        {"kind": "pool", "tenant": "default", "name": "secretive", "value": {"cluster": "east"}}]}).commit
    changed = control.operator.put("/v1/tenants/acme/pools/web", {"cluster": "east", "protocol": "h2c"}).commit
    screen = tenant("describe", "commit", made).out
    assert "+ pool web" in screen and '+ cluster: "east"' in screen and "secretive" not in screen, screen
    assert "secretive" not in tenant("get", "commit", made, "-o", "json").out
    assert "secretive" in operator("describe", "commit", made).out
    screen = tenant("describe", "commit", changed).out
    assert "~ pool web" in screen and '+ protocol: "h2c"' in screen and "cluster" not in screen.split("hash")[0].split("~ pool web")[1].split("protocol")[0]
    foreign = control.operator.put("/v1/tenants/default/pools/secretive", {"cluster": "east", "protocol": "h2c"}).commit
    assert "404" in tenant("describe", "commit", foreign, code=REFUSED).err
    token = tenant("token", "create", "--scope", "tenant-read", "-o", "json").json
    commit = control.operator.get("/v1/tenants/acme/commits", limit=1).json["commits"][0]
    assert commit["documents"][0]["kind"] == "token"
    shown = control.operator.get(f"/v1/tenants/acme/commits/{commit['commit']}").text
    assert token["name"] in shown and '"before":null,"after":true' in shown and shown.count('"hash"') == 1, shown


def test_what_is_asked_wrongly_is_told_how(own, tmp_path):
    control = own()
    control.tenant("acme", hosts=["acme.example"])
    operator = Shell(tmp_path, control, control.bootstrap)
    tenant = Shell(tmp_path, control, control.token("tenant-admin", tenant="acme"), "acme")
    assert [line.split()[0] for line in operator("get", "clusters").out.splitlines()] == ["NAME", "east", "west"]
    assert "published" in operator("get", "cluster", "east").out and "published" in operator("describe", "cluster", "east").out
    assert "open" in operator("get", "ownership").out and "claims" in operator("describe", "ownership").out
    assert "-c CLUSTER" in operator("get", "settings", code=USAGE).err
    assert "signalbox history" in operator("get", "commits", code=USAGE).err and "signalbox gateways" in operator("get", "gateways", code=USAGE).err
    assert "say its name" in tenant("describe", "route", code=USAGE).err
    assert "only an operator's token" in tenant("gateways", code=REFUSED).err
    assert "only an operator's token" in tenant("get", "tenants", code=REFUSED).err
    assert "operator" not in tenant("get", "route", "none", code=REFUSED).err
    assert tenant("describe", "tenant").code == OK
