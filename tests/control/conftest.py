"""One coordinator for the tests that need nothing of their own; `own` makes one for a test alone."""
import itertools

import pytest
import rig

NAMES = itertools.count(1)


@pytest.fixture(scope="session")
def control(tmp_path_factory):
    assert rig.PROGRAM.exists(), f"{rig.PROGRAM} is missing: build first"
    c = rig.Control(tmp_path_factory.mktemp("control"))
    yield c
    c.stop()


@pytest.fixture
def own(tmp_path):
    made = []

    def make(**kw):
        made.append(rig.Control(tmp_path, **kw))
        return made[-1]

    yield make
    for c in made:
        c.stop()


@pytest.fixture
def tenant(control):
    """A new tenant and its administrator's client."""
    name = f"t{next(NAMES)}"
    control.tenant(name, hosts=[f"*.{name}.example", f"{name}.example"])
    client = control.client("tenant-admin", tenant=name)
    client.name, client.base, client.host = name, f"/v1/tenants/{name}", f"{name}.example"
    client.control = control
    yield client
    client.close()


@pytest.fixture
def route(tenant):
    """A route document of the tenant's, for a host of its own."""
    def make(host=None, cluster="east", pool="web", **more):
        return {"cluster": cluster, "hosts": [host or tenant.host], "forward": [{"pool": pool}], **more}
    return make
