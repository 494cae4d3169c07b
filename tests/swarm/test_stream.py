"""The coordinator as a process, against a scripted Docker API: what its stream carries, how it resumes, what
its API answers. No swarm is needed; promises that need one are tested beside this file on three engines."""
import contextlib
import http.client
import http.server
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
import fake_docker  # noqa: E402
import scripted_coordinator  # noqa: E402 (its digest is written independently of ours)

BUILD = os.environ.get("SIGNALBOX_BUILD") or os.environ.get("BUILD") or ROOT / "build"
PROGRAM = Path(BUILD) / "bin/signalbox-coordinator"
WAIT = 10
LABEL = "com.docker.lb."


def labels(host, cluster="east", port="8080", **more):
    return {LABEL + "hosts": host, LABEL + "port": port, LABEL + "service_cluster": cluster,
            **{LABEL + k: v for k, v in more.items()}}


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def eventually(what, probe, timeout=WAIT):
    until = time.monotonic() + timeout
    while True:
        seen = probe()
        if seen:
            return seen
        assert time.monotonic() < until, f"{what}: not within {timeout} s"
        time.sleep(0.05)


class Stream:
    """A follower that checks every commit's digest against the objects it holds."""

    def __init__(self, coordinator, cluster="east", token=None, query="", rcvbuf=None):
        self.objects, self.revision, self.hello = {}, 0, None
        self.pending = []
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(WAIT)
        self.sock.connect(("127.0.0.1", coordinator.stream_port))
        self.conn = http.client.HTTPConnection("127.0.0.1", coordinator.stream_port)
        self.conn.sock = self.sock
        token = token or coordinator.token(cluster)
        self.conn.request("GET", f"/v1/clusters/{cluster}/stream{query}",
                          headers={"Authorization": f"Bearer {token}"})
        self.reply = self.conn.getresponse()

    def close(self):
        self.reply.close()
        self.conn.close()
        self.sock.close()

    def hold(self, other):
        """Goes on from what another stream had."""
        self.objects, self.revision = dict(other.objects), other.revision
        return self

    def frame(self):
        line = self.reply.readline()
        assert line.endswith(b"\n"), "the stream ended"
        (word, body), = json.loads(line).items()
        if word == "set":  # the digest is over the bytes as sent
            body["bytes"] = re.search(rb'"value":(.*)\}\}\n$', line).group(1).decode()
        return word, body

    def apply(self):
        for word, body in self.pending:
            key = body["kind"], body["name"]
            if word == "set":
                self.objects[key] = body["bytes"]
            else:
                self.objects.pop(key, None)
        self.pending = []

    def commit(self, check=True):
        """Reads to the next commit and checks its digest; returns the frames before it."""
        seen = []
        while True:
            word, body = self.frame()
            if word == "hello":
                self.hello = body
                self.objects = {} if body["mode"] == "snapshot" else self.objects
            elif word in ("set", "delete"):
                self.pending.append((word, body))
                seen.append((word, body["kind"], body["name"]))
            elif word == "commit":
                self.apply()
                assert not check or body["digest"] == scripted_coordinator.digest(self.objects)
                assert body["revision"] >= self.revision
                self.revision = body["revision"]
                return seen

    def value(self, kind, name):
        return json.loads(self.objects[kind, name])


class Coordinator:
    def __init__(self, scratch):
        self.scratch = scratch
        self.docker = scratch / "docker.sock"
        self.state_path = scratch / "state.json"
        self.store = scratch / "store.db"
        self.identity = scratch / "identity"
        self.process = self.fake = None
        self.identity.write_text(self.run("identity", "new"))
        self.state = fake_docker.empty_state()
        self.write()

    def run(self, *args):
        return subprocess.run([PROGRAM, *args], check=True, capture_output=True, text=True).stdout

    def token(self, cluster):
        return self.run("token", "cluster", cluster, "--identity", self.identity).split()[0]

    def bootstrap(self):
        return self.run("token", "bootstrap", "--identity", self.identity).strip()

    def write(self):
        fake_docker.write_state(self.state_path, self.state)

    def service(self, name, wanted, replicas=1):
        fake_docker.add_service(self.state, name, wanted, replicas)
        self.write()

    def start_docker(self):
        self.docker.unlink(missing_ok=True)
        self.fake = fake_docker.FakeDocker(self.docker, self.state_path).start()

    def start(self, store=None, files=None, hold=False, clusters=("east", "west"), stream="127.0.0.1:0"):
        """files: the limits of open files, (soft, hard). hold: wait for what gateways report (test_hold.py)."""
        self.log = open(self.scratch / "log", "ab+")
        at = self.log.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            [PROGRAM, "--docker", f"unix://{self.docker}", "--store", store or self.store,
             "--identity", self.identity, *(word for c in clusters for word in ("--cluster", c)),
             "--default-cluster", "east", "--stream", stream, "--admin", "127.0.0.1:0",
             *([] if hold else ["--accept-empty"])],
            stderr=self.log, preexec_fn=files and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files)))

        def ports():
            self.log.seek(at)
            text = self.log.read().decode()
            assert self.process.poll() is None, text
            return re.search(r"stream on port (\d+), admin API on port (\d+)", text)
        found = eventually("the coordinator's ports in its log", ports)
        self.stream_port, self.admin_port = int(found[1]), int(found[2])

    def end(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        code = self.process.wait(WAIT)
        self.process = None
        return code

    def get(self, path, method="GET", token=None, body=None, port=None, headers=None):
        conn = http.client.HTTPConnection("127.0.0.1", port or self.admin_port, timeout=WAIT)
        head = dict(headers or {})
        if token != "":
            head["Authorization"] = f"Bearer {token or self.bootstrap()}"
        conn.request(method, path, body=body, headers=head)
        reply = conn.getresponse()
        data = reply.read()
        conn.close()
        is_json = "json" in reply.headers.get("Content-Type", "")
        return reply.status, reply.headers, json.loads(data) if is_json else None

    def ready(self):
        return self.get("/readyz", token="")[0] == 200

    def show(self, name, cluster="east"):
        status, _, seen = self.get(f"/v1/clusters/{cluster}/services/{name}")
        return seen if status == 200 else None

    def report(self, cluster, gateway, body):
        return self.get(f"/v1/clusters/{cluster}/gateways/{gateway}/report", "POST", self.token(cluster),
                        json.dumps(body), self.stream_port)


@pytest.fixture
def coordinator(tmp_path):
    c = Coordinator(tmp_path)
    yield c
    if c.process:
        c.process.kill()
        c.process.wait()
    if c.fake:
        c.fake.stop()
    print((tmp_path / "log").read_text() if (tmp_path / "log").exists() else "")


@pytest.fixture
def running(coordinator):
    fake_docker.add_service(coordinator.state, "shop", labels("shop.east.test"), replicas=2)
    fake_docker.add_service(coordinator.state, "west", labels("shop.west.test", "west"))
    coordinator.write()
    coordinator.start_docker()
    coordinator.start()
    eventually("ready", coordinator.ready)
    return coordinator


def test_snapshot_then_deltas_each_with_the_digest_of_the_whole_table(running):
    stream = Stream(running)
    assert stream.commit() == [("set", "route", "shop"), ("set", "pool", "shop"), ("set", "endpoints", "shop")]
    assert stream.hello["mode"] == "snapshot" and stream.hello["cluster"] == "east"
    assert stream.value("route", "shop")["hosts"] == ["shop.east.test"]
    assert len(stream.value("endpoints", "shop")["endpoints"]) == 2
    running.service("shop", labels("shop.east.test"), replicas=4)
    assert stream.commit() == [("set", "endpoints", "shop")]
    assert len(stream.value("endpoints", "shop")["endpoints"]) == 4
    fake_docker.remove_service(running.state, "shop")
    running.write()
    assert sorted(stream.commit()) == [("delete", "endpoints", "shop"), ("delete", "pool", "shop"),
                                       ("delete", "route", "shop")]
    assert stream.objects == {}
    stream.close()


def test_what_says_ready_serves_streams(coordinator):
    """Also while the first commit is on its way to the store, which somebody else's transaction keeps waiting."""
    fake_docker.add_service(coordinator.state, "shop", labels("shop.east.test"))
    coordinator.write()
    coordinator.start()  # without Docker there is nothing to commit
    token = coordinator.token("east")
    other = sqlite3.connect(coordinator.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    coordinator.start_docker()

    def code():
        status, _, body = coordinator.get("/readyz", token="")
        assert status == 503, "ready, and nothing is committed"
        return body["code"] in ("NotPublished", "StoreLocked")  # the second after 250 ms, for as long as it lasts
    eventually("the first commit waits", code)
    early = Stream(coordinator, token=token)
    assert early.reply.status == 503
    early.close()
    other.execute("ROLLBACK")
    other.close()
    eventually("ready", coordinator.ready)
    stream = Stream(coordinator, token=token)
    assert stream.reply.status == 200
    assert ("set", "route", "shop") in stream.commit()
    stream.close()


def test_a_beat_comes_within_six_seconds(running):
    stream = Stream(running)
    stream.commit()
    start = time.monotonic()
    assert stream.frame() == ("beat", {"revision": stream.revision})
    assert time.monotonic() - start < 6
    stream.close()


def test_a_follower_resumes_by_delta_after_kill_9(running):
    before = Stream(running)
    before.commit()
    query = f"?epoch={before.hello['epoch']}&from={before.revision}"
    running.end(signal.SIGKILL)
    running.service("api", labels("api.east.test"))
    fake_docker.remove_service(running.state, "shop")
    running.write()
    running.start()
    eventually("ready", running.ready)
    after = Stream(running, query=query).hold(before)
    changed = after.commit()
    assert after.hello["mode"] == "delta" and after.hello["epoch"] == before.hello["epoch"]
    assert sorted(changed) == [("delete", "endpoints", "shop"), ("delete", "pool", "shop"),
                               ("delete", "route", "shop"), ("set", "endpoints", "api"), ("set", "pool", "api"),
                               ("set", "route", "api")]
    again = Stream(running, query=f"?epoch={after.hello['epoch']}&from={after.revision}").hold(after)
    assert again.commit() == [] and again.hello["mode"] == "delta"
    for s in (before, after, again):
        s.close()


def test_another_epoch_or_a_revision_that_cannot_be_gets_a_snapshot(running):
    first = Stream(running)
    first.commit()
    epoch, head = first.hello["epoch"], first.revision
    for query in (f"?epoch=1-0&from={head}", f"?epoch={epoch}&from={head + 1}", f"?epoch={epoch}&from=0"):
        stream = Stream(running, query=query)
        stream.commit()
        assert stream.hello["mode"] == "snapshot", query
        stream.close()
    first.close()
    running.end()
    running.start(store=running.scratch / "another.db")
    eventually("ready", running.ready)
    stream = Stream(running, query=f"?epoch={epoch}&from={head}")
    stream.commit()
    assert stream.hello["mode"] == "snapshot" and stream.hello["epoch"] != epoch
    stream.close()


def test_west_keeps_its_revision_when_east_changes(running):
    east, west = Stream(running), Stream(running, "west")
    east.commit()
    west.commit()
    for replicas in (5, 1, 3):
        running.service("shop", labels("shop.east.test"), replicas)
        east.commit()
    assert east.revision > west.revision
    assert running.get("/v1/clusters/west/gateways")[2]["revision"] == west.revision
    assert running.get("/v1/clusters/east/gateways")[2]["revision"] == east.revision
    west.sock.settimeout(6)
    assert west.frame() == ("beat", {"revision": west.revision})
    assert ("route", "west") in west.objects and ("route", "shop") not in west.objects
    east.close()
    west.close()


def test_a_reader_that_stops_is_cut_and_can_resume(running):
    """Twenty services of 500 long hosts: two megabytes a commit when all change. Python's digest is too slow
    to check each; the last resume is checked."""
    def change_all(round):
        for i in range(20):
            hosts = ",".join(f"r{round}-s{i}-h{k}.{'x' * 60}.{'y' * 60}.{'z' * 60}.test" for k in range(500))
            fake_docker.add_service(running.state, f"s{i:02}", labels(hosts))
        running.write()

    other = Stream(running)
    other.commit()
    slow = Stream(running, query="?gateway=slow&node=n1", rcvbuf=4096)
    eventually("slow is connected", lambda: (g := shown(running, "slow")) and g["connected"])
    for round in range(20):
        change_all(round)
        # One change of twenty services may come as several commits, in any order.
        while not all(f'"r{round}-' in other.objects.get(("route", f"s{i:02}"), "") for i in range(20)):
            other.commit(check=False)
        if not shown(running, "slow")["connected"]:
            break
    assert not shown(running, "slow")["connected"], "twenty commits of two megabytes did not cut it"
    assert b"does not read: cut with" in (running.scratch / "log").read_bytes(), "cut, but not by the cap"
    with pytest.raises((AssertionError, ConnectionError, http.client.IncompleteRead)):
        while True:
            slow.frame()
    back = Stream(running, query=f"?epoch={other.hello['epoch']}&from={other.revision}").hold(other)
    assert back.commit() == [] and back.hello["mode"] == "delta"
    for s in (other, slow, back):
        s.close()


def shown(running, gateway, cluster="east"):
    seen = running.get(f"/v1/clusters/{cluster}/gateways")[2]["gateways"]
    return next((g for g in seen if g["id"] == gateway), None)


def test_reports_and_streams_are_shown(running):
    stream = Stream(running, query="?gateway=g1&node=n1")
    stream.commit()
    refusal = {"kind": "route", "name": "x", "code": "Unsupported", "message": "not \"built\" yet", "field": "/a"}
    status, _, _ = running.report("east", "g1", {"node": "n1", "applied": stream.revision, "refusals": [refusal],
                                                 "stale": False})
    assert status == 204
    seen = eventually("the report", lambda: (g := shown(running, "g1")) and g["applied"] and g)
    assert seen["refusals"] == [refusal] and seen["node"] == "n1" and seen["behind"] == 0
    assert seen["connected"] and seen["state"] == "live" and seen["last_report_ms_ago"] < 5000
    assert shown(running, "g1", "west") is None
    stream.close()
    eventually("the stream's end", lambda: not shown(running, "g1")["connected"])


def test_the_token_of_another_cluster_opens_nothing(running):
    west = running.token("west")
    for token, status in ((west, 403), ("", 401), ("sbc1.east.1.AAAA", 401), (running.bootstrap(), 401)):
        for method, path in (("GET", "/v1/clusters/east/stream"),
                             ("POST", "/v1/clusters/east/gateways/g/report")):
            seen, headers, body = running.get(path, method, token, b"{}" if method == "POST" else None,
                                              running.stream_port)
            assert (seen, body["status"]) == (status, status)
            assert headers["Content-Type"] == "application/problem+json"
            assert status != 401 or headers["WWW-Authenticate"].startswith("Bearer")
    assert shown(running, "g") is None
    assert running.get("/v1", token=running.token("east"))[0] == 401


def test_bad_tokens_are_throttled_and_a_good_one_still_passes(running):
    seen = [running.get("/v1", token="sbb1.wrong")[0] for _ in range(12)]
    assert seen[0] == 401 and seen[-1] == 429
    assert running.get("/v1")[0] == 200


def test_the_api_answers_and_refuses(running):
    assert running.get("/livez", token="")[0] == 200
    assert running.get("/version", token="")[2]["program"] == "signalbox-coordinator"
    shop = running.show("shop")
    assert shop["hosts"] == ["shop.east.test"] and shop["endpoints"] == 2 and shop["commit"] >= 1
    assert shop["cluster"] == "east" and shop["conditions"][0]["type"] == "Accepted"
    assert running.show(shop["id"]) == shop
    listed = running.get("/v1/clusters/east/services")[2]["services"]
    assert [(s["service"], s["accepted"]) for s in listed] == [("shop", True)]
    for method, path, status in (
            ("GET", "/v1/clusters/east/services/west", 404), ("GET", "/v1/clusters/north/services", 404),
            ("GET", "/v1/clusters/EAST/services", 404), ("GET", "/nothing", 404), ("GET", "/v1/", 400),
            ("GET", "/v1?x=1", 400), ("GET", "/v1/%00", 400), ("GET", "/v1/../v1", 400), ("POST", "/v1", 405),
            ("PATCH", "/v1", 405), ("DELETE", "/v1/clusters/east/services/shop", 405)):
        seen, headers, body = running.get(path, method)
        assert (seen, body["status"], headers["Content-Type"]) == (status, status, "application/problem+json")
        assert status != 405 or headers["Allow"] == "GET, HEAD, OPTIONS"
    assert running.get("/v1", token="")[0] == 401
    big = {"Content-Type": "application/json"}
    assert running.get("/v1/clusters/east/settings", "PUT", body=b"x" * (2 << 20), headers=big)[0] == 413
    for size in (17000, 40000, 200000):
        assert running.get("/v1", headers={"X-Long": "x" * size})[0] in (400, 431), "a head of that size"


def test_a_hostile_label_shows_its_reason_and_hurts_nobody(running):
    stream = Stream(running)
    stream.commit()
    hostile = {"text": labels("a.test", port="abc"), "empty": labels("b.test", port=""),
               "huge": labels("h" * 10000 + ".test"), "lines": labels("new\nline.test"),
               "quote": labels('"quote".test'), "away": labels("c.test", network="nowhere"),
               "cluster": labels("d.test", cluster="nosuch")}
    for name, wanted in hostile.items():
        fake_docker.add_service(running.state, name, wanted)
    running.service("good", labels("good.test"))
    while ("route", "good") not in stream.objects:
        stream.commit()
    assert ("route", "shop") in stream.objects
    for name, field in (("text", "port"), ("empty", "port"), ("huge", "hosts"), ("lines", "hosts"),
                        ("quote", "hosts"), ("cluster", "service_cluster")):
        conditions = running.show(name)["conditions"]
        accepted = next(c for c in conditions if c["type"] == "Accepted")
        assert accepted["status"] == "False", name
        assert any(c["label"] == LABEL + field and c["message"] for c in conditions), (name, conditions)
        assert ("route", name) not in stream.objects
    assert running.show("cluster", "west")["cluster"] == "", "what belongs nowhere is shown everywhere"
    stream.close()


def test_a_docker_that_fails_withdraws_nothing(running):
    stream = Stream(running)
    stream.commit()
    running.state["fail"] = 500
    running.write()
    time.sleep(1.5)
    del running.state["fail"]
    running.service("api", labels("api.east.test"))
    assert sorted(stream.commit()) == [("set", "endpoints", "api"), ("set", "pool", "api"), ("set", "route", "api")]
    stream.close()


def test_a_list_that_takes_longer_than_the_deadline_is_waited_for_in_the_end(running):
    """A large swarm on a busy manager: were each reading given up after 3 s, nothing would ever be read again."""
    stream = Stream(running)
    stream.commit()
    running.state["slow"] = {"tasks": 4}
    running.write()
    eventually("an error", lambda: b"no whole reply within 3000 ms" in (running.scratch / "log").read_bytes())
    running.service("api", labels("api.east.test"))
    eventually("the new service", lambda: running.show("api"), timeout=25)
    while ("route", "api") not in stream.objects:
        stream.commit()
    del running.state["slow"]
    running.write()
    stream.close()


def test_without_docker_an_empty_store_serves_nothing_and_a_full_one_serves_its_table(running):
    stream = Stream(running)
    stream.commit()
    running.end()
    running.fake.stop()
    running.docker.unlink()
    running.start()
    served = Stream(running)
    served.commit()
    assert served.objects == stream.objects and served.revision == stream.revision
    status, _, why = running.get("/readyz", token="")
    assert status == 503 and "has not been read" in why["detail"]
    running.end()
    running.start(store=running.scratch / "empty.db")
    refused = Stream(running)
    assert refused.reply.status == 503 and refused.reply.headers["Retry-After"]
    assert running.get("/v1/clusters/east/services")[0] == 503
    running.start_docker()
    eventually("ready", running.ready)
    for s in (stream, served, refused):
        s.close()


def test_a_store_that_cannot_write_publishes_nothing_and_recovers(running):
    stream = Stream(running)
    stream.commit()
    soft, hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (1, hard))
    running.service("api", labels("api.east.test"))
    why = eventually("not ready", lambda: (r := running.get("/readyz", token=""))[0] == 503 and r[2])
    assert why["code"] == "StoreFull" and "free space" in why["detail"]
    stream.sock.settimeout(6)
    assert stream.frame() == ("beat", {"revision": stream.revision})
    stream.sock.settimeout(WAIT)
    fresh = Stream(running)
    fresh.commit()
    assert fresh.objects == stream.objects, "what is not committed is not in a snapshot either"
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
    stream.commit()
    assert ("route", "api") in stream.objects
    eventually("ready", running.ready)
    stream.close()
    fresh.close()


def test_more_streams_than_the_soft_limit_of_files(running):
    running.end()
    running.start(files=(64, 4096))
    streams = [Stream(running) for _ in range(100)]
    for s in streams:
        s.commit()
        s.close()


def test_connections_without_end_leave_files_for_the_rest(running):
    """Whoever reaches the stream's port, token or not, must not take the descriptors of the others."""
    running.end()
    running.start(files=(120, 120))
    stream = Stream(running)
    stream.commit()
    idle = [socket.create_connection(("127.0.0.1", running.stream_port)) for _ in range(150)]
    time.sleep(0.5)
    used = cpu_seconds(running.process.pid)
    assert b"--stream: 40 connections are open" in (running.scratch / "log").read_bytes(), "the cap was passed"
    assert running.get("/livez", token="")[0] == 200
    running.fake.stop()
    running.start_docker()
    running.service("api", labels("api.east.test"))
    while ("route", "api") not in stream.objects:
        stream.commit()
    eventually("ready", running.ready)
    time.sleep(1)
    assert cpu_seconds(running.process.pid) - used < 1.5, "accepting what cannot be accepted spins"
    for s in idle:
        s.close()
    stream.close()


def test_sigterm_ends_cleanly_with_streams_open(running):
    streams = [Stream(running, c) for c in ("east", "west", "east")]
    for s in streams:
        s.commit()
    assert running.end() == 0
    for s in streams:
        s.close()


def test_check_ready_says_why_not(coordinator):
    coordinator.start()
    command = [PROGRAM, "--check-ready", f"127.0.0.1:{coordinator.admin_port}"]
    seen = subprocess.run(command, capture_output=True, text=True)
    assert seen.returncode == 1 and "has not been read" in seen.stderr
    coordinator.start_docker()
    eventually("ready", lambda: subprocess.run(command, capture_output=True).returncode == 0)
    coordinator.end()
    assert subprocess.run(command, capture_output=True).returncode == 1


@pytest.mark.parametrize("more, says", [
    (["--cluster", "East"], "no name of a cluster"), (["--cluster", "east", "--cluster", "east"], "twice"),
    (["--cluster", "east", "--default-cluster", "west"], "not among"),
    (["--cluster", "east", "--stream", "nowhere"], "ADDRESS:PORT"), (["--cluster", "east", "--bogus"], "--bogus"),
    (["--cluster", "east", "--docker", "carrier-pigeon:"], "carrier-pigeon"),
    ([], "--cluster NAME"), (["--cluster", "east", "--log-level", "loud"], "error, warn, info or debug")])
def test_a_wrong_flag_ends_with_a_sentence(coordinator, more, says):
    seen = subprocess.run([PROGRAM, "--store", coordinator.store, "--identity", coordinator.identity,
                           "--stream", "127.0.0.1:0", "--admin", "127.0.0.1:0", *more],
                          capture_output=True, text=True, timeout=WAIT)
    assert seen.returncode != 0 and says in seen.stderr, seen.stderr


def test_libcurl_does_https_in_the_coordinator(coordinator):
    """BoringSSL is in the program too; were its symbols to leak, libcurl's OpenSSL would meet them."""
    key, cert = coordinator.scratch / "key.pem", coordinator.scratch / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)

    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"over TLS\n")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with contextlib.closing(server.socket):
        url = f"https://127.0.0.1:{server.server_address[1]}/"
        assert coordinator.run("--selftest-https", url, "--cacert", cert) == "over TLS\n"
        refused = subprocess.run([PROGRAM, "--selftest-https", url], capture_output=True)
        assert refused.returncode == 1, "an unknown CA must be refused"
        server.shutdown()
