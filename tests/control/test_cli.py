"""The command line against a real coordinator: what it prints, on which stream, and how it ends."""
import hashlib
import http.server
import json
import os
import re
import subprocess
import threading
import time

import pytest
import rig

PROGRAM = rig.BUILD / "bin/signalbox"
OK, REFUSED, USAGE, UNREACHABLE, NOT_APPLIED, DIFFERENT = range(6)


class Ran:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"


class Shell:
    def __init__(self, tmp, control=None, token=None, tenant=None):
        self.tmp = tmp
        self.env = {"PATH": os.environ["PATH"], "HOME": str(tmp), "NO_PROXY": "*",
                    **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        if control:
            self.env["SIGNALBOX_URL"] = f"http://127.0.0.1:{control.admin_port}"
        if token:
            self.env["SIGNALBOX_TOKEN"] = token
        if tenant:
            self.env["SIGNALBOX_TENANT"] = tenant

    def __call__(self, *words, code=OK, stdin="", env=None):
        ran = Ran(subprocess.run([PROGRAM, *map(str, words)], env={**self.env, **(env or {})}, input=stdin,
                                 capture_output=True, text=True, timeout=60))
        assert ran.code == code, ran
        return ran

    def file(self, content, name="file.json"):
        path = self.tmp / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path


@pytest.fixture
def operator(control, tmp_path):
    return Shell(tmp_path, control, control.bootstrap)


@pytest.fixture
def shell(control, tenant, tmp_path):
    """A tenant's administrator at his terminal."""
    return Shell(tmp_path, control, tenant.token, tenant.name)


def documents(tenant):
    return [{"kind": "pool", "name": "web", "cluster": "east"},
            {"kind": "endpoints", "name": "web", "cluster": "east", "endpoints": [{"address": "10.1.2.3", "port": 80}]},
            {"kind": "route", "name": "web", "cluster": "east", "hosts": [tenant.host], "forward": [{"pool": "web"}]}]


def test_what_is_applied_is_shown_and_can_be_deleted(shell, tenant):
    made = shell("apply", "-f", shell.file(documents(tenant)))
    assert re.search(r"route/web +created", made.out) and re.search(r"commit \d+, audit head [0-9a-f]{64}", made.out)
    assert "nothing changed" in shell("apply", "-f", "-", stdin=json.dumps(documents(tenant))).out
    table = shell("get", "routes").out.splitlines()
    assert table[0].split() == ["NAME", "CLUSTER", "HOSTS", "PATH", "TO", "STATE"] and table[1].split()[:3] == ["web", "east", tenant.host]
    one = shell("get", "route", "web", "-o", "json")
    assert one.json["hosts"] == [tenant.host] and one.json["status"]["commit"] > 0
    again = shell("apply", "-f", "-", stdin=one.out)  # what get shows can be applied
    assert "nothing changed" in again.out
    assert "deleted" in shell("delete", "route", "web").out
    gone = shell("get", "route", "web", code=REFUSED)
    assert gone.out == "" and "404" in gone.err


def test_a_service_is_described_with_what_is_wrong_and_what_to_do(control, operator):
    control.service("lame", rig.labels("lame.example", port="99999"))
    rig.eventually("it is seen", lambda: any(s["service"] == "lame" for s in control.operator.get("/v1/services").json["services"]))
    screen = rig.eventually("its labels are committed", lambda: "com.docker.lb.hosts" in (s := operator("describe", "service", "lame").out) and s)
    assert "no port" in screen and "docker service update --label-add com.docker.lb.port=VALUE lame" in screen
    assert "answers 503" in screen and len(screen.splitlines()) <= 40
    control.no_service("lame")


def test_the_nearest_name_is_said(shell):
    assert '"describe" is the nearest' in shell("descrbe", code=USAGE).err
    assert "--selector is the nearest" in shell("get", "routes", "--selctor", "a=b", code=USAGE).err
    assert 'the nearest is "route"' in shell("get", "rute", code=USAGE).err


def test_faults_have_their_line(shell, tenant):
    file = shell.file('{"documents": [\n {"kind": "route", "name": "web",\n  "value": {"cluster": "east",\n'
                      '   "hostss": ["a.example"],\n   "path": 7}}]}')
    refused = shell("apply", "-f", file, code=REFUSED)
    assert f"{file}:4 /documents/0/value/hostss" in refused.err and f"{file}:5 /documents/0/value/path" in refused.err
    listed = shell.file('[\n {"kind": "pool", "name": "p", "cluster": "east",\n  "protocol": "smtp"}]')
    assert ":3 " in shell("apply", "-f", listed, code=REFUSED).err
    assert "bytes after" in (bad := shell("apply", "-f", shell.file("{} x"), code=USAGE)).err, bad


def heartbeat(control, stop):
    """A gateway that applies whatever there is."""
    while not stop.wait(0.05):
        east = control.cluster("east")
        control.gateway("east", "g1", epoch=east["epoch"], applied=east["revision"], routes=east["routes"])


def test_waiting_says_how_many_gateways_have_it_and_ends_with_4_when_not_all(own, tmp_path):
    control = own()
    control.tenant("acme", hosts=["acme.example"])
    shell = Shell(tmp_path, control, control.bootstrap, "acme")
    east = control.cluster("east")
    control.gateway("east", "g1", epoch=east["epoch"], applied=east["revision"], routes=0)
    file = shell.file([{"kind": "pool", "name": "web", "cluster": "east"}])
    late = shell("apply", "-f", file, "--wait=300ms", code=NOT_APPLIED)
    assert "g1 of east on node1 is live" in late.out
    assert "0 of 1 live gateways" in shell("wait", "pool", "web", "--wait=100ms", code=NOT_APPLIED).out
    assert shell("apply", "-f", file, "--wait=100ms", "-o", "json", code=NOT_APPLIED).json["applied"] is False
    stop = threading.Event()
    thread = threading.Thread(target=heartbeat, args=(control, stop))
    thread.start()
    try:
        assert "1 of 1 live gateways" in shell("wait", "pool", "web", "--wait=20s").out
        file = shell.file([{"kind": "pool", "name": "other", "cluster": "east"}])
        assert re.search(r"applied after \d+ ms: 1 of 1 live gateways", shell("apply", "-f", file, "--wait=20s").out)
        assert "g1" in shell("gateways").out and "g1" in shell("gateways", "east").out
        assert "node1" in shell("describe", "gateway", "g1").out
        assert "no gateway" in shell("describe", "gateway", "g9", code=REFUSED).err
    finally:
        stop.set()
        thread.join()
    assert "at most" in shell("apply", "-f", file, "--wait=31s", code=USAGE).err


def test_diff_ends_with_5_and_changes_nothing(shell, tenant):
    file = shell.file(documents(tenant))
    differs = shell("diff", "-f", file, code=DIFFERENT)
    assert f'+ hosts: ["{tenant.host}"]' in differs.out and "dry run" in differs.out
    shell("get", "route", "web", code=REFUSED)
    shell("apply", "-f", file)
    shell("diff", "-f", file)
    value = shell.file({"cluster": "east", "protocol": "h2c"}, "pool.json")
    assert '+ protocol: "h2c"' in shell("diff", "pool", "web", "-f", value, code=DIFFERENT).out
    assert "changed" in shell("apply", "pool", "web", "-f", value, "--dry-run").out
    assert "protocol" not in shell("get", "pool", "web", "-o", "json").json


def test_pruning_removes_what_is_selected_and_not_in_the_file(shell, tenant):
    marked = [{**d, "metadata": {"labels": {"app": "shop"}}} for d in documents(tenant)]
    shell("apply", "-f", shell.file(marked))
    assert len(shell("get", "pools", "-l", "app=shop", "-o", "json").json["items"]) == 1
    pruned = shell("apply", "-f", shell.file([d for d in marked if d["kind"] != "route"]), "--prune", "--selector", "app=shop")
    assert re.search(r"route/web +deleted", pruned.out)
    assert "go together" in shell("apply", "-f", shell.file(marked), "--prune", code=USAGE).err


def test_history_and_rollback(shell, tenant):
    shell("apply", "-f", shell.file(documents(tenant)))
    commit = shell("history", "-o", "json").json["commits"][0]["commit"]
    shell("delete", "route", "web")
    table = shell("history", "route", "web").out
    assert "-route/web" in table and str(commit) in table
    assert re.search(r"route/web +created", shell("rollback", "--to", commit, "--dry-run").out)
    shell("get", "route", "web", code=REFUSED)
    assert re.search(r"route/web +created", shell("rollback", "--to", commit).out)
    assert shell("get", "route", "web", "-o", "json").json["hosts"] == [tenant.host]
    shell("rollback", code=USAGE)


def test_pins_are_made_named_by_a_rollback_and_released(own, tmp_path):
    control = own()
    control.tenant("acme", hosts=["*.example"], services={"names": ["shop"]})
    control.service("shop", rig.labels("one.example"))
    shell = Shell(tmp_path, control, control.token("tenant-admin", tenant="acme"), "acme")
    seen = rig.eventually("it is seen", lambda: [s for s in shell("get", "services", "-o", "json").json["services"]])
    assert seen[0]["service"] == "shop"
    commit = rig.eventually("its labels are on record", lambda: shell("describe", "service", "shop", "-o", "json").json.get("labels_commit"))
    assert "released" not in shell("pin", "shop").out
    assert shell("get", "pins", "-o", "json").json["items"][0]["labels"][rig.LABEL + "hosts"] == "one.example"
    shell("pin", "release", "shop")
    assert shell("get", "pins", "-o", "json").json["items"] == []
    control.service("shop", rig.labels("two.example"))
    rig.eventually("the new label is on record", lambda: shell("describe", "service", "shop", "-o", "json").json["labels_commit"] > commit)
    dry = shell("rollback", "--to", commit, "--dry-run")
    assert "pin shop: created" in dry.out and "pin release shop" in dry.out


def test_a_token_is_shown_once_and_can_be_revoked(shell, control, tenant, tmp_path):
    made = shell("token", "create", "--scope", "tenant-read", "--expires", "30d", "--about", "panel")
    assert re.fullmatch(r"sbt1\.[0-9a-f]+\.\S+\n", made.out) and "shown once" in made.err
    reader = Shell(tmp_path, control, made.out.strip(), tenant.name)
    assert "NAME" in reader("get", "routes").out
    assert "403" in reader("delete", "route", "web", code=REFUSED).err
    token_id = made.out.split(".")[1]
    listed = shell("token", "list").out
    assert token_id in listed and "panel" in listed and made.out.split(".")[2].strip() not in listed
    shell("token", "delete", token_id)
    refused = reader("get", "routes", code=REFUSED)
    assert "401" in refused.err and "SIGNALBOX_TOKEN" in refused.err
    elsewhere = shell("token", "bootstrap", code=USAGE).err
    assert "inside the coordinator's container" in elsewhere and "/run/secrets/signalbox-identity" in elsewhere, elsewhere
    assert shell("token", "bootstrap", str(control.identity)).out.strip() == control.bootstrap


def test_a_request_is_explained(shell, tenant):
    shell("apply", "-f", shell.file(documents(tenant)))
    told = shell("explain", f"http://{tenant.host}/cart", "-c", "east", "-H", "x-a: b", "-X", "POST").out
    assert f"route {tenant.name}/web" in told and "10.1.2.3:80 live" in told
    nothing = shell("explain", f"http://nowhere.{tenant.host}/", "-c", "east", code=REFUSED)
    assert "no route takes it" in nothing.out
    assert "cluster" in shell("explain", "http://a.example/", code=USAGE).err
    told = shell("describe", "route", "web").out
    assert f"GET http://{tenant.host}/" in told and "Programmed" in told


def test_the_audit_chain_is_verified_by_who_kept_a_head(shell, operator, tenant):
    head = re.search(r"audit head ([0-9a-f]{64})", shell("apply", "-f", shell.file(documents(tenant))).out).group(1)
    shell("delete", "route", "web")
    assert "ok: the chain holds" in operator("audit", "verify", "--head", head).out
    assert "NOT FOUND" in operator("audit", "verify", "--head", "0" * 64, code=REFUSED).out
    operator("audit", "verify", "--head", "abc", code=USAGE)
    assert "HASH" in shell("audit").out


def audit_hash(row):
    """As docs/api.md says it, for anybody."""
    parts = ["signalbox-audit-1", *(row[member] for member in ("prev", "seq", "commit", "at_ms", "author", "action", "tenant", "detail"))]
    parts = [p.to_bytes(8, "big") if isinstance(p, int) else p.encode() for p in parts]
    return hashlib.sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).hexdigest()


def test_a_row_of_the_audit_is_hashed_as_the_guide_says(control, tenant):
    tenant.made(tenant.base + "/pools/web", {"cluster": "east", "metadata": {"labels": {"who": "J\u00fcrgen \"J\""}}})
    tenant.call("PUT", "/v1/ownership", {}, check=False)  # a refusal has a row as well
    rows = rig.eventually("both have rows", lambda: (r := control.operator.get("/v1/audit", limit=50).json["rows"]) and
                          {r[0]["commit"] == 0, r[1]["commit"] == 0} == {True, False} and r)
    for row, older in zip(rows, rows[1:]):
        assert audit_hash(row) == row["hash"] and row["prev"] == older["hash"], row


class Forger(http.server.BaseHTTPRequestHandler):
    """Passes on what the coordinator answers, with a row of the audit changed by `forge`."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        answer = self.server.client.raw("GET", self.path, headers={"Authorization": self.headers["Authorization"]})
        page = answer.json
        if "rows" in page:
            self.server.forge(page["rows"])
        data = json.dumps(page).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.mark.parametrize("member, value", [("author", "nobody"), ("action", "PUT /"), ("tenant", "x"), ("detail", "{}"), ("at_ms", 1),
                                           ("commit", 7), ("seq", 7), ("prev", "0" * 64), ("hash", "0" * 64)])
def test_a_forged_row_is_seen_although_its_hash_is_left(control, operator, shell, tenant, tmp_path, member, value):
    head = re.search(r"audit head ([0-9a-f]{64})", shell("apply", "-f", shell.file(documents(tenant))).out).group(1)
    shell("delete", "route", "web")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forger) as server:
        server.client = rig.Client(control, control.bootstrap)
        server.forge = lambda rows: rows[0].update({member: value})
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = {"SIGNALBOX_URL": f"http://127.0.0.1:{server.server_address[1]}"}
        assert "TAMPERED" in operator("audit", "verify", "--head", head, code=REFUSED, env=url).out
        server.forge = lambda rows: None
        assert "ok: the chain holds" in operator("audit", "verify", "--head", head, env=url).out
        server.shutdown()
        server.client.close()


def test_a_chain_is_verified_while_it_grows(operator, shell, tenant):
    head = re.search(r"audit head ([0-9a-f]{64})", shell("apply", "-f", shell.file(documents(tenant))).out).group(1)
    stop = threading.Event()

    def write():
        client, n = rig.Client(tenant.control, tenant.token), 0
        while not stop.is_set():
            client.put(tenant.base + "/pools/web", {"cluster": "east", "idle_ms": (n := n + 1)}, check=False)
        client.close()

    writers = [threading.Thread(target=write) for _ in range(2)]
    [w.start() for w in writers]
    try:
        for _ in range(8):
            assert "ok: the chain holds" in operator("audit", "verify", "--head", head).out
    finally:
        stop.set()
        [w.join() for w in writers]


def test_a_durable_write_says_that_swarm_has_it(shell, tenant):
    made = shell("apply", "-f", shell.file(documents(tenant)), "--durable")
    assert re.search(r"commit \d+, .*in Swarm's store", made.out), made
    assert "in Swarm's store" not in shell("delete", "route", "web").out
    assert shell("delete", "pool", "web", "--durable", "-o", "json").json["durable"] is True


def test_a_write_that_is_not_durable_in_time_is_told(own, tmp_path):
    control = own()
    control.tenant("acme")
    shell = Shell(tmp_path, control, control.bootstrap, "acme")
    shell("apply", "-f", shell.file([{"kind": "pool", "name": "web", "cluster": "east"}]), "--durable")
    control.state["fail_configs"] = 503
    control.tell_docker()
    late = shell("delete", "pool", "web", "--durable", code=NOT_APPLIED)
    assert "written, but not in Swarm's store after" in late.out, late


def test_watching_goes_on_after_the_coordinator_comes_back(own, tmp_path):
    control = own()
    control.tenant("acme", hosts=["acme.example"])
    shell = Shell(tmp_path, control, control.bootstrap, "acme")
    first = control.operator.get("/v1/tenants/acme").json["status"]["commit"]
    watch = subprocess.Popen([PROGRAM, "watch", "-o", "json", "--from", str(first)], env=shell.env, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    try:
        control.operator.made("/v1/tenants/acme/pools/a", {"cluster": "east"})
        assert json.loads(watch.stdout.readline())["documents"][0]["name"] == "a"
        port = control.admin_port
        control.process.terminate()
        control.process.wait(rig.WAIT)
        restart_on(control, port)
        control.operator.made("/v1/tenants/acme/pools/b", {"cluster": "east"})
        assert json.loads(watch.stdout.readline())["documents"][0]["name"] == "b"
    finally:
        watch.terminate()
        watch.wait(rig.WAIT)
        watch.stdout.close()


def restart_on(control, port):
    """Again, with the admin API where it was: the last --admin counts."""
    control.operator.close()
    control.args = (*control.args, "--admin", f"127.0.0.1:{port}")
    control.start()


def test_no_answer_ends_with_3(tmp_path):
    shell = Shell(tmp_path)
    nobody = shell("get", "routes", "-t", "a", "--url", "http://127.0.0.1:1", code=UNREACHABLE)
    assert nobody.out == "" and "does not answer" in nobody.err
    assert "is no URL" in shell("get", "routes", "-t", "a", "--url", "ftp://a", code=USAGE).err


def test_a_token_that_others_can_read_is_refused_with_what_to_run(control, tmp_path):
    shell = Shell(tmp_path, control)
    file = shell.file(control.bootstrap, "token")
    file.chmod(0o644)
    assert f"chmod 600 {file}" in shell("get", "tenants", "--token-file", file, code=USAGE).err
    file.chmod(0o600)
    shell("get", "tenants", "--token-file", file)
    config = tmp_path / ".config/signalbox/config"
    config.parent.mkdir(parents=True)
    config.write_text(f"[ops]\nurl = {shell.env['SIGNALBOX_URL']}\ntoken = {control.bootstrap}\n")
    config.chmod(0o640)
    assert f"chmod 600 {config}" in shell("get", "tenants", "--profile", "ops", code=USAGE).err
    config.chmod(0o600)
    shell("get", "tenants", "--profile", "ops", env={"SIGNALBOX_URL": ""})
    assert "no profile [x]" in shell("get", "tenants", "--profile", "x", code=USAGE).err


def test_what_the_server_says_never_reaches_the_terminal_raw(tmp_path):
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"items": [{"name": "a\x1b[31m\u009b2J\u202eb\u4f60", "cluster": "\r\n"}], "commit": 1}, ensure_ascii=False).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        shell = Shell(tmp_path)
        for output in ("table", "json"):
            out = shell("get", "pools", "-t", "a", "-o", output, "--url", f"http://127.0.0.1:{server.server_port}").out
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out) and "你" in out, out
    finally:
        server.shutdown()
        server.server_close()


def test_colour_is_for_terminals_without_no_color(control, tmp_path):
    shell = Shell(tmp_path, control, control.bootstrap)

    def on_a_terminal(**env):
        done = subprocess.run(["script", "-qec", f"{PROGRAM} labels", "/dev/null"], env={**shell.env, "TERM": "xterm", **env},
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
        return done.stdout

    assert "\x1b[1m" in on_a_terminal() and "\x1b" not in on_a_terminal(NO_COLOR="1") and "\x1b" not in shell("labels").out


def test_every_endpoint_has_its_command_and_every_text_names_all(control, operator):
    commands = set(re.findall(r"^  ([a-z]+) ", operator("help").out, re.M))
    rows = control.operator.get("/v1").json["resources"]
    assert {row["verb"] for row in rows if row["verb"]} <= commands
    manual, bash, zsh = (operator(*words).out for words in (("help", "man"), ("completion", "bash"), ("completion", "zsh")))
    table = operator("help", "markdown").out
    for command in commands:
        assert re.search(rf"^\.B {command}\b", manual, re.M) and f" {command}) words=" in bash and f" {command}) words=" in zsh
        assert f"| `{command}" in table and "exit status" in operator("help", command).out
    for noun in {row["noun"] for row in rows if row["noun"] not in ("", "new")}:
        assert noun in manual and noun in bash and noun in zsh
    for shell_name, text in (("bash", bash), ("zsh", zsh)):
        if subprocess.run(["sh", "-c", f"command -v {shell_name}"], capture_output=True).returncode == 0:
            assert subprocess.run([shell_name, "-n"], input=text, text=True, capture_output=True).returncode == 0
    done = subprocess.run(["bash", "-c", bash + 'COMP_WORDS=(signalbox get ro); COMP_CWORD=2; _signalbox; echo "${COMPREPLY[@]}"'],
                          capture_output=True, text=True)
    assert done.stdout.split() == ["routes", "route"], done
    for words, wanted in (("signalbox -o json get ro", ["routes", "route"]), ("signalbox --wait=3s -t acme des", ["describe"]),
                          ("signalbox -o j", ["json"]), ("signalbox token create --scope me", ["metrics"]), ("signalbox get -t ro", []),
                          ("signalbox rollback --t", ["--tenant", "--token-file", "--to"])):
        done = subprocess.run(["bash", "-c", bash + f'COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; _signalbox; echo "${{COMPREPLY[@]}}"'],
                              capture_output=True, text=True)
        assert done.stdout.split() == wanted and done.stderr == "", (words, done)
    assert table in (rig.ROOT / "docs/cli.md").read_text(), "docs/cli.md: take what `signalbox help markdown` prints"


def test_every_noun_can_be_asked_for(control, operator, tenant):
    for row in control.operator.get("/v1").json["resources"]:
        if row["verb"] != "get" or row["method"] != "GET":
            continue
        words = ["get", row["noun"]] + (["nothing"] if row["path"].endswith("}") and "{name}" in row["path"] else [])
        ran = subprocess.run([PROGRAM, *words, "-t", tenant.name, "-c", "east"], env=operator.env, capture_output=True, text=True, timeout=30)
        assert ran.returncode in (OK, REFUSED, USAGE) and (ran.returncode != USAGE or "which" in ran.stderr), (words, ran)
