"""?wait=applied: 200 when every live gateway has it, 202 with who has not."""
import threading
import time

import rig


def settings(n):
    return {"idle_timeout_s": n}


def test_a_write_waits_for_every_live_gateway(own):
    control = own()
    operator = control.operator
    epoch = control.cluster("east")["epoch"]
    revision = operator.made("/v1/clusters/east/settings", settings(60)).commit
    control.gateway("east", "g1", epoch=epoch, applied=revision, routes=0)
    control.gateway("east", "g2", epoch=epoch, applied=revision, routes=0)
    begin = time.monotonic()
    late = operator.put("/v1/clusters/east/settings", settings(61), wait="applied", timeout="400ms")
    assert late.status == 202 and 0.3 < time.monotonic() - begin < 3, late
    write = late.json["status"]["write"]
    assert write["applied"] is False and {g["gateway"] for g in write["laggards"]} == {"g1", "g2"}
    answers = []

    def wait():
        client = rig.Client(control, control.bootstrap)
        answers.append(client.put("/v1/clusters/east/settings", settings(62), wait="applied", timeout="10s"))
        client.close()

    thread = threading.Thread(target=wait)
    thread.start()
    revision = rig.eventually("the commit", lambda: (r := control.cluster("east")["revision"]) > late.commit and r)
    control.gateway("east", "g1", epoch=epoch, applied=revision, routes=0)
    thread.join(0.3)
    assert thread.is_alive()
    programmed = {c["type"]: c for c in operator.get("/v1/clusters/east/settings").json["status"]["conditions"]}["Programmed"]
    assert programmed["status"] == "False" and programmed["reason"] == "Pending"
    control.gateway("east", "g2", epoch=epoch, applied=revision, routes=0)
    thread.join(5)
    assert answers[0].status == 200 and answers[0].json["status"]["write"]["applied"] is True, answers
    programmed = {c["type"]: c for c in operator.get("/v1/clusters/east/settings").json["status"]["conditions"]}["Programmed"]
    assert programmed["status"] == "True" and programmed["reason"] == "Applied"


def test_a_service_says_by_how_many_gateways_it_is_served(own):
    control = own()
    control.tenant("shop", services={"names": ["shop_*"]})
    tenant = control.client("tenant-read", tenant="shop")
    control.service("shop_web", rig.labels("shop.example"))

    def programmed():
        answer = tenant.get("/v1/tenants/shop/services/shop_web", check=False)
        found = [c for c in answer.json.get("conditions", []) if c["type"] == "Programmed"]
        return (found[0]["status"], found[0]["reason"], found[0]["message"]) if found else None

    rig.eventually("nobody serves it", lambda: programmed() == ("False", "NoGateways", "no gateway of the cluster lives"))
    east = rig.eventually("its commit", lambda: (e := control.cluster("east"))["routes"] == 1 and e)
    for name, applied in (("g1", east["revision"]), ("g2", 0)):
        control.gateway("east", name, epoch=east["epoch"], applied=applied, routes=1)
    assert programmed() == ("False", "Pending", f"1 of 2 live gateways have commit {east['revision']}")
    control.gateway("east", "g2", epoch=east["epoch"], applied=east["revision"], routes=1)
    assert programmed()[:2] == ("True", "Applied") and "g1" not in tenant.get("/v1/tenants/shop/services/shop_web").text
    control.gateway("east", "g2", epoch=east["epoch"], applied=east["revision"], routes=0,
                    refusals=[{"kind": "route", "name": "shop_web", "code": "Unsupported", "message": "no"}])
    assert programmed()[:2] == ("False", "Refused"), programmed()
    at = control.operator.get("/v1/clusters/east/services/shop_web").json["conditions"]
    assert [c["reason"] for c in at if c["type"] == "Programmed"] == ["Refused"]


def test_who_goes_away_while_waiting_takes_nothing_along(own):
    control = own()
    epoch = control.cluster("east")["epoch"]
    control.gateway("east", "g1", epoch=epoch, applied=0, routes=0)
    for i in range(20):
        client = rig.Client(control, control.bootstrap)
        client.conn = rig.http.client.HTTPConnection("127.0.0.1", control.admin_port)
        client.conn.request("PUT", f"/v1/clusters/east/settings?wait=applied&timeout=2s", f'{{"idle_timeout_s":{i + 10}}}',
                            {"Authorization": f"Bearer {control.bootstrap}", "Content-Type": "application/json"})
        client.close()
    rig.eventually("the last write is there", lambda: control.operator.get("/v1/clusters/east/settings", check=False).status == 200)
    time.sleep(2.5)
    assert control.operator.get("/livez").status == 200


def test_a_coordinator_ends_while_writes_wait(own):
    control = own()
    epoch = control.cluster("east")["epoch"]
    control.gateway("east", "g1", epoch=epoch, applied=0, routes=0)
    conns = []
    for i in range(4):
        conn = rig.http.client.HTTPConnection("127.0.0.1", control.admin_port)
        conn.request("PUT", "/v1/clusters/east/settings?wait=applied&timeout=20s", f'{{"idle_timeout_s":{i + 10}}}',
                     {"Authorization": f"Bearer {control.bootstrap}", "Content-Type": "application/json"})
        conns.append(conn)
    rig.eventually("a write waits", lambda: control.operator.get("/v1/clusters/east/settings").status == 200)
    control.restart()  # asserts that it ended well
    [c.close() for c in conns]


def test_a_durable_write_is_in_swarms_store_when_it_is_answered(own):
    control = own()
    answer = control.operator.put("/v1/tenants/default/pools/web", {"cluster": "east"}, durable="swarm")
    assert answer.status == 201 and answer.json["status"]["write"]["durable"] is True, answer
    assert control.operator.put("/v1/tenants/default/pools/web", {"cluster": "east"}, durable="disk").status == 400


def test_a_tenant_waits_for_so_many_writes_at_a_time(own):
    control = own()
    control.tenant("patient")
    token = control.token("tenant-admin", tenant="patient")
    control.gateway("east", "g1", epoch=control.cluster("east")["epoch"], applied=0, routes=0)
    answers, lock = [], threading.Lock()

    def wait(i):
        client = rig.Client(control, token)
        answer = client.put(f"/v1/tenants/patient/pools/p{i}", {"cluster": "east"}, wait="applied", timeout="3s")
        client.close()
        with lock:
            answers.append(answer.status)

    threads = [threading.Thread(target=wait, args=(i,)) for i in range(40)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert answers.count(429) == 8 and set(answers) <= {200, 201, 202, 429}, answers
