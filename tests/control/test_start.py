"""What a coordinator does before it has read the swarm: its gateways get what the store has."""
import http.client
import json

import rig


def first_lines(control, cluster):
    """Those of a stream up to its commit; None: the cluster is not served yet."""
    token = control.program("token", "cluster", cluster, "--identity", control.identity).split()[0]
    conn = http.client.HTTPConnection("127.0.0.1", control.stream_port, timeout=rig.WAIT)
    conn.request("GET", f"/v1/clusters/{cluster}/stream?gateway=g1", headers={"Authorization": f"Bearer {token}"})
    reply, lines = conn.getresponse(), []
    while reply.status == 200 and not (lines and "commit" in lines[-1]):
        lines.append(json.loads(reply.readline()))
    conn.close()
    return lines or None


def test_tables_of_all_clusters_are_served_before_the_swarm_is_read(own):
    control = own()
    control.operator.made("/v1/clusters/later", {})
    control.tenant("acme")
    for cluster in ("east", "later"):
        control.operator.made(f"/v1/tenants/acme/routes/{cluster}", {
            "cluster": cluster, "hosts": [f"{cluster}.example"], "respond": {"status": 200, "body": "hi"}})
    control.operator.close()
    control.process.terminate()
    assert control.process.wait(rig.WAIT) == 0
    control.state["fail"] = 500
    control.tell_docker()
    control.spawn()
    control.await_ports()
    for cluster in ("east", "later"):
        lines = rig.eventually(f"{cluster} is served", lambda c=cluster: first_lines(control, c))
        assert lines[0]["hello"]["mode"] == "snapshot" and f"{cluster}.example" in json.dumps(lines[1]), lines
    assert control.operator.get("/readyz", check=False).status == 503
    control.state["fail"] = 0
    control.tell_docker()
    control.await_ready()
    assert control.operator.get("/v1/tenants/acme/routes/later").json["status"]["conditions"], "its document is there"
