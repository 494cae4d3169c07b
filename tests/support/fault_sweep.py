"""Sweeps over the calls of a program: run n makes the n-th call of a kind fail, through the shim faults.so. Used by
tests/steady/faults and tests/steady/mishaps."""
import errno
import mmap
import os
import struct
import time

from follower_rig import Wrong

E = errno
LONG = os.environ.get("SIGNALBOX_LONG") == "1"
ORDER = ("malloc", "read", "write", "fsync", "rename", "accept", "connect", "epoll_wait", "epoll_ctl", "open", "socket",
         "truncate")
FOR_EVER = {"write": (E.ENOSPC,), "fsync": (E.EIO,), "rename": (E.EIO,), "open": (E.EMFILE,)}  # of store and follower
SHORT_RUNS = 4  # of one kind and errno


def name_of(number):
    return errno.errorcode[number] if number else "short"


class Faults:
    """The driver's side of faults.so; see struct faults there."""
    HEAD = struct.Struct("<8I")
    COUNTS = struct.Struct(f"<{len(ORDER)}I")

    def __init__(self, scratch, bin_dir):
        self.shim = bin_dir / "support/faults.so"
        self.path = scratch / "faults"
        self.path.write_bytes(bytes(4096))
        self.path.chmod(0o666)
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 4096)

    def env(self):
        return dict(os.environ, LD_PRELOAD=str(self.shim), SIGNALBOX_FAULTS=str(self.path))

    def aim(self, kind=None, error=0, n=0, times=1, pid=0, only=None):
        """From now on calls are counted; the n-th of the kind fails (n 0: none). A disk that is full takes no bytes;
        sockets do, and lack buffers instead."""
        if only is None:
            only = {E.ENOSPC: 1, E.ENOBUFS: 2}.get(error, 0) if kind == "write" else 0
        self.map[0:4] = bytes(4)
        self.COUNTS.pack_into(self.map, self.HEAD.size, *[0] * len(ORDER))
        self.HEAD.pack_into(self.map, 0, 1, pid, ORDER.index(kind or "read"), error, n, times, only, 0)

    def disarm(self):
        self.map[0:4] = bytes(4)

    def fired(self):
        return self.HEAD.unpack_from(self.map)[7]

    def counts(self):
        return dict(zip(ORDER, self.COUNTS.unpack_from(self.map, self.HEAD.size)))


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def sweep(self, title, total, run):
        """run(n) for n = 1..total, or some of them; a word for what came of it."""
        stride = 1 if LONG else max(1, -(-total // SHORT_RUNS))
        seen, wrong, begun = {}, [], time.monotonic()
        for n in range(1 + (stride - 1) // 2, total + 1, stride):
            try:
                word = run(n)
                seen[word] = seen.get(word, 0) + 1
            except Wrong as e:
                wrong.append(f"n={n}: {e}")
                if len(wrong) == 5:
                    break
        told = ", ".join(f"{num} {word}" for word, num in sorted(seen.items()))
        print(f"{title}: n = 1..{total} by {stride}: {told or 'none'} ({time.monotonic() - begun:.1f} s)", flush=True)
        for line in wrong:
            print(f"  WRONG {line}", flush=True)
        self.passed, self.failed = self.passed + (not wrong), self.failed + bool(wrong)


def sweeps(kinds, for_ever=True):
    """(kind, errno, times), each once."""
    for kind, errors in kinds.items():
        for error in errors:
            yield kind, error, 1
        for error in FOR_EVER.get(kind, ()) if for_ever else ():
            yield kind, error, 0


def title_of(what, kind, error, times):
    return f"{what} {kind} {name_of(error)}{'' if times else '+'}"
