"""Traffic does not need the coordinator."""
import json
import time

from nodes import wait_until
from test_zero_failures import nothing_fails


def stays_away(swarm, seconds):
    """A probe: no coordinator for so long. Swarm may restart a killed task once more behind a scale to 0."""
    since = [time.monotonic()]

    def probe():
        if swarm.container("coordinator", 1) is not None:
            since[0] = time.monotonic()
        return time.monotonic() - since[0] >= seconds

    return probe


def test_a_killed_coordinator_fails_no_request_and_a_gateway_restarts_from_its_journal(swarm):
    swarm.all_applied("east")
    coordinator = swarm.ours("coordinator")
    with nothing_fails(swarm, "shop.east.test", "api.east.test"):
        killed = swarm.kill("coordinator", 1)
        coordinator.scale(0)
        wait_until("absence of the coordinator", 40, stays_away(swarm, 7))  # Swarm restarts after 5 s
    lost = swarm.kill("east-gateway", 2)
    wait_until("another gateway", 30, lambda: swarm.container("east-gateway", 2) not in (None, lost))
    wait_until("service from the journal", 30, lambda: swarm.ask("east", "shop.east.test", node=2, timeout=2)[0] == 200)
    assert swarm.container("coordinator", 1) is None, "the coordinator came back too early to prove it"
    with nothing_fails(swarm, "shop.east.test"):
        coordinator.scale(1)
        wait_until("the coordinator", 30, lambda: swarm.container("coordinator", 1) not in (None, killed))
        seen = swarm.all_applied("east")
    print(json.dumps(seen))


def test_after_its_return_changes_arrive_as_deltas(swarm, scratch):
    swarm.all_applied("east")
    killed = swarm.kill("coordinator", 1)
    wait_until("the coordinator", 30, lambda: swarm.container("coordinator", 1) not in (None, killed))
    scratch("after-loss", {"hosts": "after-loss.east.test", "port": "8080", "service_cluster": "east"})
    for node in (1, 2, 3):
        wait_until(f"the new service on node {node}", 20,
                   lambda: swarm.ask("east", "after-loss.east.test", node=node)[0] == 200)
    swarm.all_applied("east")
    log = swarm.logs(swarm.container("coordinator", 1), 1)
    begins = [line for line in log.splitlines() if "cluster east: stream to gateway" in line]
    assert len(begins) >= 3 and all("begins with a delta" in line for line in begins), "\n".join(begins)
