"""The coordinator whose store is full, locked, damaged, in the way: it says so, streams go on from memory, and it
goes on by itself when the cause is gone. As a process against a scripted Docker API (test_stream.py)."""
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from test_hold import cluster, not_ready, reported
from test_stream import PROGRAM, Stream, coordinator, eventually, labels, running  # noqa: F401 (two are fixtures)


def fails(coordinator, code):  # noqa: F811
    return eventually(code, lambda: (w := not_ready(coordinator)) and w["code"] == code and w)


def logged(coordinator):  # noqa: F811
    return (coordinator.scratch / "log").read_text()


@pytest.fixture
def small(coordinator):  # noqa: F811
    """The store's folder is a file system of one megabyte."""
    folder = coordinator.scratch / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    coordinator.store = folder / "store.db"
    coordinator.service("shop", labels("shop.east.test"))
    coordinator.start_docker()
    coordinator.start()
    eventually("ready", coordinator.ready)
    yield coordinator
    if coordinator.process:
        coordinator.end(signal.SIGKILL)
    subprocess.run(["umount", "-l", folder], check=True)


def fill(coordinator):  # noqa: F811
    filler = coordinator.store.parent / "filler"
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
    return filler


def test_a_full_disk_stops_commits_and_nothing_else_until_there_is_room(small):
    stream = Stream(small)
    stream.commit()
    filler = fill(small)
    small.service("api", labels("api.east.test"))
    why = fails(small, "StoreFull")
    assert "free space" in why["detail"] and str(small.store) in why["detail"]
    fresh = Stream(small)
    fresh.commit()
    assert fresh.objects == stream.objects, "streams go on from memory, with what was committed"
    reported(small, "g1", 1)
    assert small.get("/livez", token="")[0] == 200
    seen = logged(small)
    assert seen.count("the store does not take the commit") == 1, "said once, not each second"
    filler.unlink()
    stream.commit()
    assert ("route", "api") in stream.objects
    eventually("ready", small.ready)
    acknowledged = stream.revision
    small.end(signal.SIGKILL)
    small.start()
    eventually("ready", small.ready)
    assert cluster(small)["revision"] == acknowledged
    for s in (stream, fresh):
        s.close()


def test_it_starts_on_a_full_disk_and_serves_what_the_store_has(small):
    stream = Stream(small)
    stream.commit()
    small.end()
    filler = fill(small)
    small.start()
    again = Stream(small)
    again.commit()
    assert again.objects == stream.objects and again.revision == stream.revision
    small.service("api", labels("api.east.test"))
    fails(small, "StoreFull")
    filler.unlink()
    again.commit()
    assert ("route", "api") in again.objects
    for s in (stream, again):
        s.close()


def test_a_store_on_a_read_only_file_system_is_waited_for(small):
    stream = Stream(small)
    stream.commit()
    small.end()
    subprocess.run(["mount", "-o", "remount,ro", small.store.parent], check=True)
    small.start()
    assert "chown, remount" in fails(small, "StoreReadOnly")["detail"]
    refused = Stream(small)
    assert refused.reply.status == 503
    subprocess.run(["mount", "-o", "remount,rw", small.store.parent], check=True)
    eventually("ready", small.ready)
    again = Stream(small)
    again.commit()
    assert again.objects == stream.objects
    for s in (stream, refused, again):
        s.close()


def test_a_shell_that_locks_the_store_is_waited_for(running):  # noqa: F811
    epoch = cluster(running)["epoch"]
    running.end()
    shell = sqlite3.connect(running.store)
    shell.execute("BEGIN EXCLUSIVE")
    begin = time.monotonic()
    running.start()
    assert time.monotonic() - begin < 3
    assert "fuser -v" in fails(running, "StoreLocked")["detail"]
    for _ in range(20):
        assert running.get("/livez", token="")[0] == 200
        time.sleep(0.1)
    assert logged(running).count("the store cannot be opened") == 1
    shell.rollback()
    shell.close()
    eventually("ready", running.ready)
    assert cluster(running)["epoch"] == epoch


def test_a_shell_that_reads_keeps_nobody_from_committing(running):  # noqa: F811
    shell = sqlite3.connect(running.store, timeout=0, isolation_level=None)
    shell.execute("BEGIN")
    before = shell.execute("SELECT max(number) FROM commits").fetchone()
    running.service("api", labels("api.east.test"))
    stream = Stream(running)
    while ("route", "api") not in stream.objects:
        stream.commit()
    assert shell.execute("SELECT max(number) FROM commits").fetchone() == before
    shell.close()
    stream.close()


def contents(running):
    """All files of the store but the -shm, which is a cache."""
    return {p.name: p.read_bytes() for p in running.scratch.glob("store.db*") if not p.name.endswith("-shm")}


@pytest.mark.parametrize("damage", ["header", "cut", "emptied"])
def test_a_damaged_store_is_left_alone_and_can_be_moved_away(running, damage):  # noqa: F811
    """What the sentence says to type is done beside the running program; the table is then Swarm's."""
    stream = Stream(running)
    stream.commit()
    running.end(signal.SIGKILL if damage == "emptied" else signal.SIGTERM)
    if damage == "header":
        with open(running.store, "r+b") as f:
            f.write(b"\xa5" * 100)
    else:
        os.truncate(running.store, 0 if damage == "emptied" else running.store.stat().st_size // 2)
    before = contents(running)
    running.start(hold=damage == "header")
    assert "Restore a backup" in fails(running, "StoreCorrupt")["detail"]
    refused = Stream(running, query="?gateway=g1")
    assert refused.reply.status == 503
    time.sleep(1.5)
    assert contents(running) == before, "it is not touched"
    reported(running, "g1", 1, stream.hello["epoch"])
    for p in running.scratch.glob("store.db*"):
        shutil.move(p, running.scratch / f"damaged-{p.name}")
    eventually("ready", running.ready, timeout=20)
    again = Stream(running, query=f"?epoch={stream.hello['epoch']}&from={stream.revision}&gateway=g1")
    again.commit()
    assert again.hello["mode"] == "snapshot" and again.hello["epoch"] > stream.hello["epoch"]
    assert again.objects == stream.objects
    for s in (stream, refused, again):
        s.close()


@pytest.mark.parametrize("make, says", [
    ("newer", "run the newer program again"), ("foreign", "some other program"), ("folder", "is a folder"),
    ("nowhere", "make it, or mount the volume")])
def test_what_only_an_operator_can_mean_ends_the_program(coordinator, make, says):  # noqa: F811
    if make == "folder":
        coordinator.store.mkdir()
    elif make == "nowhere":
        coordinator.store = coordinator.scratch / "no" / "store.db"
    elif make == "foreign":
        sqlite3.connect(coordinator.store).execute("CREATE TABLE precious (x)").connection.close()
    else:
        coordinator.start_docker()
        coordinator.start()
        eventually("ready", coordinator.ready)
        coordinator.end()
        shell = sqlite3.connect(coordinator.store)
        shell.execute("PRAGMA user_version = 999")
        shell.close()
    seen = subprocess.run([PROGRAM, "--store", coordinator.store, "--identity", coordinator.identity, "--cluster",
                           "east", "--stream", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=10)
    assert seen.returncode != 0 and says in seen.stderr, seen.stderr
