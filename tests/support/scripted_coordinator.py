#!/usr/bin/env python3
"""A coordinator for tests: serves the stream of one cluster and does what a line on stdin says.

    scripted_coordinator.py PORT|FILE CLUSTER TOKEN [REPORTS_FILE]

With FILE it takes a free port and writes its number there.

Commands, one a line (an answer "ok" comes on stdout for each):
    set KIND NAME JSON      keep a change for the next commit
    delete KIND NAME
    commit                  next revision; sent to every stream
    lie                     as commit, with a wrong digest, sent and then forgotten
    epoch EPOCH             another store
    drop                    close every stream
    requests                answers with the requests so far, as JSON

Resume works as in docs: same epoch and from > 0 gets a delta, everything else a snapshot. Only the
standard library; the digest (LtHash over ChaCha20, gateway/wire/digest.h) is written out here a second
time on purpose, so that a mistake in one of them shows.
"""
import functools
import hashlib
import http.server
import json
import os
import struct
import sys
import threading
import urllib.parse

MASK = 0xFFFFFFFF


def rotl(x, n):
    return ((x << n) | (x >> (32 - n))) & MASK


def quarter(s, a, b, c, d):
    s[a] = (s[a] + s[b]) & MASK
    s[d] = rotl(s[d] ^ s[a], 16)
    s[c] = (s[c] + s[d]) & MASK
    s[b] = rotl(s[b] ^ s[c], 12)
    s[a] = (s[a] + s[b]) & MASK
    s[d] = rotl(s[d] ^ s[a], 8)
    s[c] = (s[c] + s[d]) & MASK
    s[b] = rotl(s[b] ^ s[c], 7)


def chacha20_block(key, counter):
    start = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    start += [counter, 0, 0, 0]
    s = start[:]
    for _ in range(10):
        quarter(s, 0, 4, 8, 12)
        quarter(s, 1, 5, 9, 13)
        quarter(s, 2, 6, 10, 14)
        quarter(s, 3, 7, 11, 15)
        quarter(s, 0, 5, 10, 15)
        quarter(s, 1, 6, 11, 12)
        quarter(s, 2, 7, 8, 13)
        quarter(s, 3, 4, 9, 14)
    return struct.pack("<16I", *((x + y) & MASK for x, y in zip(s, start)))


@functools.lru_cache(maxsize=4096)
def expand(kind, name, value):
    key = hashlib.sha256(f"{kind}\0{name}\0{value}".encode()).digest()
    return struct.unpack("<1024H", b"".join(chacha20_block(key, i) for i in range(32)))


def digest(objects):
    lanes = [0] * 1024
    for (kind, name), value in objects.items():
        lanes = [(a + b) & 0xFFFF for a, b in zip(lanes, expand(kind, name, value))]
    return hashlib.sha256(struct.pack("<1024H", *lanes)).hexdigest()


class Store:
    def __init__(self, cluster):
        self.cluster = cluster
        self.epoch = "1000-first"
        self.revision = 0
        self.objects = {}
        self.changed = {}  # (kind, name) -> revision
        self.pending = {}
        self.changes = threading.Condition()
        self.log = []  # bytes of each commit, for streams that are open
        self.generation = 0  # streams of another generation end
        self.requests = []

    def lines(self, changes):
        for (kind, name), value in changes.items():
            head = '"kind":%s,"name":%s' % (json.dumps(kind), json.dumps(name))
            yield '{"delete":{%s}}' % head if value is None else '{"set":{%s,"value":%s}}' % (head, value)

    def frame_commit(self, wrong=False):
        mark = digest(self.objects)
        if wrong:
            mark = "0" * 64
        return '{"commit":{"revision":%d,"digest":"%s"}}' % (self.revision, mark)

    def commit(self):
        self.revision += 1
        for key, value in self.pending.items():
            self.changed[key] = self.revision
            if value is None:
                self.objects.pop(key, None)
            else:
                self.objects[key] = value
        self.announce([*self.lines(self.pending), self.frame_commit()])

    def lie(self):
        self.revision += 1
        self.announce([*self.lines(self.pending), self.frame_commit(wrong=True)])
        self.revision -= 1

    def announce(self, lines):
        self.pending = {}
        self.log.append(("\n".join(lines) + "\n").encode())
        self.changes.notify_all()

    def opening(self, epoch, since):
        delta = epoch == self.epoch and 0 < since <= self.revision
        hello = {"cluster": self.cluster, "epoch": self.epoch, "revision": self.revision,
                 "mode": "delta" if delta else "snapshot"}
        chosen = dict(self.objects)
        if delta:
            chosen = {k: self.objects.get(k) for k, r in self.changed.items() if r > since}
        lines = ['{"hello":%s}' % json.dumps(hello), *self.lines(chosen), self.frame_commit()]
        return ("\n".join(lines) + "\n").encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = token = reports = None

    def log_message(self, *args):
        pass

    def refuse(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def allowed(self, path):
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            self.refuse(401)
        elif not path.startswith(f"/v1/clusters/{self.store.cluster}/"):
            self.refuse(404)
        else:
            return True
        return False

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        with self.store.changes:
            self.store.requests.append(self.path)
        if not self.allowed(url.path):
            return
        query = dict(urllib.parse.parse_qsl(url.query))
        with self.store.changes:
            data = self.store.opening(query.get("epoch"), int(query.get("from", 0)))
            at, generation = len(self.store.log), self.store.generation
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.chunk(data)
            self.follow(at, generation)
        except OSError:
            pass
        self.close_connection = True

    def follow(self, at, generation):
        while True:
            with self.store.changes:
                self.store.changes.wait_for(
                    lambda: len(self.store.log) > at or self.store.generation != generation, timeout=5)
                if self.store.generation != generation:
                    return
                data, at = b"".join(self.store.log[at:]), len(self.store.log)
                beat = b'{"beat":{"revision":%d}}\n' % self.store.revision
            self.chunk(data or beat)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.allowed(self.path):
            return
        if self.reports:
            with open(self.reports, "ab") as f:
                f.write(self.path.encode() + b" " + body + b"\n")
        self.refuse(204)


def obey(store, line):
    word, *rest = line.split(" ", 3)
    with store.changes:
        if word == "set":
            store.pending[rest[0], rest[1]] = rest[2]
        elif word == "delete":
            store.pending[rest[0], rest[1]] = None
        elif word == "commit":
            store.commit()
        elif word == "lie":
            store.lie()
        elif word == "epoch":
            store.epoch = rest[0]
        elif word == "drop":
            store.generation += 1
            store.changes.notify_all()
        elif word == "requests":
            return json.dumps(store.requests)
        else:
            return f"unknown command {word}"
    return "ok"


def main():
    where, cluster, token = sys.argv[1:4]
    Handler.store, Handler.token = Store(cluster), token
    Handler.reports = sys.argv[4] if len(sys.argv) > 4 else None
    http.server.ThreadingHTTPServer.daemon_threads = True
    http.server.ThreadingHTTPServer.allow_reuse_address = True
    port = int(where) if where.isdigit() else 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if not where.isdigit():
        with open(where + ".new", "w", encoding="ascii") as f:
            f.write(str(server.server_address[1]))
        os.rename(where + ".new", where)
    for line in sys.stdin:
        print(obey(Handler.store, line.rstrip("\n")), flush=True)


if __name__ == "__main__":
    main()
