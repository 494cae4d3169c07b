"""The doorman alone, with tests/support/doorman_probe in the place of gateways: every rule of
docs/architecture.md about open sockets. Needs root and namespaces, no Docker.

Three namespaces: `host` owns the public address, `client` sends the load through a veth pair, `gw` has
no network at all, as far from the host as a task on an overlay is."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest

import nodes

BIN = nodes.BUILD / "bin"
UID, OTHER_UID = 65101, 65102
HOST, CLIENT, PORT, SECOND_PORT, VICTIM_PORT = "10.231.7.1", "10.231.7.2", 8081, 8082, 9099
SHARDS = 4
# With a sanitized build: the leak check traces its own process, which one that is not dumpable cannot be.
ENV = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def as_uid(uid):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all",
            "--no-new-privs"]


def wait_for(what, condition, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


class Process:
    """A program in one of the namespaces; what it printed is in .log (stderr) and .out (stdout)."""

    def __init__(self, node, netns, name, argv, uid=UID):
        node.count += 1
        self.name = f"{node.count}-{name}"
        self.paths = {k: node.dir / f"{self.name}.{k}" for k in ("log", "out")}
        with open(self.paths["log"], "wb") as err, open(self.paths["out"], "wb") as out:
            self.child = subprocess.Popen(["ip", "netns", "exec", netns, *(as_uid(uid) if uid else []), *map(str, argv)],
                                          stdout=out, stderr=err, env=ENV)

    @property
    def log(self):
        return self.paths["log"].read_text(errors="replace")

    @property
    def out(self):
        return self.paths["out"].read_text(errors="replace")

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.endswith("}")]

    def says(self, text, seconds=5.0, times=1):
        return wait_for(f"{self.name} says {text!r}\n{self.log}", lambda: self.log.count(text) >= times, seconds)

    def send(self, number):
        self.child.send_signal(number)

    def end(self, number=signal.SIGTERM, seconds=10):
        if self.child.poll() is None:
            self.child.send_signal(number)
            with contextlib.suppress(ProcessLookupError):
                self.child.send_signal(signal.SIGCONT)
        return self.child.wait(seconds)


class Node:
    def __init__(self, directory, tag):
        self.dir = directory
        self.count = 0
        self.host, self.client, self.gw = (f"sb-{tag}-{n}" for n in ("host", "client", "gw"))
        self.processes = []
        self.socket = None

    def up(self):
        for ns in (self.host, self.client, self.gw):
            ip("netns", "add", ns)
            ip("-n", ns, "link", "set", "lo", "up")
        ip("link", "add", "pub0", "netns", self.host, "type", "veth", "peer", "name", "pub0", "netns", self.client)
        for ns, address in ((self.host, HOST), (self.client, CLIENT)):
            ip("-n", ns, "addr", "add", f"{address}/24", "dev", "pub0")
            ip("-n", ns, "link", "set", "pub0", "up")
        ip("-n", self.host, "route", "add", "default", "via", CLIENT)

    def down(self):
        for ns in (self.host, self.client, self.gw):
            subprocess.run(["ip", "netns", "del", ns], check=False)

    def fresh(self):
        """A new shared directory, as a named volume would be."""
        volume = self.dir / f"volume-{self.count}"
        volume.mkdir()
        os.chown(volume, UID, UID)
        self.socket = volume / "doorman.sock"
        self.count += 1

    def start(self, netns, name, argv, uid=UID):
        process = Process(self, netns, name, argv, uid)
        self.processes.append(process)
        return process

    def stop_all(self):
        for process in self.processes:
            if process.child.poll() is None:
                process.end(signal.SIGKILL)
        self.processes = []

    def doorman(self, *listen, shards=SHARDS, uid=UID, extra=(), published=True):
        listen = listen or (f"http=0.0.0.0:{PORT}",)
        argv = [BIN / "signalbox-doorman", "--socket", self.socket, "--shards", shards, "--log-level", "debug", *extra]
        d = self.start(self.host, "doorman", [*argv, *(f"--listen={one}" for one in listen)], uid)
        if published:
            d.says("published at", seconds=12)
        return d

    def gateway(self, body="served", mode="serve", uid=UID, listed=True, port=VICTIM_PORT):
        argv = [BIN / "support/doorman_probe", "--socket", self.socket, "--mode", mode, "--body", body, "--port", port]
        g = self.start(self.gw, f"gateway-{mode}", argv, uid)
        if listed:
            wait_for("the gateway has a list", lambda: g.json_lines())
        return g

    def load(self, rate=300, seconds=60):
        return self.start(self.client, "load",
                          [BIN / "support/load", "--target", f"{HOST}:{PORT}", "--host", "a.test", "--new-rate", rate,
                           "--seconds", seconds, "--timeout-ms", 4000, "--expect-body", "served"], uid=0)

    def connect(self, port=PORT, address=HOST, netns=None, timeout=3.0):
        """What happens to one new connection, and after how long: an answer's body, or how it failed."""
        begin = time.monotonic()
        with in_netns(netns or self.client):
            s = socket.socket()
        s.settimeout(timeout)
        try:
            s.connect((address, port))
            s.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            answer = b""
            while part := s.recv(4096):
                answer += part
            result = answer.partition(b"\r\n\r\n")[2].decode() or "empty"
        except ConnectionRefusedError:
            result = "refused"
        except ConnectionResetError:
            result = "reset"
        except TimeoutError:
            result = "hung"
        finally:
            s.close()
        return result, time.monotonic() - begin

    def is_served(self, port=PORT, body="served"):
        return self.connect(port)[0] == body

    def listening(self, port=PORT):
        out = ip("netns", "exec", self.host, "ss", "-Hltn", f"sport = :{port}")
        return len(out.splitlines())


def ip(*argv):
    return subprocess.run(["ip", *argv], check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def in_netns(name):
    """The calling thread is in that network namespace; a socket made there stays there."""
    libc = __import__("ctypes").CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", encoding="utf8") as home, open(f"/run/netns/{name}", encoding="utf8") as there:
        assert libc.setns(there.fileno(), 0) == 0
        try:
            yield
        finally:
            assert libc.setns(home.fileno(), 0) == 0


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    assert os.geteuid() == 0, "these tests make network namespaces and need root"
    for program in ("signalbox-doorman", "signalbox-gateway", "support/doorman_probe", "support/load", "support/origin"):
        assert (BIN / program).exists(), f"{BIN / program} is missing: build first"
    for tool in ("ip", "ss", "setpriv"):
        assert shutil.which(tool), f"{tool} is missing: deploy/packages.sh lists the packages"
    directory = pathlib.Path("/tmp") / f"sb-doorman-{os.getpid()}"
    directory.mkdir(mode=0o755)
    node = Node(directory, os.getpid() % 100000)
    try:
        node.up()
        yield node
    finally:
        node.down()
        shutil.rmtree(directory)


@pytest.fixture
def node(network):
    network.fresh()
    yield network
    for process in network.processes:
        print(f"---- {process.name}\n{process.log[-4000:]}{process.out[-1500:]}")
        assert "ERROR: AddressSanitizer" not in process.log and "runtime error" not in process.log, process.log
    network.stop_all()


def no_failures(load, at_least):
    time.sleep(1)  # what follows a change counts too, however quickly the change was over
    load.end(signal.SIGINT)
    result = load.json_lines()[-1]
    assert result["failed"] == 0, result
    assert result["ok"] >= at_least, result
    print(f"{result['ok']} new connections, 0 failed")


def num_fds(process):
    return len(os.listdir(f"/proc/{process.child.pid}/fd"))


# ---- opening and closing ---------------------------------------------------------------------


def test_a_fresh_doorman_refuses_until_the_first_gateway_serves(node):
    node.doorman()
    assert node.connect()[0] == "refused"
    node.gateway(mode="idle")
    time.sleep(0.3)
    assert node.connect()[0] == "refused", "a gateway that never serves opens nothing"
    node.gateway()
    wait_for("served", node.is_served, 1)
    assert all(node.connect()[0] == "served" for _ in range(40)), "some shard is a black hole"


def test_without_a_ready_gateway_clients_are_refused_within_six_seconds_and_served_again(node):
    doorman = node.doorman()
    gateway = node.gateway()
    idle = node.gateway(mode="idle")
    wait_for("served", node.is_served)
    gateway.end(signal.SIGKILL)
    began = time.monotonic()
    wait_for("refused", lambda: node.connect(timeout=0.2)[0] == "refused", 6.0)
    assert time.monotonic() - began > 4.0, "an update of a gateway needs its five seconds"
    assert all(node.connect()[1] < 0.5 for _ in range(20)), "refused, not hung"
    doorman.says("no gateway has been ready for 5 s")
    node.gateway("back")
    wait_for("served again", lambda: node.is_served(body="back"), 1)
    idle.end()


def test_a_draining_gateway_no_longer_counts(node):
    node.doorman()
    gateway = node.gateway()
    wait_for("served", node.is_served)
    gateway.send(signal.SIGSTOP)  # its connection stays: alive, but it can say nothing
    with in_netns(node.client):
        held = socket.create_connection((HOST, PORT), 3)
    gateway.send(signal.SIGCONT)
    time.sleep(0.3)  # the held connection is accepted, so that the gateway stays for it
    gateway.send(signal.SIGTERM)
    time.sleep(0.3)
    assert gateway.child.poll() is None
    wait_for("refused", lambda: node.connect(timeout=0.2)[0] == "refused", 6.0)
    held.close()
    assert gateway.child.wait(3) == 0


# ---- doormen come and go ---------------------------------------------------------------------


def test_ten_handovers_under_load_cost_no_connection(node):
    doorman = node.doorman()
    gateways = [node.gateway(), node.gateway()]
    wait_for("served", node.is_served)
    time.sleep(0.3)  # a connection in flight has a descriptor too
    fds = [num_fds(g) for g in gateways]
    load = node.load()
    for i in range(10):
        successor = node.doorman()
        doorman.says("retired: a successor has the listeners")
        assert doorman.child.poll() is None, "a retired doorman must not end by itself"
        for g in gateways:
            wait_for("the gateways are there", lambda: successor.log.count("is serving") >= 2)
        if i % 2 == 0:
            time.sleep(0.3)
        assert doorman.end() == 0
        doorman = successor
    assert all(not any(line["changed"] for line in g.json_lines()[1:]) for g in gateways), "the proxy noticed a handover"
    no_failures(load, 300)
    wait_for("no descriptor is left behind in a gateway", lambda: all(num_fds(g) <= n for g, n in zip(gateways, fds)))


def test_five_kills_of_the_doorman_under_load_cost_no_connection(node):
    doorman = node.doorman()
    gateway = node.gateway()
    wait_for("served", node.is_served)
    load = node.load()
    for i in range(5):
        doorman.end(signal.SIGKILL)
        time.sleep(0.1 * i)
        doorman = node.doorman()
        doorman.says("which are adopted")
        wait_for("serving", lambda: "is serving" in doorman.log)
    time.sleep(5.5)  # the five-second rule of any of them would show now
    assert not any(line["changed"] for line in gateway.json_lines()[1:])
    no_failures(load, 1500)


def test_gateways_are_replaced_start_first_under_load_while_the_doorman_is_killed(node):
    doorman = node.doorman()
    gateway = node.gateway()
    wait_for("served", node.is_served)
    load = node.load()
    for i in range(6):
        successor = node.gateway()
        if i % 3 == 1:
            doorman.end(signal.SIGKILL)
            doorman = node.doorman()
        elif i % 3 == 2:
            old, doorman = doorman, node.doorman()
            old.end()
        wait_for("the successor serves", lambda: doorman.log.count("is serving") >= 1)
        assert gateway.end() == 0
        gateway = successor
        time.sleep(0.3)
    no_failures(load, 500)


def test_what_waits_in_the_queue_survives_the_end_of_the_doorman_and_of_a_gateway(node):
    doorman = node.doorman()
    gateway = node.gateway()
    node.gateway(mode="idle")  # holds the sockets and accepts nothing
    wait_for("served", node.is_served)
    gateway.send(signal.SIGSTOP)
    waiting = []
    for _ in range(30):
        with in_netns(node.client):
            s = socket.create_connection((HOST, PORT), 3)
        s.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        s.settimeout(3)
        waiting.append(s)
    assert doorman.end() == 0
    node.doorman().says("which are adopted")
    gateway.end(signal.SIGKILL)
    time.sleep(0.3)
    node.gateway("successor")
    for s in waiting:
        assert s.recv(4096).startswith(b"HTTP/1.1 200"), "a waiting connection was lost"
        s.close()


def test_a_doorman_that_hangs_is_replaced_and_does_no_harm_when_it_wakes(node):
    hung = node.doorman()
    node.gateway()
    wait_for("served", node.is_served)
    load = node.load()
    hung.send(signal.SIGSTOP)
    successor = node.doorman()
    successor.says("which are adopted")
    time.sleep(5.2)  # now the old one's gateways are gone for more than five seconds
    hung.send(signal.SIGCONT)
    hung.says("retired: another doorman has published itself")
    assert "clients are refused" not in hung.log
    time.sleep(0.5)
    no_failures(load, 1000)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_retired_doorman_comes_back_when_its_successor_ends(node, end):
    """Of two updates at once, Swarm may end the doorman that took over and keep the one that retired."""
    kept = node.doorman()
    first = node.gateway()
    wait_for("served", node.is_served)
    load = node.load()
    successor = node.doorman()
    kept.says("retired: a successor has the listeners")
    wait_for("serving", lambda: "is serving" in successor.log)
    successor.end(end)
    kept.says("the successor is gone", seconds=8)
    wait_for("the gateway is there again", lambda: kept.log.count("is serving") >= 2, 8)
    second = node.gateway()
    wait_for("a new gateway is given the sockets", lambda: kept.log.count("is serving") >= 3)
    assert first.end() == 0
    time.sleep(5.5)  # the five-second rule would show now
    assert node.doorman() and kept.says("retired: a successor has the listeners", times=2)
    assert second.child.poll() is None
    no_failures(load, 1500)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_gateways_have_five_seconds_to_come_to_a_successor(node, end):
    doorman = node.doorman()
    gateway, other = node.gateway(), node.gateway()
    wait_for("served", node.is_served)
    gateway.send(signal.SIGSTOP)
    if end == signal.SIGKILL:
        doorman.end(end)
    successor = node.doorman()
    wait_for("adopted", lambda: "fit" in successor.log or "which are adopted" in successor.log)
    other.end(signal.SIGKILL)
    time.sleep(3.5)
    assert node.listening() == SHARDS and "clients are refused" not in successor.log
    gateway.send(signal.SIGCONT)
    wait_for("served", node.is_served, 2)
    time.sleep(2)
    assert node.is_served() and not any(line["changed"] for line in gateway.json_lines()[1:])


def test_both_gone_the_port_is_bound_anew_despite_connections_of_the_past(node):
    doorman = node.doorman()
    gateway = node.gateway()
    wait_for("served", node.is_served)
    for _ in range(20):
        assert node.is_served()
    doorman.end(signal.SIGKILL)
    gateway.end(signal.SIGKILL)
    doorman = node.doorman()
    assert f"with {SHARDS} of {SHARDS} sockets" in doorman.log
    node.gateway("anew")
    wait_for("served", lambda: node.is_served(body="anew"), 1)


def test_a_gateway_that_starts_before_any_doorman_waits_for_it(node):
    gateway = node.gateway(listed=False)
    time.sleep(0.7)
    node.doorman()
    wait_for("served", node.is_served, 1.5)
    assert gateway.log.count("trying again") == 1, "reported once, not at every attempt"


def test_idle_sockets_are_inherited_idle(node):
    doorman = node.doorman()
    node.gateway(mode="idle")
    doorman.end(signal.SIGKILL)
    successor = node.doorman()
    assert "Address already in use" in successor.log
    successor.says("which are adopted")
    assert node.connect()[0] == "refused"
    node.gateway()
    wait_for("served", node.is_served, 1)


def test_two_doormen_that_start_at_once_end_as_one(node):
    first = node.doorman()
    node.gateway()
    wait_for("served", node.is_served)
    load = node.load()
    rivals = [node.doorman(published=False) for _ in range(3)]
    time.sleep(3)
    states = [("retired" in d.log) for d in (first, *rivals)]
    assert states.count(False) == 1, f"one rules: {states}"
    no_failures(load, 500)


def test_changed_listeners_open_the_new_one_and_close_the_old_one(node):
    old = node.doorman(f"http=0.0.0.0:{PORT}")
    gateway = node.gateway()
    wait_for("served", node.is_served)
    successor = node.doorman(f"http=0.0.0.0:{SECOND_PORT}", f"https={HOST}:{SECOND_PORT + 1}")
    wait_for("the new one is served", lambda: node.is_served(SECOND_PORT), 2)
    wait_for("the other new one is served", lambda: node.is_served(SECOND_PORT + 1), 2)
    wait_for("the old one is refused", lambda: node.connect()[0] == "refused", 2)
    assert gateway.log.count(f"withdrawn http:0.0.0.0:{PORT}#") == SHARDS
    old.end()
    assert successor.child.poll() is None


def test_more_and_fewer_shards_keep_what_is_held(node):
    old = node.doorman(shards=1)
    gateway = node.gateway()
    wait_for("served", node.is_served)
    load = node.load()
    more = node.doorman(shards=4)
    wait_for("four shards listen", lambda: node.listening() == 4)
    time.sleep(0.5)
    old.end()
    no_failures(load, 100)
    node.doorman(shards=2)
    wait_for("two shards listen", lambda: node.listening() == 2)
    assert all(node.connect()[0] == "served" for _ in range(40))
    assert more.child.poll() is None and gateway.child.poll() is None


def test_a_port_that_a_stranger_holds_is_named_and_taken_when_it_is_free(node):
    with in_netns(node.host):
        stranger = socket.create_server(("0.0.0.0", PORT))
    doorman = node.doorman(f"http=0.0.0.0:{PORT}", f"http=0.0.0.0:{SECOND_PORT}")
    gateway = node.gateway()
    wait_for("the other port is served", lambda: node.is_served(SECOND_PORT), 1)
    doorman.says(f"0.0.0.0:{PORT} cannot be bound", times=2)
    assert gateway.json_lines()[-1]["complete"] is False
    stranger.close()
    wait_for("served", node.is_served, 2)
    assert gateway.json_lines()[-1]["complete"] is True


TABLE = """{"set":{"kind":"pool","name":"web","value":{"tenant":"","protocol":"http1","balance":"round_robin"}}}
{"set":{"kind":"endpoints","name":"web","value":{"endpoints":[{"address":"127.0.0.1","port":8080,"weight":1,"task":"t","node":"n"}]}}}
{"set":{"kind":"route","name":"web","value":{"tenant":"","hosts":["a.test"],"path":"/","forward":[{"pool":"web","weight":1}]}}}
{"commit":{"revision":1}}
"""


def test_real_gateways_and_doormen_are_replaced_and_killed_under_load(node):
    table = node.dir / "table.ndjson"
    table.write_text(TABLE)
    node.start(node.gw, "origin", [BIN / "support/origin", "--port", "8080"])

    def real_gateway():
        state = node.dir / f"state-{node.count}"
        state.mkdir()
        os.chown(state, UID, UID)
        return node.start(node.gw, "gateway", [BIN / "signalbox-gateway", "--table", table, "--doorman", node.socket, "--state", state])
    doorman = node.doorman()
    gateway = real_gateway()
    wait_for("every shard listens", lambda: node.listening() == SHARDS, 8)
    load = node.start(node.client, "load", [BIN / "support/load", "--target", f"{HOST}:{PORT}", "--host", "a.test", "--new-rate", 150,
                                            "--keep", 10, "--seconds", 60], uid=0)
    for i in range(6):
        if i % 2 == 0:
            old, gateway = gateway, real_gateway()
            wait_for("both serve", lambda: doorman.log.count("is serving") >= 2, 8)
            assert old.end(seconds=20) == 0
        if i % 3 == 0:
            doorman.end(signal.SIGKILL)
        old, doorman = doorman, node.doorman()
        wait_for("serving", lambda: "is serving" in doorman.log)
        old.end()
    no_failures(load, 200)


# ---- hostile neighbours ----------------------------------------------------------------------


@pytest.fixture
def victim(node):
    """A service of the host that listens on loopback only."""
    with in_netns(node.host):
        server = socket.create_server(("127.0.0.1", VICTIM_PORT))
    yield server
    server.close()


@pytest.mark.parametrize("listen", [f"http=0.0.0.0:{PORT}", f"http={HOST}:{PORT}", f"http=0.0.0.0:{PORT}@pub0"])
def test_no_socket_of_a_device_bound_listener_reaches_the_hosts_loopback(node, victim, listen):
    doorman = node.doorman(listen, shards=1)
    assert "is bound to device pub0" in doorman.log
    attacker = node.gateway(mode="attack")
    wait_for("it listens", node.listening)
    node.connect(timeout=1)
    attacker.child.wait(15)
    tries = [line for line in attacker.json_lines() if "through" in line]
    assert sorted(t["through"] for t in tries) == ["accepted", "listening"], tries
    assert not any(t["reached"] for t in tries), tries
    print(tries)
    node.gateway()
    wait_for("the listener works again", node.is_served, 2)


def test_a_loopback_listener_says_that_it_cannot_be_guarded(node, victim):
    doorman = node.doorman(f"http=127.0.0.1:{PORT}", shards=1)
    assert "loopback listener, which cannot be bound to a device" in doorman.log
    attacker = node.gateway(mode="attack")
    wait_for("it listens", node.listening)
    node.connect(address="127.0.0.1", netns=node.host, timeout=1)
    attacker.child.wait(15)
    tries = [line for line in attacker.json_lines() if "through" in line]
    assert all(t["reached"] for t in tries), f"the attack of the other tests is no attack: {tries}"


def test_a_listener_that_a_gateway_shuts_down_is_revived_at_once(node):
    doorman = node.doorman()
    node.gateway()
    wait_for("served", node.is_served)
    for _ in range(3):
        began = time.monotonic()
        villain = node.gateway(mode="shutdown")
        villain.child.wait(5)
        wait_for("every shard listens", lambda: node.listening() == SHARDS, 0.3)
        assert time.monotonic() - began < 1
        assert all(node.connect()[0] == "served" for _ in range(20))
    assert "is revived" in doorman.log


def test_only_the_clusters_uid_is_talked_to(node):
    node.socket.parent.chmod(0o777)
    doorman = node.doorman()
    os.chmod(node.socket, 0o777)
    stranger = node.gateway(uid=OTHER_UID, listed=False)
    doorman.says(f"The peer has uid {OTHER_UID}")
    stranger.says(f"The peer has uid {UID}")
    time.sleep(0.3)
    assert stranger.json_lines() == []
    assert node.connect()[0] == "refused"
    assert "retired" not in doorman.log, "a chmod of the socket is no successor"


def message(kind, role=0, flags=0, generation=0, first=0, total=0, count=0, magic=0x444F4F52, version=1):
    return struct.pack("=IHHIIQIIII", magic, version, kind, role, flags, generation, first, total, count, 0)


HELLO, OFFER, TAKE, SERVING, DRAINING, LIST, MOVED, ADOPTED = range(1, 9)
GATEWAY, DOORMAN = 1, 2


def talk(node):
    """A connection to the doorman from a process of the cluster's uid (peer credentials are taken at connect)."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(3)
    os.seteuid(UID)
    try:
        s.connect(str(node.socket))
    finally:
        os.seteuid(0)
    return s


def test_a_successor_that_ends_in_the_middle_changes_nothing(node):
    doorman = node.doorman()
    node.gateway()
    wait_for("served", node.is_served)
    load = node.load()
    s = talk(node)
    s.send(message(HELLO, role=DOORMAN))
    data, fds, _, _ = socket.recv_fds(s, 65536, 64)
    assert len(fds) == SHARDS and struct.unpack_from("=H", data, 6)[0] == LIST
    heir = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # it has published itself already
    heir.bind(str(node.socket.with_suffix(".new")))
    os.rename(node.socket.with_suffix(".new"), node.socket)
    for fd in fds:
        os.close(fd)
    heir.close()
    s.close()
    doorman.says("without having taken over")
    doorman.says("published again")
    time.sleep(6)
    assert doorman.log.count("is serving") >= 2, "the gateway has come back to it"
    no_failures(load, 1000)


@pytest.mark.parametrize("words", [
    [b"x"], [b"\0" * 5000], [message(HELLO, role=GATEWAY, magic=1)], [message(HELLO, role=7)],
    [message(HELLO, role=GATEWAY, version=9)], [message(SERVING, generation=1)], [message(TAKE)],
    [message(HELLO, role=GATEWAY), message(OFFER, count=3)], [message(HELLO, role=GATEWAY), message(OFFER, count=65)],
    [message(HELLO, role=GATEWAY), message(TAKE), message(SERVING, generation=1 << 60)],
    [message(HELLO, role=GATEWAY), message(ADOPTED)], [message(HELLO, role=DOORMAN), message(SERVING, generation=1)],
])
def test_whoever_breaks_the_protocol_loses_its_connection_and_nobody_else_does(node, words):
    doorman = node.doorman(shards=1)
    node.gateway()
    wait_for("served", node.is_served)
    s = talk(node)
    for word in words:
        s.send(word)
    with contextlib.suppress(ConnectionResetError):
        while s.recv(65536):
            pass
    s.close()
    assert node.is_served()
    assert doorman.child.poll() is None


def test_what_a_gateway_offers_is_adopted_only_when_it_is_the_hosts_socket(node):
    with in_netns(node.host):
        stranger = socket.create_server(("0.0.0.0", PORT))
    doorman = node.doorman(shards=1)
    entry = struct.pack("=80sIIII", f"http:0.0.0.0:{PORT}#0".encode(), 0, 0, 1, 0)

    def offer(sock):
        s = talk(node)
        s.send(message(HELLO, role=GATEWAY))
        socket.send_fds(s, [message(OFFER, count=1) + entry], [sock.fileno()])
        s.send(message(TAKE))
        data, fds, _, _ = socket.recv_fds(s, 65536, 64)
        assert struct.unpack_from("=I", data, 28)[0] == len(fds) == 0, "it was adopted"
        s.close()
    with in_netns(node.gw):
        elsewhere = socket.socket()
        elsewhere.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    for sock, why in ((stranger, "another device"), (elsewhere, "another address")):
        offer(sock)
        doorman.says(why)
    with in_netns(node.gw):
        ip("link", "add", "pub0", "type", "veth", "peer", "name", "pub1")
        twin = socket.socket()
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"pub0\0")
        twin.bind(("0.0.0.0", PORT))
    offer(twin)
    doorman.says("another network namespace")
    with in_netns(node.gw):
        ip("link", "del", "pub0")
    stranger.close()


# ---- privileges and flags --------------------------------------------------------------------


def test_started_as_root_it_ends_up_with_the_clusters_uid_and_nothing_else(node):
    doorman = node.doorman("http=0.0.0.0:80", shards=2, uid=0, extra=["--uid", UID])
    status = pathlib.Path(f"/proc/{doorman.child.pid}/status").read_text(encoding="utf8")
    fields = dict(re.findall(r"^(\w+):[ \t]*(.*)$", status, re.M))
    assert fields["Uid"].split() == [str(UID)] * 4 and fields["Gid"].split() == [str(UID)] * 4
    assert fields.get("Groups", "").strip() == ""
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, f"{name} {fields[name]}"
    assert fields["NoNewPrivs"] == "1"
    node.gateway()
    wait_for("served", lambda: node.is_served(80), 1)
    successor = node.doorman("http=0.0.0.0:80", shards=2, uid=0, extra=["--uid", UID])
    doorman.says("a successor has the listeners")
    assert "gives 2 listeners, 2 of them fit" in successor.log


@pytest.mark.parametrize("argv, sentence", [
    (["--listen=http=0.0.0.0:80"], "needs NET_BIND_SERVICE"),
    (["--listen=http=[::]:8081"], "no default route for [::]:8081"),
    (["--listen=http=10.99.99.99:8081"], "No interface of this host has the address"),
    (["--listen=http=0.0.0.0:8081@nope0"], 'no network interface "nope0"'),
    (["--listen=http=127.0.0.1:8081@lo"], "cannot be bound to a device"),
    (["--listen=http=0.0.0.0:8081", "--listen=https=0.0.0.0:8081"], "given twice"),
    (["--listen=ftp=0.0.0.0:21"], "no kind of listener"),
    ([], "--listen KIND=ADDR:PORT is missing"),
    (["--listen=http=0.0.0.0:8081", "--shards=0"], "--shards"),
])
def test_what_cannot_be_done_is_refused_with_a_sentence(node, argv, sentence):
    doorman = node.start(node.host, "doorman", [BIN / "signalbox-doorman", "--socket", node.socket, *argv])
    assert doorman.child.wait(5) in (1, 2)
    assert sentence in doorman.log
    assert not node.socket.exists()


def test_a_successor_with_a_bad_configuration_leaves_the_old_doorman_in_office(node):
    doorman = node.doorman(f"http=0.0.0.0:{PORT}")
    node.gateway()
    wait_for("served", node.is_served)
    bad = node.doorman(f"http=0.0.0.0:{PORT}", "http=0.0.0.0:81", published=False)
    assert bad.child.wait(5) == 1
    time.sleep(0.3)
    assert "retired" not in doorman.log
    assert node.is_served()
