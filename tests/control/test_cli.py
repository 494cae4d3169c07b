"""The command line against a real coordinator: what it prints, on which stream, and how it ends."""
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
    screen = operator("describe", "service", "lame").out
    assert "no port" in screen and "docker service update --label-add com.docker.lb.port=VALUE lame" in screen
    assert "com.docker.lb.hosts" in screen and "answers 503" in screen and len(screen.splitlines()) <= 40
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
