"""The swarm of the tests as one object: its nodes, its Docker API, the deployed stack, the coordinator's
API, requests from the client host and the load tool. Everything here waits with a bound and says what it
waited for. The nodes themselves are made by tests/support/swarm_nodes."""
import concurrent.futures
import contextlib
import ctypes
import datetime
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.parse

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SIGNALBOX_BUILD", TREE / "build"))
SCRIPT = TREE / "tests/support/swarm_nodes"
PREFIX = os.environ.get("SIGNALBOX_NODES_PREFIX", "sbx")
ROOT = pathlib.Path(os.environ.get("SIGNALBOX_NODES_ROOT") or
                    pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / "signalbox-nodes")
STACK = "signalbox"
PORTS = {"east": 8081, "west": 8082}
LONG = bool(os.environ.get("SIGNALBOX_LONG"))  # ./tests/run long swarm
FIGURES = []  # what was measured; conftest.py prints it at the end
CLIENT = "10.98.0.254"
CLONE_NEWNET = 0x40000000


class Refused(AssertionError, ValueError):
    """A command or Docker said no. A test fails with it, wait_until goes on."""


def wait_until(what, seconds, check, every=0.1):
    """The first true value of check(); what failed or was answered last is in the message."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            last = check()
            if last:
                return last
        except (OSError, http.client.HTTPException, LookupError, ValueError) as e:
            last = e
        time.sleep(every)
    raise AssertionError(f"{what}: not within {seconds} s (last: {last!r})")


def note(text):
    """A measured figure that belongs in the summary of the run."""
    print(text)
    FIGURES.append(text)


def run(*argv, env=None, timeout=120, check=True):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, **(env or {})}, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise Refused(f"{' '.join(map(str, argv))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def wall_time(text):
    """Docker's time stamps carry nanoseconds."""
    stamp = datetime.datetime.strptime(text[:26].rstrip("Z"), "%Y-%m-%dT%H:%M:%S.%f")
    return stamp.replace(tzinfo=datetime.timezone.utc).timestamp()


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Load:
    """A running load tool; stop() gives what it counted."""

    def __init__(self, argv):
        self.argv = argv
        self.began = time.monotonic()  # what at_ms of a failure counts from, within some milliseconds
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        result = json.loads(out)
        note(f"{result['requests']} requests on {result['connections']} connections, {result['failed']} failed "
             f"{result['failures'] or ''}, latency {result['latency_ms']} ms, longest gap {result['max_gap_ms']} ms")
        return result


class Service:
    """A Swarm service by name, through the API: no command line in the measured path."""

    def __init__(self, swarm, name):
        self.swarm = swarm
        self.name = name

    def get(self):
        return self.swarm.engine("GET", f"/services/{self.name}")

    def update(self, change):
        """change(spec) edits the specification in place; repeated when somebody else was faster."""
        for _ in range(10):
            service = self.get()
            spec = service["Spec"]
            change(spec)
            try:
                self.swarm.engine("POST", f"/services/{service['ID']}/update?version={service['Version']['Index']}",
                                  spec)
                return
            except AssertionError as e:
                if "out of sequence" not in str(e):
                    raise
        raise AssertionError(f"{self.name} changes faster than it can be updated")

    def scale(self, count):
        def change(spec):
            spec["Mode"]["Replicated"]["Replicas"] = count
        self.update(change)

    def label(self, **labels):
        """label(hosts="a.test") sets com.docker.lb.hosts; None removes it."""
        def change(spec):
            for key, value in labels.items():
                key = f"com.docker.lb.{key}"
                if value is None:
                    spec["Labels"].pop(key, None)
                else:
                    spec["Labels"][key] = value
        self.update(change)

    def force(self):
        def change(spec):
            spec["TaskTemplate"]["ForceUpdate"] = spec["TaskTemplate"].get("ForceUpdate", 0) + 1
        self.update(change)

    def tasks(self, state="running"):
        query = urllib.parse.quote(json.dumps({"service": [self.name], "desired-state": ["running"]}))
        return [t for t in self.swarm.engine("GET", f"/tasks?filters={query}") if t["Status"]["State"] == state]

    def task_on(self, node):
        ids = self.swarm.node_ids()
        return next((t for t in self.tasks() if t["NodeID"] == ids[node]), None)

    def wait_running(self, count, seconds=30):
        return wait_until(f"{count} running tasks of {self.name}", seconds,
                          lambda: (lambda t: t if len(t) == count else None)(self.tasks()))

    def wait_updated(self, seconds):
        def state():
            return self.get().get("UpdateStatus", {}).get("State")
        wait_until(f"update of {self.name} to begin", 10, lambda: state() is not None)
        end = wait_until(f"end of the update of {self.name}", seconds,
                         lambda: (lambda s: s if s not in ("updating", "rollback_started") else None)(state()))
        assert end == "completed", f"the update of {self.name} ended as {end}: {self.get()['UpdateStatus']}"

    def remove(self):
        self.swarm.engine("DELETE", f"/services/{self.name}", missing_is_fine=True)


class Swarm:
    """Nodes 1 to managers are managers, the others workers. Gateways of both clusters are on gateway_nodes. Docker is
    asked on node `manager`, which must be one that lives."""

    def __init__(self, suffix="", managers=1, workers=2, net="10.98.0", gateway_nodes=(1, 2, 3)):
        self.images = {}
        self.bootstrap = None
        self.client_net = None
        self.turn = None
        self.root = pathlib.Path(f"{ROOT}{suffix}")
        self.prefix = PREFIX + suffix
        self.net = net
        self.managers, self.workers = managers, workers
        self.gateway_nodes = gateway_nodes
        self.manager = 1
        self.known_nodes = {}

    # ---- nodes and engines ----

    def nodes(self, *argv, env=None, **kw):
        mine = {"SIGNALBOX_NODES_ROOT": str(self.root), "SIGNALBOX_NODES_PREFIX": self.prefix,
                "SIGNALBOX_NODES_NET": self.net}
        return run(SCRIPT, *argv, env={**mine, **(env or {})}, **kw)

    def docker(self, *argv, node=None, **kw):
        return self.nodes("docker", node or self.manager, *argv, **kw)

    def engine(self, method, path, body=None, node=None, missing_is_fine=False):
        conn = UnixHTTP(str(self.root / f"node{node or self.manager}/docker.sock"))
        with contextlib.closing(conn):
            conn.request(method, f"/v1.41{path}", None if body is None else json.dumps(body),
                         {"Content-Type": "application/json"})
            reply = conn.getresponse()
            data = reply.read()
        if reply.status == 404 and missing_is_fine:
            return None
        if reply.status >= 300:
            raise Refused(f"{method} {path}: {reply.status} {data.decode()}")
        return json.loads(data) if data.strip() else None

    def node_ids(self):
        if not self.known_nodes:
            self.known_nodes = {int(n["Description"]["Hostname"][len(self.prefix):]): n["ID"]
                                for n in self.engine("GET", "/nodes")}
        return self.known_nodes

    def address(self, node):
        return f"{self.net}.{node}"

    def service(self, name):
        return Service(self, name)

    def ours(self, name):
        return Service(self, f"{STACK}_{name}")

    # ---- up and down ----

    def up(self, work):
        self.nodes("down")  # what an earlier run may have left
        self.nodes("up", "-m", self.managers, "-w", self.workers,
                   *(() if os.environ.get("KEEP_SWARM") else ("--owner", os.getpid())))
        with open(self.root / "client.pid", encoding="ascii") as f:
            pid = f.read().split()[0]
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.client_net = concurrent.futures.ThreadPoolExecutor(1, initializer=self.enter, initargs=(namespace,))
        self.make_images(work)
        self.make_secrets(work)
        for node in self.gateway_nodes:
            self.docker("node", "update", "--label-add", "signalbox.east=yes", "--label-add", "signalbox.west=yes",
                        self.node_ids()[node])
        self.deploy()

    def take_turn(self):
        """One run at a time below one root; the kernel forgets the name with this process."""
        self.turn = socket.socket(socket.AF_UNIX)
        try:
            self.turn.bind(f"\0signalbox-nodes {self.root}")
        except OSError as e:
            raise AssertionError(f"another run of the swarm tests uses {self.root}: wait for its end, or choose another "
                                 "SIGNALBOX_NODES_ROOT and SIGNALBOX_NODES_PREFIX") from e

    @staticmethod
    def enter(namespace):
        """A thread may have a network of its own: sockets made here belong to the client host."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def make_images(self, work):
        env = {"DOCKER_HOST": f"unix://{self.root}/node1/docker.sock", "SIGNALBOX_BUILD": str(BUILD)}
        run(TREE / "deploy/images", "tars", work / "images", env=env)
        out = run(TREE / "deploy/images", "import", work / "images", env=env)
        self.images = dict(line.split("=", 1) for line in out.split())
        # The same application once more under another ID: what a new version of it looks like to Swarm.
        second = run("docker", "import", "--change", 'ENTRYPOINT ["/origin"]', "--change", "LABEL version=2",
                     work / "images/sample.tar", "signalbox-sample:second", env=env).strip()
        self.images["second_sample"] = second
        self.nodes("copy", *self.images.values())

    def make_secrets(self, work):
        coordinator = BUILD / "bin/signalbox-coordinator"
        identity = work / "identity"
        identity.write_text(run(coordinator, "identity", "new"))
        self.docker("secret", "create", "signalbox-identity", identity)
        for cluster in PORTS:
            token = work / cluster
            token.write_text(run(coordinator, "token", "cluster", cluster, "--identity", identity))
            self.docker("secret", "create", f"signalbox-token-{cluster}", token)
        self.bootstrap = run(coordinator, "token", "bootstrap", "--identity", identity).split()[0]

    def deploy(self):
        """deploy/stack.yml as it is; only where the doormen listen differs: on the nodes' network."""
        env = {k: v for k, v in self.images.items() if k.startswith("SIGNALBOX_")}
        for cluster, port in PORTS.items():
            env[f"SIGNALBOX_{cluster.upper()}_LISTEN"] = f"0.0.0.0:{port}@eth0"
        self.docker("stack", "deploy", "--resolve-image", "never", "-c", TREE / "deploy/stack.yml", STACK, env=env)
        wait_until("all services of the stack complete", 90, self.complete)
        for node in self.gateway_nodes:
            for cluster in PORTS:
                wait_until(f"{cluster} answers on node {node}", 30,
                           lambda: self.ask(cluster, f"shop.{cluster}.test", node=node)[0] == 200)

    def complete(self):
        rows = self.docker("service", "ls", "--format", "{{.Replicas}}").split("\n")
        counts = [r.split()[0].split("/") for r in rows if r]
        return bool(counts) and all(have == want and want != "0" for have, want in counts)

    def down(self):
        if self.client_net is not None:
            self.client_net.shutdown()
        self.nodes("down")

    # ---- the deployed thing ----

    def container(self, service, node):
        """ID of the running container of one of our services on a node, or None."""
        out = self.docker("ps", "-q", "--filter", f"label=com.docker.swarm.service.name={STACK}_{service}", node=node)
        return out.split()[0] if out.split() else None

    def logs(self, container, node, *options):
        done = subprocess.run(["docker", "-H", f"unix://{self.root}/node{node}/docker.sock", "logs", *options, container],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    def kill(self, service, node):
        container = self.container(service, node)
        assert container, f"{service} does not run on node {node}"
        self.docker("kill", "--signal", "KILL", container, node=node)
        return container

    def api(self, path, want=200, text=False):
        """The coordinator's admin API, reached from within its own network."""
        node, pid = self.coordinator_at()
        out = self.nodes("exec", node, "nsenter", "-t", pid, "-n", "curl", "-sS", "--max-time", "5", "-w", "\n%{http_code}",
                         "-H", f"Authorization: Bearer {self.bootstrap}", f"http://127.0.0.1:7701{path}")
        body, _, status = out.rpartition("\n")
        if int(status) != want:
            raise ValueError(f"GET {path}: {status} {body}")
        return body if text else json.loads(body)

    def coordinator_at(self):
        """(node, process ID there) of the one coordinator that Swarm wants."""
        if self.managers == 1:
            node = 1
        else:
            by_id = {v: k for k, v in self.node_ids().items()}
            node = next((by_id[t["NodeID"]] for t in self.ours("coordinator").tasks()), None)
        container = self.container("coordinator", node) if node else None
        if container is None:
            raise LookupError("the coordinator does not run")
        return node, self.docker("inspect", "--format", "{{.State.Pid}}", container, node=node).strip()

    def gateways(self, cluster):
        return self.api(f"/v1/clusters/{cluster}/gateways")

    def all_applied(self, cluster, count=3, seconds=30):
        """Every live gateway of the cluster has the newest table."""
        def check():
            seen = self.gateways(cluster)
            live = [g for g in seen["gateways"] if g["state"] == "live" and g["connected"]]
            return seen if len(live) == count and all(g["applied"] == seen["revision"] for g in live) else None
        return wait_until(f"{count} gateways of {cluster} with the newest table", seconds, check)

    def conditions(self, cluster, service):
        answer = self.api(f"/v1/clusters/{cluster}/services/{service}")
        return {c["type"]: c for c in answer["conditions"]}

    # ---- requests ----

    def connect(self, address, port, timeout=5):
        return self.client_net.submit(socket.create_connection, (address, port), timeout).result()

    def ask(self, cluster, host, node=1, path="/", timeout=5):
        """(status, body) of one request on a new connection from the client host."""
        conn = http.client.HTTPConnection(self.address(node), PORTS[cluster], timeout=timeout)
        with contextlib.closing(conn):
            conn.sock = self.connect(self.address(node), PORTS[cluster], timeout)
            conn.request("GET", path, headers={"Host": host, "Connection": "close"})
            reply = conn.getresponse()
            return reply.status, reply.read().decode()

    def load(self, cluster, *hosts, nodes=None, keep=6, new_rate=40, **options):
        with open(self.root / "client.pid", encoding="ascii") as f:
            pid = f.read().split()[0]
        argv = ["nsenter", f"--net=/proc/{pid}/ns/net", str(BUILD / "bin/support/load"), "--keep", str(keep),
                "--new-rate", str(new_rate)]
        for node in nodes or self.gateway_nodes:
            argv += ["--target", f"{self.address(node)}:{PORTS[cluster]}"]
        for host in hosts:
            argv += ["--host", host]
        for name, value in options.items():
            argv += [f"--{name.replace('_', '-')}", str(value)]
        return Load(argv)

    # ---- services of the tests ----

    def create(self, name, labels, replicas=1, networks=("east-apps",), image=None, constraints=(), **container):
        """A service of the sample application with labels com.docker.lb.*; replicas None: one on each node. The caller
        removes it."""
        spec = {
            "Name": name,
            "Labels": {f"com.docker.lb.{k}": v for k, v in labels.items()},
            "Mode": {"Replicated": {"Replicas": replicas}} if replicas is not None else {"Global": {}},
            "EndpointSpec": {"Mode": "dnsrr"},
            "TaskTemplate": {
                "ContainerSpec": {"Image": image or self.images["SIGNALBOX_IMAGE_SAMPLE"], "Args": ["--port", "8080"],
                                  "StopGracePeriod": 10_000_000_000, **container},
                "Networks": [{"Target": n} for n in networks],
                "Placement": {"Constraints": list(constraints)},
                "RestartPolicy": {"Condition": "any", "Delay": 1_000_000_000},
            },
            "UpdateConfig": {"Parallelism": 1, "Order": "start-first", "Monitor": 500_000_000},
        }
        self.engine("POST", "/services/create", spec)
        return Service(self, name)

    # ---- what a failed test shows ----

    def look(self, *argv, node=None):
        """What Docker prints, also when the node is gone or its engine hangs."""
        try:
            return self.docker(*argv, node=node, check=False, timeout=10)
        except subprocess.TimeoutExpired:
            return f"no answer within 10 s on node {node or self.manager}\n"

    def report(self):
        """Everything that may explain a failure, as (title, text)."""
        yield "nodes", self.look("node", "ls")
        yield "services", self.look("service", "ls")
        yield "tasks", self.look("stack", "ps", "--no-trunc", STACK, "--format",
                                 "{{.Name}} {{.Node}} {{.CurrentState}} {{.Error}}")
        for path in ("/v1/clusters/east/services", "/v1/clusters/east/gateways", "/v1/clusters/west/gateways"):
            try:
                yield f"coordinator {path}", json.dumps(self.api(path), indent=1)
            except (OSError, LookupError, ValueError, AssertionError, subprocess.TimeoutExpired) as e:
                yield f"coordinator {path}", repr(e)
        for node in range(1, self.managers + self.workers + 1):
            ids = self.look("ps", "-a", "--format", "{{.ID}} {{.Names}} {{.Status}}", "--filter",
                            f"label=com.docker.stack.namespace={STACK}", node=node)
            for row in ids.splitlines():
                container, title = row.split(" ", 1)
                if "_shop" not in title and "_api" not in title and "_westshop" not in title:
                    yield f"node {node}: {title}", self.logs(container, node, "--tail", "40")
            with open(self.root / f"node{node}/dockerd.log", encoding="utf-8", errors="replace") as f:
                yield f"node {node}: dockerd", "".join(f.readlines()[-15:])
