"""The node of the coordinator is powered off. Another manager runs it again, with an empty store: its identity comes from the
Docker secret, its table from Swarm, its epoch is later than the lost one. The swarm is that of test_node_loss.py.

Until the coordinator's task runs elsewhere, the time is Swarm's: three heartbeats that are missed, and where the leading manager
goes too, its successor's election (10 to 20 s) and six heartbeats, which a new leader waits for nodes that it has not heard
yet. What comes after is ours."""
import time

import pytest

from nodes import LONG, note, wait_until
from test_node_loss import (EVERYWHERE, SURVIVORS, away_from, coordinator_node, heartbeat, label_flows, leader,  # noqa: F401
                            nobody_fails, power_off, services, whole)

# With the leader?; a heartbeat (5: Swarm's default); from the loss until a label flows. All in seconds.
CASES = {"alone": (False, 2, 30)}
if LONG:
    CASES |= {"alone_by_default": (False, 5, 30), "with_the_leader": (True, 1, 30), "with_the_leader_by_default": (True, 5, 65)}
OURS = 10  # of these, from the coordinator's task on another node


def epochs(trio):
    """Of each live gateway: (epoch, revision, routes) as it last said."""
    return {g["id"]: (g.get("epoch"), g["applied"], g.get("routes")) for g in trio.gateways("east")["gateways"]
            if g["state"] == "live"}


def forget_store(trio, node):
    """A coordinator may have run there before."""
    old = trio.docker("ps", "-aq", "--filter", "status=exited", "--filter",
                      "label=com.docker.swarm.service.name=signalbox_coordinator", node=node).split()
    if old:
        trio.docker("rm", *old, node=node)
    trio.docker("volume", "rm", "--force", "signalbox-store-1", node=node)
    return True


@pytest.mark.parametrize("case", CASES)
def test_the_coordinator_moves_with_nothing_but_its_identity(trio, services, case):  # noqa: F811
    with_leader, beat, bound = CASES[case]
    lead = wait_until("a leader", 60, lambda: leader(trio))
    away_from(trio, *([n for n in (1, 2, 3) if n != lead] if with_leader else [lead]))
    lost = coordinator_node(trio)
    away_from(trio)
    others = [n for n in (1, 2, 3) if n != lost]
    trio.manager = others[0]
    for node in others:
        wait_until("a node without a store", 20, lambda: forget_store(trio, node))
    whole(trio)
    before = epochs(trio)
    heartbeat(trio, beat)
    time.sleep(5)  # agents learn it with their next heartbeat
    try:
        with nobody_fails(trio, SURVIVORS, EVERYWHERE, nodes=others):
            power_off(trio, lost)
            began = time.monotonic()
            wait_until("the coordinator on another node", 60, lambda: coordinator_node(trio) in others)
            moved = time.monotonic() - began
            label_flows(trio, services["survivors"], "moved", others[1], 60)
            took = time.monotonic() - began
            note(f"the coordinator runs elsewhere {moved:.1f} s after the loss, a label flows after {took:.1f} s: "
                 f"{took - moved:.1f} s are ours")
            assert took < bound
            assert took - moved < OURS
            after = trio.all_applied("east", len(others))
            time.sleep(1)
        assert all(g["refusals"] == [] for g in after["gateways"] if g["connected"]), after
        log = trio.logs(trio.container("coordinator", coordinator_node(trio)), coordinator_node(trio))
        assert "a gateway holds a later table" not in log, f"a report put an old revision into the new epoch:\n{log}"
        old, new = {e for e, _, _ in before.values()}, {e for e, _, _ in epochs(trio).values()}
        assert len(old) == len(new) == 1 and old != new, (old, new)
    finally:
        trio.nodes("start-node", lost)
        wait_until("heartbeats as before", 60, lambda: heartbeat(trio, 2) is None)  # the node's return may cost the leader
    whole(trio)
