"""Ports for servers: below the range that outgoing connections use, each handed out once a process."""

import itertools
import os
import socket

_FIRST, _COUNT = 12000, 20000
_next = itertools.count((os.getpid() * 97) % _COUNT)


def free_port():
    while True:
        port = _FIRST + next(_next) % _COUNT
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
