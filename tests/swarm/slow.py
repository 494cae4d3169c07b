"""Clients that take their time: downloads that are read slowly, and requests that wait for their answer while
something happens to whoever would give it. Beside the load tool, which hurries."""
import json
import socket
import threading
import time

from nodes import PORTS, note


class Client(threading.Thread):
    """Requests one after the other, each on a connection of its own, until told to stop."""

    def __init__(self, swarm, address, request):
        super().__init__(daemon=True)
        self.swarm, self.address, self.request = swarm, address, request
        self.ending = threading.Event()
        self.done = []  # one dictionary a request
        self.start()

    def connect(self):
        def small():
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)  # what is not read waits in the gateway
            s.settimeout(8)
            s.connect(self.address)
            return s
        return self.swarm.client_net.submit(small).result()

    def run(self):
        while True:
            began = time.monotonic()
            try:
                with self.connect() as s:
                    s.sendall(self.request)
                    result = self.read(s, began)
            except OSError as e:
                result = {"why": f"{type(e).__name__}: {e}"}
            self.done.append({"began": began, "took": time.monotonic() - began, **result})
            if self.ending.wait(0.05 if "why" not in result else 0.5):
                return

    def read(self, s, began):
        raise NotImplementedError


def read_head(s):
    head = b""
    while b"\r\n\r\n" not in head:
        part = s.recv(4096)
        if not part:
            return 0, head
        head += part
    return int(head.split(b" ", 2)[1]), head.partition(b"\r\n\r\n")[2]


class Download(Client):
    """A body of `size` bytes, read evenly over `seconds`."""

    def __init__(self, swarm, address, host, size, seconds, patience=8):
        self.size, self.seconds, self.patience = size, seconds, patience
        super().__init__(swarm, address, f"GET /bytes?n={size} HTTP/1.1\r\nHost: {host}\r\n"
                                         "Connection: close\r\n\r\n".encode())

    def read(self, s, began):
        s.settimeout(self.patience)
        status, rest = read_head(s)
        if status != 200:
            return {"why": f"status {status}: {rest[:80]!r}"}
        have = len(rest)
        while have < self.size:
            ahead = have / self.size * self.seconds - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(ahead)
            part = s.recv(64 << 10)
            if not part:
                return {"why": f"cut after {have} of {self.size} bytes"}
            have += len(part)
        return {"bytes": have}


class Downloads:
    """Some slow downloads at a time through each node, for as long as the body of a `with` takes."""

    def __init__(self, swarm, host, nodes, each=1, size=24 << 20, seconds=6):
        self.clients = [Download(swarm, (swarm.address(n), PORTS["east"]), host, size, seconds)
                        for n in nodes for _ in range(each)]

    def stop(self):
        """The requests, when the last one has ended."""
        for c in self.clients:
            c.ending.set()
        for c in self.clients:
            c.join(40)
            assert not c.is_alive(), "a download hangs"
        done = [d for c in self.clients for d in c.done]
        failed = [d for d in done if "why" in d]
        longest = max((d["took"] for d in done), default=0)
        note(f"{len(done)} slow downloads, {sum(d.get('bytes', 0) for d in done) >> 20} MiB, {len(failed)} failed, "
             f"longest {longest:.1f} s")
        return done, failed


class Held(Client):
    """One request that is answered after `ms`; its end is what the test is about."""

    def __init__(self, swarm, address, host, method="POST", path="/slow?ms=20000"):
        super().__init__(swarm, address, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n"
                                         "Connection: close\r\n\r\n".encode())
        self.ending.set()  # after the one

    def read(self, s, began):
        s.settimeout(30)
        status, rest = read_head(s)
        if status == 0:
            return {"why": "an end without an answer"}
        while part := s.recv(64 << 10):
            rest += part
        return {"status": status, "body": rest[:200].decode(errors="replace")}

    def result(self, seconds=30):
        self.join(seconds)
        assert not self.is_alive(), f"a request hangs for {seconds} s"
        return self.done[0]


def describe(failures, began, events):
    """Failures beside what was done when, for the message of a failed test."""
    rows = [(t, text) for t, text in events] + [(f["began"] - began, f"FAILED slow: {json.dumps(f)}") for f in failures]
    return "\n".join(f"{t:8.2f} s  {text}" for t, text in sorted(rows))
