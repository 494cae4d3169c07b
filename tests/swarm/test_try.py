"""The first of the two commands, in a fresh node that has no engine: up, up again, down without a trace."""
import json

import pytest

from nodes import BUILD, PREFIX, SCRIPT, TREE, run

NODE = "9"


def in_node(*argv, check=True, timeout=300):
    return run(SCRIPT, "exec", NODE, *argv, check=check, timeout=timeout)


def traces():
    """What a visitor leaves: processes, interfaces, rules, mounts, directories."""
    return {
        "processes": in_node("ps", "-eo", "comm", "--no-headers").replace("ps\n", ""),
        "interfaces": in_node("sh", "-c", "ip -o link | cut -d : -f 2 | sort"),  # /sys shows the host's
        "rules": in_node("sh", "-c", "iptables-save | grep ^-A | sort; iptables -S FORWARD | head -1"),
        "mounts": in_node("sh", "-c", "cut -d ' ' -f 2 /proc/mounts | sort"),
        "files": in_node("sh", "-c", "ls -d /run/* /etc/docker /opt/* /var/lib/* 2>/dev/null"),
        "cgroups": in_node("sh", "-c", "find /sys/fs/cgroup -type d -path '*docker*'"),
    }


@pytest.fixture
def fresh_node(swarm):
    swarm.nodes("bare", NODE)
    yield
    swarm.nodes("kill-node", NODE)


def deploy_try(swarm, *argv):
    state = swarm.root / f"node{NODE}/try"
    script = in_node("env", f"SIGNALBOX_TRY_STATE={state}", f"SIGNALBOX_TRY_ENGINE_ARGS=--cgroup-parent /{PREFIX}/node{NODE}",
                     f"SIGNALBOX_BUILD={BUILD}", TREE / "deploy/try", *argv, check=False)
    print(script)
    return script


def test_try_shows_everything_and_down_leaves_nothing(swarm, fresh_node):
    before = traces()
    first = deploy_try(swarm)
    assert "Signalbox runs" in first and "requests, 0 failed" in first
    assert "live gateways have commit" in first and "route acme/shop" in first
    again = deploy_try(swarm)
    assert "Signalbox runs" in again and "requests, 0 failed" in again
    service = json.loads(deploy_try(swarm, "api", "/v1/clusters/east/services/signalbox_shop"))
    assert service["cluster"] == "east" and "shop.east.test" in service["hosts"]
    assert "signalbox_shop" in deploy_try(swarm, "cli", "describe", "service", "signalbox_shop")
    gone = deploy_try(swarm, "down")
    assert "FAILED" not in gone
    after = traces()
    for what, text in before.items():
        assert after[what] == text, f"{what} differ after down"
    assert not (swarm.root / f"node{NODE}/try").exists()
    assert "made nothing here" in deploy_try(swarm, "down")
