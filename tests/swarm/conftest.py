"""Fixtures of the swarm tests: a swarm of 1 manager and 2 workers a session with deploy/stack.yml on it, another of
3 managers and a worker for the tests that lose nodes, and a report of every log when a test fails. KEEP_SWARM=1 leaves the swarm up after a run."""
import os
import shutil

import pytest

import nodes

PROGRAMS = ("signalbox-coordinator", "signalbox-gateway", "signalbox-follower", "signalbox-doorman",
            "support/origin", "support/load", "support/doorman_probe")
SUMMARY = []  # "test: figure"


def up_and_down(cluster, tmp_path_factory):
    assert os.geteuid() == 0, "the swarm tests make namespaces and run Docker engines: they need root"
    for program in PROGRAMS:
        assert (nodes.BUILD / "bin" / program).exists(), f"{nodes.BUILD}/bin/{program} is missing: build first"
    for tool in ("dockerd", "docker", "ip", "unshare", "nsenter", "curl", "setcap", "iptables"):
        assert shutil.which(tool), f"{tool} is missing: deploy/packages.sh lists the packages"
    cluster.take_turn()
    try:
        cluster.up(tmp_path_factory.mktemp("swarm"))
    except BaseException:
        if cluster.root.exists():
            for title, text in cluster.report():
                print(f"---- {title}\n{text}")
        if not os.environ.get("KEEP_SWARM"):
            cluster.down()
        raise
    yield cluster
    if not os.environ.get("KEEP_SWARM"):
        cluster.down()


@pytest.fixture(scope="session")
def swarm(tmp_path_factory):
    yield from up_and_down(nodes.Swarm(), tmp_path_factory)


@pytest.fixture(scope="session")
def trio(tmp_path_factory):
    """Nodes 1, 2, 3 are managers with gateways, node 4 is a worker without: what the loss of nodes needs."""
    yield from up_and_down(nodes.Swarm("-m", managers=3, workers=1, net="10.96.0"), tmp_path_factory)


def pytest_collection_modifyitems(items):
    """The tests of the second swarm come last and together: the two are up at once for as short as can be."""
    items.sort(key=lambda item: "trio" in getattr(item, "fixturenames", ()))


@pytest.fixture
def scratch(swarm):
    """create(name, labels, ...) as Swarm.create; what was created is gone after the test."""
    made = []

    def create(name, labels, **kw):
        service = swarm.create(name, labels, **kw)
        made.append(service)
        return service
    yield create
    for service in made:
        service.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    used = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed:
        for name in used.keys() & {"swarm", "trio"}:
            report.sections += used[name].report()


def pytest_runtest_logreport(report):
    if report.when == "call":
        name = report.nodeid.rpartition("::")[2]
        for text in nodes.FIGURES[:]:
            SUMMARY.append(f"{name}: {text}")
        nodes.FIGURES.clear()


def pytest_terminal_summary(terminalreporter):
    if SUMMARY:
        terminalreporter.section("figures")
        for line in SUMMARY:
            terminalreporter.write_line(line)
