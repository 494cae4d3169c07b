"""Two service clusters on the same nodes know nothing of each other."""
from nodes import wait_until


def test_each_cluster_serves_its_own_hosts_and_503s_the_others(swarm):
    for node in (1, 2, 3):
        for cluster, host, want in (("east", "shop.east.test", 200), ("east", "api.east.test", 200),
                                    ("west", "shop.west.test", 200), ("east", "shop.west.test", 503),
                                    ("west", "shop.east.test", 503), ("west", "api.east.test", 503),
                                    ("east", "nobody.test", 503)):
            status, body = swarm.ask(cluster, host, node=node)
            assert status == want, f"{cluster} on node {node} for {host}: {status} {body}"


def test_scaling_an_east_service_leaves_the_revision_of_west_untouched(swarm):
    shop = swarm.ours("shop")
    before = {c: swarm.all_applied(c)["revision"] for c in ("east", "west")}
    shop.scale(3)
    wait_until("three instances through east", 30,
               lambda: len({swarm.ask("east", "shop.east.test")[1].split('"')[3] for _ in range(9)}) == 3)
    shop.scale(1)
    shop.wait_running(1)
    wait_until("one instance through east", 30,
               lambda: len({swarm.ask("east", "shop.east.test")[1].split('"')[3] for _ in range(9)}) == 1)
    after = {c: swarm.all_applied(c)["revision"] for c in ("east", "west")}
    assert after["east"] > before["east"]
    assert after["west"] == before["west"]
