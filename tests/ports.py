"""Loopback ports for servers that begin later, and for none at all."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator


def _mine() -> Iterator[int]:
    """Give ports of this process of the tests alone.

    They lie below what the system gives out by itself (from 32768 on Linux, from 49152 on macOS) and below what
    macstate chooses (from 20000): else one on which nobody is to listen yet is another test's a moment later.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    yield from (10000 + 2000 * worker + (os.getpid() + each) % 2000 for each in range(2000))


PORTS = _mine()


def free_port() -> int:
    """Give a port on which nobody listens, and that was not given before."""
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError("all ports are given")
