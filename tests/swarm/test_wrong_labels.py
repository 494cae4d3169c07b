"""A service with wrong labels hurts itself only, and the API says what is wrong."""
import base64

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


def test_a_secret_that_a_label_names_is_missing_until_swarm_has_it(swarm, scratch):
    scratch("wants-secret", {"hosts": "wants-secret.east.test", "ssl_cert": "late-cert", **GOOD})
    wait_until("it is told that the secret is missing", 10, lambda: missing(swarm, "wants-secret") == ["late-cert"])
    payload = b"nobody but a container sees this"
    made = swarm.engine("POST", "/secrets/create", {"Name": "late-cert", "Labels": {"stage": "test"},
                                                    "Data": base64.b64encode(payload).decode()})
    try:
        wait_until("it is told no more", 2, lambda: missing(swarm, "wants-secret") == [])
        shown = {s["secret"]: s for s in swarm.api("/v1/secrets")["secrets"]}
        assert shown["late-cert"]["id"] == made["ID"] and shown["late-cert"]["labels"] == {"stage": "test"}, shown
        assert "signalbox-identity" in shown and payload.decode() not in str(shown)
    finally:
        swarm.engine("DELETE", f"/secrets/{made['ID']}")
    wait_until("it is missing again", 2, lambda: missing(swarm, "wants-secret") == ["late-cert"])


def missing(swarm, name):
    try:
        seen = swarm.api(f"/v1/clusters/east/services/{name}")
    except ValueError:  # not seen yet
        return None
    return [c["value"] for c in seen["conditions"] if c["reason"] == "SecretMissing"]
