"""The load tool sees every way in which a request fails, and only those: "0 failed" must mean something."""
import json
import socket
import struct
import subprocess
import threading

import pytest

from nodes import BUILD

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


def reset(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def end(conn):
    conn.close()


def hang(conn):
    try:
        conn.recv(4096)
    except OSError:
        pass


class Server:
    """Answers the first requests of a connection with `answers`, then does `finish`."""

    def __init__(self, answers, finish):
        self.answers, self.finish = answers, finish
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(conn,), daemon=True).start()

    def talk(self, conn):
        try:
            for answer in self.answers or [b""]:
                conn.recv(4096)  # the tool sends a request as one piece
                conn.sendall(answer)
            self.finish(conn)
        except OSError:
            pass


def load(port, *options):
    done = subprocess.run([str(BUILD / "bin/support/load"), "--target", f"127.0.0.1:{port}", "--timeout-ms", "500",
                           "--requests", "4", *options], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("answers, finish, kind", [
    ([], reset, "reset"),
    ([], end, "eof"),
    ([], hang, "timeout"),
    ([GOOD[:-1]], end, "short"),
    ([CHUNKED[:-5]], end, "short"),
    ([GOOD.replace(b"200", b"503")], end, "status"),
    ([b"ICY 200 OK\r\n\r\n"], end, "other"),
    ([GOOD.replace(b"ok", b"no")], end, "body"),
])
@pytest.mark.parametrize("how", [("--keep", "1"), ("--new-rate", "50")])
def test_each_way_to_fail_is_counted_by_its_name(answers, finish, kind, how):
    status, result = load(Server(answers, finish).port, *how, "--expect-body", "ok")
    assert status == 1
    assert result["failed"] == result["requests"] >= 4 and list(result["failures"]) == [kind], result
    assert result["first_failures"][0]["kind"] == kind


def test_refused_connections_are_failures():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    status, result = load(port, "--keep", "1")
    assert status == 1 and list(result["failures"]) == ["refused"]


@pytest.mark.parametrize("answers, finish", [
    ([GOOD], end),  # ends after the answer: before the next request is written
    ([GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")], end),
    ([CHUNKED] * 9, hang),
    ([GOOD] * 9, hang),
])
@pytest.mark.parametrize("how", [("--keep", "1"), ("--new-rate", "50")])
def test_what_a_client_cannot_notice_is_no_failure(answers, finish, how):
    status, result = load(Server(answers, finish).port, *how)
    assert status == 0
    assert result["failed"] == 0 and result["ok"] >= 4, result
