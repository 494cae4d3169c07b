"""Ports for the programs that a test starts. They lie below the ephemeral ones, which the outgoing connection of any
other test may take between the choice and the bind."""
import os
import socket
import threading

FIRST, LAST = 12000, 29999

lock = threading.Lock()
tried = os.getpid() * 37  # each run begins elsewhere


def free_port():
    """A port of 127.0.0.1 that nobody listens on; this process is given each one once in 18,000."""
    global tried
    with lock:
        for _ in range(LAST - FIRST + 1):
            tried += 1
            port = FIRST + tried % (LAST - FIRST + 1)
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return port
    raise OSError("all ports are taken")
