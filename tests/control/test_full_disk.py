"""A store that cannot grow: writes say so, reads and streams go on, and when there is room again nothing is lost."""
import os
import subprocess

import pytest
import rig


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(path):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with rig.contextlib.suppress(OSError):
        while True:
            os.write(fd, b"x" * 1024)
    os.close(fd)


def test_a_full_disk_answers_507_and_reads_go_on(own, small_disk):
    control = own(store=small_disk / "store.db")
    operator = control.operator
    made = operator.made("/v1/tenants/default/pools/web", {"cluster": "east"})
    fill(small_disk / "filler")
    refused = rig.eventually("the disk is full", lambda: (a := operator.put(
        "/v1/tenants/default/pools/more", {"cluster": "east", "metadata": {"labels": {"x": "y" * 60}}})).status >= 500 and a)
    assert refused.status == 507 and refused.json["code"] == "StoreFull" and "space" in refused.json["detail"], refused
    assert operator.get("/v1/tenants/default/pools/web").etag == made.etag
    assert operator.get("/v1/tenants/default/pools").json["total"] >= 1
    assert operator.get("/v1/commits").status == 200
    count = operator.get("/v1/tenants/default/pools").json["total"]
    os.unlink(small_disk / "filler")
    taken = rig.eventually("there is room again", lambda: (a := operator.put(
        "/v1/tenants/default/pools/after", {"cluster": "east"})).status == 201 and a)
    assert taken.commit > made.commit
    assert operator.get("/v1/tenants/default/pools").json["total"] == count + 1
