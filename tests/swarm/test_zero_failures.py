"""What an application does all day costs no request: scale, new version, new label."""
import contextlib
import time

from nodes import wait_until


@contextlib.contextmanager
def nothing_fails(swarm, *hosts, **options):
    load = swarm.load("east", *hosts, **options)
    try:
        time.sleep(1)
        yield
        time.sleep(1)
    finally:
        result = load.stop()
    assert result["requests"] > 100, "too few requests to prove anything"
    assert result["failed"] == 0, result


def instances(swarm, host):
    return len({swarm.ask("east", host)[1].split('"')[3] for _ in range(12)})


def test_scale_up_and_down_fail_no_request(swarm):
    shop = swarm.ours("shop")
    with nothing_fails(swarm, "shop.east.test", "api.east.test"):
        shop.scale(4)
        wait_until("four instances", 30, lambda: instances(swarm, "shop.east.test") == 4)
        shop.scale(1)
        wait_until("one instance", 30, lambda: instances(swarm, "shop.east.test") == 1)
        # The tasks that go are told so about 3 s before they get SIGTERM, and then serve 2 s more.
        wait_until("the end of the others", 30, lambda: all_gone(swarm, 1))


def all_gone(swarm, left):
    return sum(len(swarm.docker("ps", "-q", "--filter", "label=com.docker.swarm.service.name=signalbox_shop",
                                node=n).split()) for n in (1, 2, 3)) == left


def test_a_new_image_start_first_fails_no_request(swarm, scratch):
    service = scratch("versions", {"hosts": "versions.east.test", "port": "8080", "service_cluster": "east"}, replicas=2)
    wait_until("two instances", 30, lambda: instances(swarm, "versions.east.test") == 2)
    with nothing_fails(swarm, "versions.east.test"):
        def change(spec):
            spec["TaskTemplate"]["ContainerSpec"]["Image"] = swarm.images["second_sample"]
        service.update(change)
        service.wait_updated(60)


def test_a_changed_label_fails_no_request(swarm, scratch):
    service = scratch("labels", {"hosts": "labels.east.test", "port": "8080", "service_cluster": "east"})
    wait_until("the service", 20, lambda: swarm.ask("east", "labels.east.test")[0] == 200)
    with nothing_fails(swarm, "labels.east.test", "shop.east.test"):
        for i in range(6):
            service.label(hosts=f"labels.east.test,more-{i}.east.test")
            wait_until("the added name", 5, lambda: swarm.ask("east", f"more-{i}.east.test")[0] == 200)
