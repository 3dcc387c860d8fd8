"""Send one HTTPS request to one address, link by link, bounded in time and bytes.

It uses the standard library's http.client: the libraries on top connect, speak TLS and ask in one call, look the name
up themselves, and follow proxies and redirects.
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
"""Seconds to wait for a TCP connection."""
HANDSHAKE = 30
"""Seconds to wait for TLS; the first connection may wait for a certificate."""
MOST = 2_000_000
"""Most bytes of an answer."""
LOST = (OSError, HTTPException)
"""The errors of a connection that breaks."""


class TooLargeError(Exception):
    """The answer does not end."""


class Wire(io.RawIOBase):
    """The bytes of a connection, readable until a deadline."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.connection, self.deadline, self.count = connection, deadline, 0
        self.begun = time.monotonic()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the bytes that have come.

        Raises:
            TimeoutError: none came before the deadline.
            TooLargeError: there are more than in any answer.
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

    # what http.client needs of a socket

    def sendall(self, data: bytes) -> None:
        """Send all data."""
        self._bound()
        self.connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader for the connection."""
        return io.BufferedReader(self)


class Connection(HTTPConnection):
    """A connection that exists already; its maker closes it, since the answer is still read from it."""

    default_port = HTTPS

    def close(self) -> None:
        """Leave the connection open."""


@contextmanager
def asked(
    door: Door, path: str, body: dict[str, Any] | None = None, *, patience: float
) -> Iterator[tuple[HTTPResponse, Wire]]:
    """Send a request for a path below a door; yield the answer's head, and the wire to read the rest from.

    Raises:
        BrokenError: a link before the server failed.
        UnaskedError: this laptop's network does not even lead to Funnel's ingress.
        OSError, HTTPException: the answer is invalid; TimeoutError: it did not come within ``patience`` seconds.
    """
    headers = {"User-Agent": "macstate", "Accept": "*/*"}
    if door.key:
        headers["Authorization"] = f"Bearer {door.key.reveal()}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection = _connected(door)
    try:
        wire, way = Wire(connection, time.monotonic() + patience), Connection(door.name, door.port)
        way.sock = wire  # http.client uses no more of a socket
        content = json.dumps(body).encode() if body is not None else None
        way.request("GET" if body is None else "POST", f"{door.mount}{path}", content, headers)
        yield way.getresponse(), wire
    finally:
        connection.close()


def _connected(door: Door) -> ssl.SSLSocket:
    raw = socket.socket(socket.AF_INET6 if ":" in door.address else socket.AF_INET)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # otherwise 40 ms are added to what is measured
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
    """Find out why there is no TLS: the Mac is not there, or nothing serves at that port."""
    why = _why(error)
    try:
        answers = tailnet.answers(tailnet.node(door.name, tailnet.status()))
    except MacstateError as trouble:
        if not (door.public and isinstance(trouble, tailnet.StrangerError | tailnet.OutsideError)):
            return BrokenError("tailnet", str(trouble.message).partition(f", {tailnet.OPENSSH}")[0])
        answers = True  # as far as this can be told from outside its tailnet
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
