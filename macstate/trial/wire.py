"""One HTTPS request to one address, link by link, bounded in time and bytes.

With the standard library's own client: what lies above it connects, speaks TLS and asks in one call, looks the name up
itself, and follows proxies and redirects.
"""

from __future__ import annotations

import io
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from macstate import hint
from macstate.errors import MacstateError
from macstate.gateway.pages import HTTPS
from macstate.transport.ssh import tailnet
from macstate.trial.door import BrokenError, Door, UnaskedError

CONNECT = 10
"""Seconds for a TCP connection."""
HANDSHAKE = 30
"""Seconds for TLS: the first one may wait for a certificate."""
MOST = 2_000_000
"""Bytes of an answer."""
LOST = (OSError, HTTPException)
"""How a connection ends that says no more."""


class TooLargeError(Exception):
    """An answer that has no end."""


class Wire(io.RawIOBase):
    """What comes by a connection, until a moment."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.connection, self.deadline, self.count = connection, deadline, 0
        self.begun = time.monotonic()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there.

        Raises:
            TimeoutError: nothing was, until the deadline.
            TooMuchError: it was more than any answer.
        """
        self._bound()
        try:
            count = self.connection.recv_into(buffer)
        except OSError:
            if time.monotonic() >= self.deadline:
                raise TimeoutError from None
            raise
        self.count += count
        if self.count > MOST:
            raise TooLargeError
        return count

    def _bound(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)

    # what http.client wants of a socket

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._bound()
        self.connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what reads from it."""
        return io.BufferedReader(self)


class Connection(HTTPConnection):
    """A connection that is there already; closing it is its maker's business, for the answer is read from it still."""

    default_port = HTTPS

    def close(self) -> None:
        """Leave it open."""


@contextmanager
def asked(
    door: Door, path: str, body: dict[str, Any] | None = None, *, patience: float
) -> Iterator[tuple[HTTPResponse, Wire]]:
    """Ask for a path below a door, and give the answer's head, and what the rest of it comes by.

    Raises:
        BrokenError: a link before the server is broken.
        UnaskedError: this laptop's network leads not even to Funnel's ingress.
        OSError, HTTPException: the answer is none; a TimeoutError: it has not come in ``patience`` seconds.
    """
    headers = {"User-Agent": "macstate", "Accept": "*/*"}
    if door.key:
        headers["Authorization"] = f"Bearer {door.key.reveal()}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection = _connected(door)
    try:
        wire, way = Wire(connection, time.monotonic() + patience), Connection(door.name, door.port)
        way.sock = wire  # all that it uses of one
        content = json.dumps(body).encode() if body is not None else None
        way.request("GET" if body is None else "POST", f"{door.mount}{path}", content, headers)
        yield way.getresponse(), wire
    finally:
        connection.close()


def _connected(door: Door) -> ssl.SSLSocket:
    raw = socket.socket(socket.AF_INET6 if ":" in door.address else socket.AF_INET)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # 40 ms of what is measured
        raw.settimeout(CONNECT)
        raw.connect((door.address, door.port))
    except OSError as error:
        raw.close()
        if door.public:
            said = f"Funnel's ingress ({door.address}, port {door.port}) does not answer this laptop ({_why(error)})"
            raise UnaskedError(f"{said}: does its network let that port out?") from None
        raise _nobody(door, error, connected=False) from None
    try:
        raw.settimeout(HANDSHAKE)
        return ssl.create_default_context().wrap_socket(raw, server_hostname=door.name)
    except ssl.SSLCertVerificationError as error:
        raw.close()
        raise BrokenError(
            "Serve",
            f"the certificate is not {door.name}'s to this laptop's Python: {door.told(error.verify_message)}; does "
            "something on the way open TLS, or does Python lack the authorities (`SSL_CERT_FILE`)?",
        ) from None
    except OSError as error:
        raw.close()
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError) and "ALERT" in str(error.reason):
            said = door.told(str(error.reason).lower().replace("_", " "))
            raise BrokenError(
                "Serve",
                f"it begins no TLS ({said}): has the Mac its certificate? `tailscale cert {door.name}` there tells",
            ) from None
        raise _nobody(door, error, connected=True) from None


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return "it hangs up" if isinstance(error, ssl.SSLError | ConnectionResetError) else error.strerror or "it hangs up"


def _nobody(door: Door, error: OSError, *, connected: bool) -> BrokenError:
    """Look why there is no TLS: is the Mac there at all, or does nobody serve at that port?"""
    why = _why(error)
    try:
        answers = tailnet.answers(tailnet.node(door.name, tailnet.status()))
    except MacstateError as trouble:
        if not (door.public and isinstance(trouble, tailnet.StrangerError | tailnet.OutsideError)):
            return BrokenError("tailnet", str(trouble.message).partition(f", {tailnet.OPENSSH}")[0])
        answers = True  # as far as can be told from outside of its tailnet
    if not answers:
        return BrokenError(
            "tailnet",
            f"{door.name} answers neither a connection ({why}) nor a `tailscale ping`: is it on, awake and on the "
            "network, and does its tailscaled run?",
        )
    if connected and isinstance(error, TimeoutError):
        return BrokenError("Serve", f"no TLS within {HANDSHAKE} s: its certificate may be on its way; try again soon")
    if door.public:
        off = "Funnel is off at this port, or the Mac is"
        return BrokenError(
            "Serve", f"Funnel's ingress hangs up ({why}): {off}; {hint.command('status')} shows the routes"
        )
    if isinstance(error, TimeoutError):
        said = (
            f"{door.name} is there, but its port {door.port} does not answer: the tailnet's policy does not let this "
        )
        return BrokenError("tailnet", f"{said}laptop in, or nothing is served, and a firewall hides that")
    served = f"the Mac is there, but nothing is served at its port {door.port} ({why})"
    return BrokenError("Serve", f"{served}; {hint.command('plan')} shows how to bring the route back")
