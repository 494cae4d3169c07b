"""A follower between two ends that a test controls: a proxy that checks what it is given, and a scripted coordinator
whose every table is known. Used by tests/steady."""
import contextlib
import http.server
import json
import signal
import socket
import subprocess
import threading
import time

import scripted_coordinator


class Wrong(Exception):
    """Something that must hold does not."""


class Proxy:
    """What the follower talks to: takes frames, keeps the table, acknowledges."""

    def __init__(self, history):
        self.history = history  # revision -> objects
        self.sock, self.theirs = socket.socketpair()
        self.sock.settimeout(0.02)
        self.rest, self.table, self.pending = b"", None, {}
        self.revision, self.before, self.status, self.snapshot = 0, 0, None, False

    def frame(self, line):
        (word, body), = json.loads(line).items()
        if word == "hello":
            self.pending, self.snapshot = {}, body["mode"] == "snapshot"
        elif word == "set":
            at = line.index('"value":') + 8
            self.pending[body["kind"], body["name"]] = line[at:-2]
        elif word == "delete":
            self.pending[body["kind"], body["name"]] = None
        elif word == "status":
            self.status = body
        elif word == "commit":
            self.commit(body["revision"])

    def commit(self, revision):
        base = {} if self.snapshot or self.table is None else dict(self.table)
        self.snapshot = False
        base.update(self.pending)
        self.table = {k: v for k, v in base.items() if v is not None}
        self.pending, self.before, self.revision = {}, self.revision, revision
        if self.table != self.history.get(revision):
            raise Wrong(f"the proxy was given a table that is not revision {revision}: {self.table}")
        with contextlib.suppress(OSError):
            self.sock.sendall(b'{"ack":{"revision":%d}}\n' % revision)

    def pump(self):
        """False: the follower is gone."""
        try:
            data = self.sock.recv(1 << 16)
        except TimeoutError:
            return True
        except OSError:
            return False
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.frame(line.decode())
        return bool(data)

    def close(self):
        self.sock.close()
        self.theirs.close()


class Feed:
    """A scripted coordinator with the same history for each run, and a follower on it."""
    VALUE = '{"tenant":"","protocol":"http1","balance":"round_robin"}'

    def __init__(self, bin_dir, scratch):
        self.bin, self.scratch, self.state = bin_dir, scratch, scratch / "state"
        self.history, self.proxy, self.process, self.lift = {}, None, None, None
        (scratch / "token").write_text("secret\n")
        scripted_coordinator.Handler.token = "secret"
        self.reset()
        http.server.ThreadingHTTPServer.daemon_threads = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), scripted_coordinator.Handler)
        self.server.handle_error = lambda *args: None  # followers that break off
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def reset(self):
        """Three commits are there before the follower comes."""
        old = scripted_coordinator.Handler.store
        if old:
            with old.changes:
                old.generation += 1
                old.changes.notify_all()
        self.store = scripted_coordinator.Handler.store = scripted_coordinator.Store("east")
        for _ in range(3):
            self.commit()

    def commit(self):
        s = self.store
        with s.changes:
            n = s.revision + 1
            s.pending["pool", f"p{n}"] = self.VALUE
            s.pending["endpoints", f"p{n % 2}"] = '{"endpoints":[{"address":"10.0.0.%d","port":80}]}' % n
            if n % 3 == 0:
                s.pending["pool", f"p{n - 1}"] = None
            s.commit()
            self.history[n] = dict(s.objects)

    def start(self, env=None, coordinator=True):
        port = self.server.server_address[1] if coordinator else 9
        self.proxy = Proxy(self.history)
        fd = self.proxy.theirs.fileno()
        self.log = open(self.scratch / "follower.log", "wb")
        self.process = subprocess.Popen(
            [self.bin / "signalbox-follower", "--frames-fd", str(fd), "--coordinator", f"http://127.0.0.1:{port}", "--cluster",
             "east", "--token-file", self.scratch / "token", "--state", self.state, "--id", "g1", "--node", "n1"],
            pass_fds=[fd], env=env, stderr=self.log)
        self.proxy.theirs.close()

    def until(self, what, probe, seconds=12):
        """False: it ended. A follower that does neither in time hangs. A fault for ever ends after a second."""
        begun = time.monotonic()
        end = begun + seconds
        while not probe():
            if self.lift and time.monotonic() > begun + 1:
                self.lift()
            if not self.proxy.pump():
                return False
            if time.monotonic() > end:
                self.process.kill()
                self.process.wait()
                raise Wrong(f"it hangs: {what}; {self.tail()}")
        return True

    def tail(self):
        return " | ".join((self.scratch / "follower.log").read_text().splitlines()[-3:])

    def stop(self, going=False):
        """As the parent does it: SIGTERM, and SIGKILL to who does not hear (libevent tells itself of a signal with a
        write, which may be the one that fails)."""
        try:
            for number in (0 if going else signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
                if self.process.poll() is None:
                    self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    code = self.process.wait(1)
                    while self.proxy.pump():
                        pass  # its last words
                    return code
            raise Wrong("it does not die")
        finally:
            self.proxy.close()
            self.log.close()

    def follow(self, env):
        """Start, catch up to 3, then commits 4 and 5, each after the last has arrived. Its exit status."""
        self.start(env)
        alive = True
        while alive and self.proxy.revision < 5:
            at = self.store.revision
            alive = self.until(f"revision {at}", lambda: self.proxy.revision >= at)
            if alive and at < 5:
                self.commit()
        return self.stop(going=not alive)

    def kept(self):
        """The revision that a start without the coordinator serves; 0: none."""
        self.start(coordinator=False)
        if not self.until("its first status", lambda: self.proxy.status is not None):
            raise Wrong(f"it does not start again: {self.tail()}")
        revision, complaint = self.proxy.revision, self.proxy.status["complaint"]
        if revision and not self.proxy.status["stale"]:
            raise Wrong("a table from the journal is not shown as stale")
        if self.stop() != 0:
            raise Wrong("the clean start did not end well")
        return revision, complaint
