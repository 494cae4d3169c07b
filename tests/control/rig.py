"""A real signalbox-coordinator on a scripted Docker API, and a client of its admin API that holds every answer against
/v1/openapi.json. Everything on loopback, on ports that the coordinator picks."""
import contextlib
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
import fake_docker  # noqa: E402
from free_port import free_port  # noqa: E402

BUILD = Path(os.environ.get("SIGNALBOX_BUILD") or ROOT / "build")
PROGRAM = BUILD / "bin/signalbox-coordinator"
WAIT = 15
LABEL = "com.docker.lb."
CLUSTERS = ("east", "west")


def eventually(what, probe, timeout=WAIT):
    until = time.monotonic() + timeout
    while True:
        seen = probe()
        if seen:
            return seen
        assert time.monotonic() < until, f"{what}: not within {timeout} s"
        time.sleep(0.03)


def labels(host, cluster="east", port="8080", **more):
    return {LABEL + "hosts": host, LABEL + "port": port, LABEL + "service_cluster": cluster,
            **{LABEL + k: v for k, v in more.items()}}


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def etag(self):
        return self.headers["ETag"]

    @property
    def commit(self):
        return int(self.headers["Signalbox-Commit"])

    def __repr__(self):
        return f"{self.status} {self.text[:600]}"


class Schemas:
    """/v1/openapi.json as the judge of answers."""

    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver.from_schema(document)
        self.validators = {}
        self.paths = []
        for path, item in document["paths"].items():
            pattern = re.compile("^" + re.sub(r"\{[a-z]+\}", "[^/]+", path) + "$")
            self.paths.append((path.count("{"), pattern, item))
        self.paths.sort(key=lambda row: row[0])

    def operation(self, method, path):
        for _, pattern, item in self.paths:
            if pattern.match(path):
                return item.get({"HEAD": "get"}.get(method, method.lower()))
        return None

    def validator(self, schema):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        return self.validators[key]

    def judge(self, method, path, answer):
        operation = self.operation(method, path)
        if operation is None:  # no such path, or another method: what every refusal looks like
            schema = {"$ref": "#/components/schemas/Problem"}
            if answer.status == 204:
                return
        else:
            response = operation["responses"].get(str(answer.status))
            if response is None:
                assert answer.status >= 400, f"{method} {path} answers {answer.status}, which is not described"
                response = operation["responses"]["default"]
            if "content" not in response or method == "HEAD":
                assert answer.text == "", f"{method} {path} {answer.status} has a body"
                return
            (kind, content), = response["content"].items()
            assert answer.headers["Content-Type"].startswith(kind), f"{method} {path}: {answer.headers['Content-Type']}"
            if "json" not in kind:
                return
            schema = content["schema"]
        if method == "HEAD":
            return
        error = next(self.validator(schema).iter_errors(answer.json), None)
        assert error is None, f"{method} {path} {answer.status}: {error.message} at {list(error.absolute_path)}: {answer}"


class Client:
    """One token on one kept connection."""

    def __init__(self, control, token):
        self.control, self.token, self.conn = control, token, None

    def raw(self, method, path, body=None, headers=None):
        for last in (False, True):
            if self.conn is None:
                self.conn = http.client.HTTPConnection("127.0.0.1", self.control.admin_port, timeout=WAIT * 2)
            try:
                self.conn.request(method, path, body=body, headers=headers or {})
                reply = self.conn.getresponse()
                answer = Answer(reply.status, reply.headers, reply.read().decode())
                if reply.will_close:
                    self.close()
                return answer
            except (ConnectionError, http.client.BadStatusLine):  # it was idle for too long
                self.close()
                if last:
                    raise
        return None

    def close(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def call(self, method, path, body=None, headers=None, check=True, **query):
        head = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            head["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        head.update(headers or {})
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        uri = path + ("?" + urllib.parse.urlencode(query, safe="=,!") if query else "")
        answer = self.raw(method, uri, body, head)
        assert answer.status < 500 or not check or answer.status in (503, 507), f"{method} {uri}: {answer}"
        if check:
            self.control.schemas().judge(method, path, answer)
        return answer

    def get(self, path, **kw):
        return self.call("GET", path, **kw)

    def put(self, path, body, **kw):
        return self.call("PUT", path, body, **kw)

    def patch(self, path, body, **kw):
        return self.call("PATCH", path, body, **kw)

    def post(self, path, body, **kw):
        return self.call("POST", path, body, **kw)

    def delete(self, path, **kw):
        return self.call("DELETE", path, **kw)

    def made(self, path, body, **kw):
        answer = self.put(path, body, **kw)
        assert answer.status in (200, 201), answer
        return answer

    def pages(self, path, **query):
        """All items, following Link."""
        items, commits = [], set()
        while True:
            answer = self.get(path, **query)
            assert answer.status == 200, answer
            items += answer.json["items"]
            commits.add(answer.json["commit"])
            link = answer.headers.get("Link")
            if not link:
                return items, commits
            target = re.fullmatch(r'<(.*)>; rel="next"', link).group(1)
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))


class Control:
    """The coordinator's process and everything it needs, in one directory."""

    def __init__(self, scratch, clusters=CLUSTERS, store=None, preexec=None, args=("--accept-empty",), stream="127.0.0.1:0",
                 env=None, docker=fake_docker.FakeDocker):
        self.scratch, self.clusters, self.args, self.preexec, self.env = Path(scratch), clusters, args, preexec, env
        self.stream = stream  # an address that stays, for gateways that outlive the process
        self.store = store or self.scratch / "store.db"
        self.state_path = self.scratch / "docker.json"
        self.state = fake_docker.empty_state()
        self.tell_docker()
        self.docker = docker(self.scratch / "docker.sock", self.state_path).start()
        self.identity = self.scratch / "identity"
        self.identity.write_text(self.program("identity", "new"))
        self.bootstrap = self.program("token", "bootstrap", "--identity", self.identity).strip()
        self.process, self.known_schemas = None, None
        self.start()

    def program(self, *args):
        return subprocess.run([PROGRAM, *args], check=True, capture_output=True, text=True, timeout=30).stdout

    def tell_docker(self):
        fake_docker.write_state(self.state_path, self.state)

    def service(self, name, its_labels, replicas=1, **kw):
        fake_docker.add_service(self.state, name, its_labels, replicas, **kw)
        self.tell_docker()

    def no_service(self, name):
        fake_docker.remove_service(self.state, name)
        self.tell_docker()

    def secret(self, name, its_labels=None):
        fake_docker.add_secret(self.state, name, its_labels)
        self.tell_docker()

    def no_secret(self, name):
        fake_docker.remove_secret(self.state, name)
        self.tell_docker()

    def start(self):
        self.spawn()
        self.await_ready()

    def spawn(self):
        self.log = self.open_log()
        begin = os.path.getsize(self.scratch / "log")
        clusters = [arg for name in self.clusters for arg in ("--cluster", name)]
        self.process = subprocess.Popen(
            [PROGRAM, "--docker", f"unix://{self.scratch}/docker.sock", "--store", self.store, "--identity", self.identity,
             "--stream", self.stream, "--admin", "127.0.0.1:0", *clusters, *self.args],
            stderr=self.log, preexec_fn=self.preexec, env=self.env)
        self.log_begin = begin

    def open_log(self):
        return open(self.scratch / "log", "ab")

    def await_ports(self):
        ports = eventually("the ports in the log", lambda: self.process.poll() is not None or re.search(
            r"stream on port (\d+), admin API on port (\d+)", self.log_text(self.log_begin)))
        assert self.process.poll() is None, self.log_text()[-2000:]
        self.stream_port, self.admin_port = int(ports.group(1)), int(ports.group(2))
        self.operator = Client(self, self.bootstrap)

    def await_ready(self):
        self.await_ports()
        eventually("it is ready", lambda: self.operator.get("/readyz", check=False).status == 200)

    def log_text(self, begin=0):
        with open(self.scratch / "log", "rb") as f:
            f.seek(begin)
            return f.read().decode(errors="replace")

    def schemas(self):
        if self.known_schemas is None:
            answer = self.operator.raw("GET", "/v1/openapi.json", headers={"Authorization": f"Bearer {self.bootstrap}"})
            assert answer.status == 200, answer
            self.known_schemas = Schemas(answer.json)
        return self.known_schemas

    def kill(self):
        self.process.kill()
        self.process.wait(WAIT)

    def restart(self):
        self.operator.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(WAIT) == 0, self.log_text()[-2000:]
        self.start()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(WAIT)
            if self.process.poll() is None:
                self.kill()
        self.docker.stop()
        self.log.close()
        text = self.log_text()
        assert "Sanitizer" not in text and "ASSERT" not in text, text[-4000:]
        assert self.process.returncode in (0, -signal.SIGKILL), f"ended with {self.process.returncode}: {text[-2000:]}"

    # ---- what tests do again and again ----

    def tenant(self, name, **document):
        self.operator.made(f"/v1/tenants/{name}", document)
        return name

    def token(self, *scopes, tenant=None, **more):
        path = f"/v1/tenants/{tenant}/tokens" if tenant else "/v1/tokens"
        answer = self.operator.post(path, {"scopes": list(scopes), **more})
        assert answer.status == 201, answer
        return answer.json["token"]

    def client(self, *scopes, tenant=None, **more):
        return Client(self, self.token(*scopes, tenant=tenant, **more))

    def gateway(self, cluster, name, **report):
        """What a follower would POST."""
        token = self.program("token", "cluster", cluster, "--identity", self.identity).split()[0]
        conn = http.client.HTTPConnection("127.0.0.1", self.stream_port, timeout=WAIT)
        conn.request("POST", f"/v1/clusters/{cluster}/gateways/{name}/report", json.dumps({"node": "node1", "refusals": [], **report}),
                     {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        status = conn.getresponse().status
        conn.close()
        assert status == 204, status

    def cluster(self, name, **kw):
        return self.operator.get(f"/v1/clusters/{name}", **kw).json


class Watch:
    """A reader of server-sent events."""

    def __init__(self, client, path, last=None, rcvbuf=None):
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(WAIT)
        self.sock.connect(("127.0.0.1", client.control.admin_port))
        self.conn = http.client.HTTPConnection("127.0.0.1", client.control.admin_port)
        self.conn.sock = self.sock
        headers = {"Authorization": f"Bearer {client.token}", "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.conn.request("GET", path, headers=headers)
        self.reply = self.conn.getresponse()
        self.status = self.reply.status

    def event(self):
        """(id, event, data) of the next event; None: the stream ended."""
        fields = {}
        while True:
            line = self.reply.readline().decode()
            if line == "":
                return None
            line = line.rstrip("\n")
            if line == "" and fields:
                return int(fields["id"]), fields["event"], json.loads(fields["data"])
            if line and not line.startswith(":"):
                key, _, value = line.partition(": ")
                fields[key] = value

    def close(self):
        self.reply.close()
        self.conn.close()
        self.sock.close()


class Gateway:
    """A real gateway of a cluster that follows the coordinator at `control.stream`."""

    def __init__(self, control, cluster, name):
        self.name, self.port, self.admin = name, free_port(), free_port()
        home = control.scratch / name
        home.mkdir()
        (home / "token").write_text(control.program("token", "cluster", cluster, "--identity", control.identity))
        self.log = open(home / "log", "wb")
        self.process = subprocess.Popen(
            [BUILD / "bin/signalbox-gateway", "--coordinator", f"http://{control.stream}", "--cluster", cluster,
             "--token-file", home / "token", "--state", home / "state", "--id", name, "--workers", "1", "--stop-grace", "1",
             "--listen-http", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin}"],
            stderr=self.log, start_new_session=True)

    def ask(self, host, path="/"):
        """(status, body) as a client sees them; None: nobody answers."""
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            conn.request("GET", path, headers={"Host": host})
            reply = conn.getresponse()
            return reply.status, reply.read().decode()
        except OSError:
            return None
        finally:
            conn.close()

    def signal(self, sig):
        """The gateway's parent, follower and proxy: it leads a session of its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, sig)

    def stop(self):
        self.signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(WAIT)
        self.signal(signal.SIGKILL)
        self.process.wait(WAIT)
        self.log.close()


def limit_files(size):
    """For preexec: no file grows beyond this."""
    def set_limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return set_limit
