#!/usr/bin/env python3
"""A Docker API for protocol-level tests: serves what stands in a JSON file, on a unix socket.

    fake_docker.py SOCKET STATE.json

The file holds {"services": [...], "tasks": [...], "nodes": [...], "networks": [...], "secrets": [...]} in the engine's own
form; it is read anew for each request, and what changed in it goes out as events. A key "fail" (an HTTP
status) makes every list answer with it, "slow" ({"tasks": seconds}) makes a list without a filter wait. Config
objects are kept in STATE.json.configs by their rules: a name is taken once (409), labels change only at the version
that they have (500 "update out of sequence"), data never. "fail_configs" (a status) fails all of that. What it cannot show is a swarm: tests of promises to users run on real engines. Only the standard library;
write_state() replaces the file whole, so that nobody reads half.
"""
import contextlib
import hashlib
import http.server
import json
import os
import re
import socketserver
import sys
import threading
import time
import urllib.parse

LISTS = ("services", "tasks", "nodes", "networks", "secrets")
EVENT_TYPES = {"services": "service", "nodes": "node", "networks": "network", "secrets": "secret"}


def ident(text):
    """25 characters, as Swarm's ids have, always the same for the same text."""
    return hashlib.sha256(text.encode()).hexdigest()[:25]


def write_state(path, state):
    with open(f"{path}.new", "w") as f:
        f.write(json.dumps(state))  # in one piece: json.dump goes through Python for each
    os.replace(f"{path}.new", path)


def read_state(path):
    with open(path) as f:
        return json.load(f)


def empty_state():
    return {"services": [], "tasks": [],
            "nodes": [{"ID": ident("node1"), "Status": {"State": "ready", "Addr": "10.9.9.1"},
                       "Description": {"Hostname": "node1"}}],
            "networks": [{"Id": ident("app"), "Name": "app", "Scope": "swarm", "Driver": "overlay",
                          "Ingress": False}]}


def add_service(state, name, labels, replicas=1, created="2026-01-01T00:00:00.000000000Z"):
    """Adds a service on the network "app" with running tasks; one of that name goes first."""
    remove_service(state, name)
    state["services"].append({
        "ID": ident(name), "Version": {"Index": int(time.monotonic() * 1000)}, "CreatedAt": created,
        "Spec": {"Name": name, "Labels": labels, "Mode": {"Replicated": {"Replicas": replicas}},
                 "TaskTemplate": {"Networks": [{"Target": ident("app")}]}}})
    number = int(hashlib.sha256(name.encode()).hexdigest()[:4], 16)
    for i in range(replicas):
        state["tasks"].append({
            "ID": ident(f"{name}.{i}"), "ServiceID": ident(name), "NodeID": ident("node1"), "Slot": i + 1,
            "DesiredState": "running", "Status": {"State": "running"},
            "NetworksAttachments": [{"Network": {"ID": ident("app"), "Spec": {"Name": "app"}},
                                     "Addresses": [f"10.{number >> 8}.{number & 255}.{i + 2}/24"]}]})


def remove_service(state, name):
    state["services"] = [s for s in state["services"] if s["ID"] != ident(name)]
    state["tasks"] = [t for t in state["tasks"] if t["ServiceID"] != ident(name)]


def add_secret(state, name, labels=None, created="2026-01-01T00:00:00.000000000Z"):
    """As Docker lists it: without what is in it. One of that name is relabelled."""
    old = [s for s in state.get("secrets", []) if s["Spec"]["Name"] == name]
    state["secrets"] = [s for s in state.get("secrets", []) if s["Spec"]["Name"] != name] + [{
        "ID": ident(f"secret {name}"), "Version": {"Index": old[0]["Version"]["Index"] + 1 if old else 10},
        "CreatedAt": created, "UpdatedAt": created, "Spec": {"Name": name, "Labels": labels or {}}}]


def remove_secret(state, name):
    state["secrets"] = [s for s in state.get("secrets", []) if s["Spec"]["Name"] != name]


def name_of(kind, o):
    return o["Description"]["Hostname"] if kind == "nodes" else o["Name"] if kind == "networks" else o["Spec"]["Name"]


def attributes_of(kind, before, now):
    """What Docker says of an object in an event: its name, and of an update what else it is about, if it is about more."""
    said = {"name": name_of(kind, now or before)}
    if before and now and kind == "services":
        old, new = (o["Spec"].get("Mode", {}).get("Replicated", {}).get("Replicas") for o in (before, now))
        if old != new:
            said.update({"replicas.old": str(old), "replicas.new": str(new)})
        if before["Spec"].get("TaskTemplate") != now["Spec"].get("TaskTemplate"):
            said["updatestate.new"] = "updating"
    if before and now and kind == "nodes":
        for word, part, key in (("state", "Status", "State"), ("availability", "Spec", "Availability")):
            old, new = (o.get(part, {}).get(key, "active") for o in (before, now))
            if old != new:
                said.update({f"{word}.old": old, f"{word}.new": new})
    return said


def event_line(kind, action, identity, attributes):
    return json.dumps({"Type": EVENT_TYPES[kind], "Action": action, "scope": "swarm",
                       "Actor": {"ID": identity, "Attributes": attributes}, "time": int(time.time()),
                       "timeNano": time.time_ns()}).encode() + b"\n"


def events_between(before, now):
    """One for each object that is new, different or gone; tasks have none, as in Swarm."""
    old, new = ({(kind, o.get("ID") or o.get("Id")): o for kind in EVENT_TYPES for o in state.get(kind, [])}
                for state in (before, now))
    for key in old.keys() | new.keys():
        if old.get(key) != new.get(key):
            action = "create" if key not in old else "remove" if key not in new else "update"
            yield event_line(key[0], action, key[1], attributes_of(key[0], old.get(key), new.get(key)))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        name = re.sub(r"^/v1\.\d+", "", url.path).strip("/")
        filters = json.loads(urllib.parse.parse_qs(url.query).get("filters", ["{}"])[0])
        if name == "version":
            self.answer(200, {"Version": "29.0.0", "ApiVersion": "1.52", "MinAPIVersion": "1.44"})
        elif name == "events":
            self.events()
        elif name in LISTS:
            self.list(name, filters)
        elif name.split("/")[0] == "configs":
            self.configs("GET", name, url)
        else:
            self.answer(404, {"message": "page not found"})

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        name = re.sub(r"^/v1\.\d+", "", url.path).strip("/")
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        if name.split("/")[0] == "configs":
            self.configs("POST", name, url, body)
        else:
            self.answer(404, {"message": "page not found"})

    def do_DELETE(self):
        url = urllib.parse.urlsplit(self.path)
        name = re.sub(r"^/v1\.\d+", "", url.path).strip("/")
        if name.split("/")[0] == "configs":
            self.configs("DELETE", name, url)
        else:
            self.answer(404, {"message": "page not found"})

    def configs(self, method, name, url, body=None):
        if read_state(self.server.state_path).get("fail_configs"):
            self.answer(read_state(self.server.state_path)["fail_configs"], {"message": "the test says so"})
            return
        query = urllib.parse.parse_qs(url.query)
        with self.server.configs_lock:
            kept = self.server.read_configs()
            status, answer = self.config(method, name.split("/")[1:], query, body, kept)
            if method != "GET" and status < 300:
                write_state(self.server.configs_path, kept)
        if status == 204:
            self.send_response(204)
            self.end_headers()
        else:
            self.answer(status, answer)

    def config(self, method, path, query, body, kept):
        """One question about config objects, or one change of them: a status and an answer."""
        if method == "GET" and not path:
            prefixes = json.loads(query.get("filters", ["{}"])[0]).get("name", [])
            return 200, [c for c in kept if not prefixes or c["Spec"]["Name"].startswith(tuple(prefixes))]
        if path == ["create"]:
            if any(c["Spec"]["Name"] == body["Name"] for c in kept):
                return 409, {"message": f"config {body['Name']} already exists"}
            self.server.config_index += 1
            now = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime())
            kept.append({"ID": ident(f"{body['Name']} {time.time_ns()}"), "CreatedAt": now, "UpdatedAt": now,
                         "Version": {"Index": self.server.config_index}, "Spec": body})
            return 201, {"ID": kept[-1]["ID"]}
        found = [c for c in kept if path[0] in (c["ID"], c["Spec"]["Name"])]
        if not found:
            return 404, {"message": f"config {path[0]} not found"}
        if method == "GET":
            return 200, found[0]
        if method == "DELETE":
            kept.remove(found[0])
            return 204, None
        if int(query["version"][0]) != found[0]["Version"]["Index"]:
            return 500, {"message": "rpc error: code = Unknown desc = update out of sequence"}
        if body.get("Data", found[0]["Spec"].get("Data")) != found[0]["Spec"].get("Data"):
            return 400, {"message": "only updates to Labels are allowed"}
        self.server.config_index += 1
        found[0]["Spec"]["Labels"] = body.get("Labels", {})
        found[0]["Version"]["Index"] = self.server.config_index
        return 200, None

    def list(self, name, filters):
        state = read_state(self.server.state_path)
        if state.get("fail") or state.get(f"fail_{name}"):
            self.answer(state.get("fail") or state[f"fail_{name}"], {"message": "the test says so"})
            return
        if not filters:
            time.sleep(state.get("slow", {}).get(name, 0))
        found = state.get(name, [])
        wanted = filters.get("service")
        if name == "tasks" and wanted:
            known = {s["ID"] for s in state["services"]}
            if not set(wanted) <= known:
                self.answer(404, {"message": "service not found"})
                return
            found = [t for t in found if t["ServiceID"] in wanted]
        if name == "services" and filters.get("id"):
            found = [s for s in found if s["ID"] in filters["id"]]
        self.answer(200, found)

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        with contextlib.closing(self.server.event_lines()) as lines, \
                contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for line in lines:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
        self.close_connection = True


class Configs:
    """What a server of the handler keeps for config objects, beside its state."""

    def keep_configs(self):
        self.configs_path = f"{self.state_path}.configs"
        self.configs_lock = threading.Lock()
        self.config_index = max((c["Version"]["Index"] for c in self.read_configs()), default=10)

    def read_configs(self):
        return read_state(self.configs_path) if os.path.exists(self.configs_path) else []


class Events:
    """What a server of the handler tells of its state."""

    def event_lines(self):
        """Those of one stream of events, until the end: what changes in the file from now on."""
        seen, stamp = read_state(self.state_path), None
        while not self.ending:
            at = os.stat(self.state_path)
            if (at.st_mtime_ns, at.st_ino) != stamp:
                stamp, before, seen = (at.st_mtime_ns, at.st_ino), seen, read_state(self.state_path)
                yield from events_between(before, seen)
            time.sleep(0.02)


class FakeDocker(Configs, Events, socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, socket_path, state_path):
        self.state_path = str(state_path)
        self.ending = False
        self.keep_configs()
        super().__init__(str(socket_path), Handler)

    def handle_error(self, request, client_address):
        if not self.ending and not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError)):
            super().handle_error(request, client_address)

    def start(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        self.ending = True
        self.shutdown()
        self.server_close()


if __name__ == "__main__":
    FakeDocker(sys.argv[1], sys.argv[2]).serve_forever()
