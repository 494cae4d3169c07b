"""The fleet itself is changed, updated and killed; clients do not notice. When there is no gateway, they are
refused, not hung."""
import time

from nodes import CLIENT, LONG, note, wait_until
from test_zero_failures import nothing_fails

SEES_CLIENT = f'"x-forwarded-for":"{CLIENT}"'
DOORMAN_UPDATES = 100 if LONG else 10
DOORMAN_KILLS = 50 if LONG else 5


def test_a_network_added_to_the_gateways_fails_no_request_and_keeps_client_addresses(swarm):
    swarm.docker("network", "create", "-d", "overlay", "extra")
    gateway = swarm.ours("east-gateway")
    before = {t["ID"] for t in gateway.wait_running(3)}
    extra = swarm.engine("GET", "/networks/extra")["Id"]
    try:
        with nothing_fails(swarm, "shop.east.test", "api.east.test", expect_body=SEES_CLIENT):
            gateway.update(lambda spec: spec["TaskTemplate"]["Networks"].append({"Target": extra}))
            gateway.wait_updated(150)
        assert not before & {t["ID"] for t in gateway.wait_running(3)}, "the gateways were not replaced"
    finally:
        with nothing_fails(swarm, "shop.east.test"):
            gateway.update(lambda spec: spec["TaskTemplate"].update(
                Networks=[n for n in spec["TaskTemplate"]["Networks"] if n["Target"] != extra]))
            gateway.wait_updated(150)
        wait_until("removal of the network", 20, lambda: swarm.docker("network", "rm", "extra", check=False))


def test_ten_updates_of_the_doorman_refuse_and_reset_nobody(swarm):
    doorman = swarm.ours("east-doorman")

    def all_nodes_at_once(spec):
        spec["UpdateConfig"].update(Parallelism=0, Monitor=200_000_000)
    doorman.update(all_nodes_at_once)
    with nothing_fails(swarm, "shop.east.test", keep=0, new_rate=100):
        for _ in range(DOORMAN_UPDATES):
            before = {t["ID"] for t in doorman.wait_running(3)}
            doorman.force()
            wait_until("new doormen on all nodes", 30,
                       lambda: len({t["ID"] for t in doorman.tasks()} - before) == 3)


def test_five_kills_of_the_doorman_refuse_and_reset_nobody(swarm):
    with nothing_fails(swarm, "shop.east.test", keep=2, new_rate=100):
        for i in range(DOORMAN_KILLS):
            node = i % 3 + 1
            killed = swarm.kill("east-doorman", node)
            wait_until("another doorman", 30, lambda: swarm.container("east-doorman", node) not in (None, killed))
            time.sleep(1)


def attempt(swarm, node):
    """How one new connection fares: 'answered', 'refused', 'reset' or 'hung' after 1 s."""
    try:
        return "answered" if swarm.ask("east", "shop.east.test", node=node, timeout=1)[0] else ""
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return "reset"
    except TimeoutError:
        return "hung"
    except OSError as e:
        return repr(e)


def test_without_a_gateway_a_node_refuses_within_six_seconds_and_serves_again(swarm):
    node = 3
    gateway = swarm.ours("east-gateway")
    elsewhere = "node.hostname != " + swarm.docker("node", "inspect", swarm.node_ids()[node], "--format",
                                                   "{{.Description.Hostname}}").strip()
    gateway.update(lambda spec: spec["TaskTemplate"]["Placement"]["Constraints"].append(elsewhere))
    try:
        wait_until("end of the gateway", 40, lambda: swarm.container("east-gateway", node) is None)
        gone = time.monotonic()
        wait_until("refusal", 8, lambda: attempt(swarm, node) == "refused", every=0.05)
        took = time.monotonic() - gone
        note(f"refused {took:.1f} s after the last gateway ended")
        assert took < 6
        assert {attempt(swarm, node) for _ in range(10)} == {"refused"}
        assert attempt(swarm, 1) == "answered", "other nodes have nothing to do with it"
    finally:
        gateway.update(lambda spec: spec["TaskTemplate"]["Placement"]["Constraints"].remove(elsewhere))
    wait_until("service on the node again", 40, lambda: attempt(swarm, node) == "answered")
    assert {attempt(swarm, node) for _ in range(20)} == {"answered"}
    gateway.wait_running(3)


def test_a_gateway_without_a_table_takes_no_shard_and_replaces_nobody(swarm):
    gateway = swarm.ours("east-gateway")
    good = gateway.get()["Spec"]["TaskTemplate"]["ContainerSpec"]["Args"]
    # Nobody answers at that address, and without --state there is no journal to begin from.
    bad = ["--coordinator=http://127.0.0.1:9" if a.startswith("--coordinator") else a for a in good]
    bad = [a for a in bad if not a.startswith("--state")]
    before = {t["ID"] for t in gateway.wait_running(3)}

    def set_args(args):
        return lambda spec: spec["TaskTemplate"]["ContainerSpec"].update(Args=args)
    with nothing_fails(swarm, "shop.east.test"):
        gateway.update(set_args(bad))
        wait_until("a gateway that starts without a table", 20, lambda: gateway.tasks("starting"))
        time.sleep(8)
        assert before <= {t["ID"] for t in gateway.tasks()}, "a gateway was replaced by one that cannot serve"
        assert gateway.get()["UpdateStatus"]["State"] == "updating"
        gateway.update(set_args(good))
        wait_until("three gateways again", 60, lambda: len(gateway.tasks()) == 3 and not gateway.tasks("starting"))
        gateway.wait_updated(90)
    swarm.all_applied("east")
