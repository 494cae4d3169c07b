"""/v1/clusters/{c}/metrics: what gateways report reaches Prometheus as it was counted, and no gateway can spoil the
page or speak for another."""
import http.client
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nodes import wait_until
from test_stream import (PROGRAM, ROOT, WAIT, coordinator, eventually,  # noqa: F401 (two are fixtures)
                         running)

sys.path.insert(0, str(ROOT / "tests/support"))
from exposition import parse, value  # noqa: E402


def page(coordinator, cluster="east"):  # noqa: F811
    conn = http.client.HTTPConnection("127.0.0.1", coordinator.admin_port, timeout=WAIT)
    conn.request("GET", f"/v1/clusters/{cluster}/metrics", headers={"Authorization": f"Bearer {coordinator.bootstrap()}"})
    reply = conn.getresponse()
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = reply.read().decode()
    conn.close()
    return parse(text)


def report(coordinator, gateway, samples, cluster="east", node="n1", **more):  # noqa: F811
    body = {"node": node, "applied": 1, "refusals": [], "stats": {"samples": samples}, **more}
    assert coordinator.report(cluster, gateway, body)[0] == 204


def test_each_gateways_numbers_have_its_labels(running):  # noqa: F811
    report(running, "g1", [["signalbox_requests_total", "", 12], ["process_cpu_seconds_total", "", 1500000]])
    report(running, "g2", [["signalbox_requests_total", "", 30],
                           ["signalbox_pool_requests_total", 'pool="a\\"b",class="2xx"', 7]], node="n2")
    report(running, "w1", [["signalbox_requests_total", "", 99]], cluster="west")
    seen = eventually("both", lambda: (p := page(running)) and value(p, "signalbox_requests_total", gateway="g2") and p)
    mine = {"cluster": "east", "gateway": "g1", "node": "n1"}
    assert value(seen, "signalbox_requests_total", **mine) == 12
    assert value(seen, "process_cpu_seconds_total", **mine) == 1.5
    assert value(seen, "signalbox_pool_requests_total", gateway="g2", node="n2", pool='a"b') == 7
    assert not any(dict(labels).get("gateway") == "w1" for _, labels in seen)
    assert value(page(running, "west"), "signalbox_requests_total") == 99
    assert value(seen, "signalbox_gateway_live", **mine) == 1
    assert value(seen, "signalbox_gateway_report_age_seconds", **mine) < WAIT
    assert value(seen, "signalbox_cluster_revision", cluster="east") >= 1


def test_the_newest_report_counts_alone(running):  # noqa: F811
    report(running, "g1", [["signalbox_requests_total", "", 12], ["signalbox_retries_total", "", 1]])
    report(running, "g1", [["signalbox_requests_total", "", 13]])
    seen = eventually("13", lambda: value(p := page(running), "signalbox_requests_total") == 13 and p)
    assert value(seen, "signalbox_retries_total") == 0


@pytest.mark.parametrize("samples, left_out", [
    ([["signalbox_requests_total", 'gateway="good"', 666]], -1),
    ([["signalbox_requests_total", 'x="1"} 666\nsignalbox_requests_total{gateway="good"', 666]], -1),
    ([["signalbox_requests_total 1\nx", "", 666]], -1),
    ([["signalbox_requests_total", "", 1], ["signalbox_requests_total", "", 2]], -1),
    ([["signalbox_requests_total", "", 1.5]], -1),
    ([["signalbox_requests_total", 'x="1"', 666]], 1),
    ([["signalbox_gateway_live", "", 666]], 1),
    ([["signalbox_cluster_revision", "", 666]], 1),
    ([["node_load1", "", 666]], 1),
    ([["signalbox_request_duration_seconds", "", 666]], 1),
    ([["signalbox_request_duration_seconds_sum", 'le="1"', 666]], 1),
    ([["signalbox_request_duration_seconds_bucket", 'le="soon"', 666]], 1),
    ([["signalbox_requests_total_sum", "", 666]], 1),
    ([["signalbox_pool_requests_total", 'class="2xx",pool="a"', 666]], 1),
    ([["signalbox_pool_requests_total", 'pool="a"', 666]], 1),
])
def test_a_gateway_that_says_nonsense_hurts_nobody(running, samples, left_out):  # noqa: F811
    report(running, "good", [["signalbox_requests_total", "", 12]])
    report(running, "bad", samples, node="n6")
    seen = eventually("both", lambda: (p := page(running)) and value(p, "signalbox_gateway_connected", gateway="bad") == 0
                      and value(p, "signalbox_gateway_samples_left_out", gateway="bad") == left_out and p)
    assert value(seen, "signalbox_requests_total", gateway="good") == 12
    assert 666 not in seen.values()
    assert value(seen, "signalbox_gateway_applied_revision", gateway="bad") == 1, "the rest of its report is taken"


def test_many_gateways_with_all_that_is_allowed_leave_the_page_whole(running):  # noqa: F811
    samples = [["signalbox_pool_requests_total", f'pool="{"p" * 60}{i}",class="2xx"', i] for i in range(2000)]
    for i in range(60):
        report(running, f"g{i:03}", samples)
    seen = eventually("all", lambda: (p := page(running)) and sum(n == "signalbox_gateway_live" for n, _ in p) == 60 and p)
    assert value(seen, "signalbox_pool_requests_total", gateway="g000", pool="p" * 60 + "7") == 7
    assert running.get("/livez", token="")[0] == 200


def test_the_page_needs_the_admin_token_and_a_cluster_that_is_there(running):  # noqa: F811
    assert running.get("/v1/clusters/east/metrics", token="")[0] == 401
    assert running.get("/v1/clusters/east/metrics", token=running.token("east"))[0] == 401
    assert running.get("/v1/clusters/north/metrics")[0] == 404


def test_a_real_gateway_tells_its_requests(running, tmp_path):  # noqa: F811
    """From the proxy's threads through the follower to the page, without a swarm."""
    token = tmp_path / "token"
    token.write_text(running.token("east") + "\n")
    log = open(tmp_path / "gateway.log", "wb")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gateway = subprocess.Popen(
        [Path(PROGRAM).with_name("signalbox-gateway"), "--coordinator", f"http://127.0.0.1:{running.stream_port}", "--cluster", "east",
         "--token-file", token, "--listen-http", f"127.0.0.1:{port}", "--id", "real", "--node", "here", "--workers", "2"], stderr=log)
    try:
        def asked():
            conn = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
            try:
                conn.request("GET", "/", headers={"Host": "nobody.test"})
                return conn.getresponse().status == 503
            except OSError:
                return False
            finally:
                conn.close()
        for _ in range(5):
            eventually("an answer", asked)
        seen = eventually("its requests", lambda: value(p := page(running), "signalbox_requests_total", gateway="real") >= 5 and p, 30)
        assert value(seen, "signalbox_replies_total", gateway="real", node="here", reason="no_route") >= 5
        assert value(seen, "signalbox_table_revision", gateway="real") >= 1
        assert value(seen, "signalbox_gateway_samples_left_out", gateway="real") == 0
        assert value(seen, "signalbox_gateway_behind", gateway="real") == 0
    finally:
        gateway.terminate()
        gateway.wait(30)


def test_the_swarms_gateways_tell_their_requests(swarm):
    def requests():
        seen = parse(swarm.api("/v1/clusters/east/metrics", text=True))
        return {k[1]: v for k, v in seen.items() if k[0] == "signalbox_pool_requests_total" and
                {"pool": "signalbox_shop", "class": "2xx"}.items() <= dict(k[1]).items()}
    swarm.all_applied("east")
    before = sum(requests().values())
    for node in (1, 2, 3):
        for _ in range(5):
            assert swarm.ask("east", "shop.east.test", node=node)[0] == 200
    after = wait_until("15 requests on the page", 40, lambda: (r := requests()) and sum(r.values()) >= before + 15 and r)
    assert len({dict(labels)["gateway"] for labels in after}) == 3 and len({dict(labels)["node"] for labels in after}) == 3
