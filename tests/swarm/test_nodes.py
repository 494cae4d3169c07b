"""The tests' own swarm: it survives what happens to nodes, and leaves nothing on the machine."""
import json
import os
import pathlib
import subprocess
import tempfile
import time

import pytest

from nodes import SCRIPT, run, wait_until

PREFIX = "sby"


@pytest.fixture
def small():
    """swarm_nodes as a second swarm beside the one of the session: small(command...)"""
    top = pathlib.Path(tempfile.mkdtemp())  # short: engines keep unix sockets below it
    env = {"SIGNALBOX_NODES_ROOT": str(top / "n"), "SIGNALBOX_NODES_PREFIX": PREFIX,
           "SIGNALBOX_NODES_NET": "10.97.0"}

    def call(*argv, **kw):
        return run(SCRIPT, *argv, env=env, **kw)
    call.root = top / "n"
    yield call
    call("down")
    top.rmdir()


def traces(root):
    cgroups = subprocess.run(["find", "/sys/fs/cgroup", "-type", "d", "-name", PREFIX], capture_output=True, text=True,
                             check=False).stdout
    processes = [p for p in os.listdir("/proc") if p.isdigit() and str(root) in command_line(p)]
    mounts = [line for line in pathlib.Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if str(root) in line]
    return {"cgroups": cgroups, "processes": processes, "mounts": mounts, "files": root.exists(),
            "interfaces": sorted(os.listdir("/sys/class/net")), "names": sorted(os.listdir("/run"))}


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def states(small):
    return [n["Status"]["State"] for n in json.loads(
        "[" + ",".join(small("docker", 1, "node", "inspect", *small("docker", 1, "node", "ls", "-q").split(),
                             "--format", "{{json .}}").split("\n")[:-1]) + "]")]


def reaches(small, address):
    """From the client host to the gossip port of a node's engine, which every node of a swarm opens."""
    code = f"import socket; socket.create_connection(('{address}', 7946), 1)"
    try:
        small("net", "client", "/usr/bin/python3", "-c", code)
        return True
    except AssertionError:
        return False


def test_nodes_boot_die_and_are_cut_off_and_nothing_is_left(small):
    before = traces(small.root)
    small("up", "-m", 1, "-w", 1)
    assert states(small).count("ready") == 2
    small("kill-node", 2)
    small("start-node", 2)
    wait_until("both nodes ready after a power loss", 40, lambda: states(small).count("ready") == 2)
    assert reaches(small, "10.97.0.2")
    small("cut", 2)
    assert not reaches(small, "10.97.0.2")
    small("heal", 2)
    wait_until("the healed node", 10, lambda: reaches(small, "10.97.0.2"))
    small("stop-engine", 2)
    small("start-engine", 2)
    wait_until("both nodes ready after the engine's end", 40, lambda: states(small).count("ready") == 2)
    small("down")
    assert traces(small.root) == before


def test_everything_goes_down_when_its_owner_ends(small):
    before = traces(small.root)
    owner = subprocess.Popen(["sleep", "300"])
    small("up", "-m", 1, "-w", 0, "--owner", owner.pid)
    owner.kill()
    owner.wait()
    wait_until("the end of the nodes", 20, lambda: not small.root.exists())
    time.sleep(0.2)
    assert traces(small.root) == before
