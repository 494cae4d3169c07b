"""A service with wrong labels hurts itself only, and the API says what is wrong."""
import pytest

from nodes import note, wait_until
from test_zero_failures import nothing_fails

GOOD = {"port": "8080", "service_cluster": "east"}
WRONG = {
    "wrong-port": ({"hosts": "wrong-port.east.test", "port": "abc", "service_cluster": "east"}, "abc"),
    "no-port": ({"hosts": "no-port.east.test", "service_cluster": "east"}, "port"),
    "long-host": ({"hosts": "x" * 10240, **GOOD}, "host"),
    "line-host": ({"hosts": "line.east.test\nX-Evil: 1", **GOOD}, "host"),
    "wrong-network": ({"hosts": "wrong-network.east.test", "network": "no-such-net", **GOOD}, "no-such-net"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_labels_hurt_neither_neighbours_nor_the_next_update(swarm, scratch, name):
    labels, word = WRONG[name]
    networks = ("east-apps", "west-apps") if name == "wrong-network" else ("east-apps",)
    with nothing_fails(swarm, "shop.east.test", "api.east.test"):
        wrong = scratch(name, labels, networks=networks)
        wrong.wait_running(1)
        seen = wait_until("the refusal in the API", 10, lambda: refusal(swarm, name))
        neighbour = scratch(f"{name}-next", {"hosts": f"{name}-next.east.test", **GOOD})
        wait_until("the next service", 20, lambda: swarm.ask("east", f"{name}-next.east.test")[0] == 200)
        neighbour.label(hosts=f"{name}-later.east.test")
        wait_until("the next update", 2, lambda: swarm.ask("east", f"{name}-later.east.test")[0] == 200)
    note(f"{name}: {seen['reason']}: {seen['message']}")
    assert word in (seen["message"] + seen.get("label", "") + seen.get("value", "")), seen
    assert "\n" not in seen["message"]
    wrong.label(hosts=f"{name}-mended.east.test", port="8080", network="east-apps")
    wait_until("the mended service", 10, lambda: swarm.ask("east", f"{name}-mended.east.test")[0] == 200)


def refusal(swarm, name):
    accepted = swarm.conditions("east", name).get("Accepted")
    return accepted if accepted and accepted["status"] == "False" else None
