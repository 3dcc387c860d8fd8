"""The laptop's MagicDNS: with LAB_MAGICDNS=NAME=PORT, port 22 of NAME is that port of loopback. No other is known.

NAME:443=PORT does the same for port 443.

With LAB_ROUTES it is the network too: ADDRESS:PORT=PORT says which port of loopback is there, and there is no other.
Then the names have the first of these addresses.
"""

import _socket
import errno
import os
from typing import Any

real = _socket.getaddrinfo
known = dict(pair.split("=") for pair in os.environ.get("LAB_MAGICDNS", "").split())
routes = dict(pair.split("=") for pair in os.environ.get("LAB_ROUTES", "").split())
names = {name.partition(":")[0] for name in known}


def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
    """Answer as the resolver of a laptop in the tailnet does."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in names and routes:
        return real(next(iter(routes)).rpartition(":")[0], port, *rest, **more)
    if name in names:
        return real("127.0.0.1", known.get(name if str(port) == "22" else f"{name}:{port}", port), *rest, **more)
    if name in {"127.0.0.1", "::1", "localhost", None}:
        return real(host, port, *rest, **more)
    raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")


_socket.getaddrinfo = getaddrinfo


class Socket(_socket.socket):
    """Connects to what lies at an address of the lab's network, and to loopback."""

    __slots__ = ()

    def connect(self, address: Any) -> None:
        if code := self.connect_ex(address):
            raise OSError(code, os.strerror(code))

    def connect_ex(self, address: Any) -> int:
        """Go where the route leads; gevent connects by this alone."""
        if self.family not in (_socket.AF_INET, _socket.AF_INET6) or address[0] in {"127.0.0.1", "::1"}:
            return super().connect_ex(address)
        port = routes.get(f"{address[0]}:{address[1]}")
        return super().connect_ex(("127.0.0.1", int(port))) if port else errno.ENETUNREACH


if routes:
    _socket.socket = Socket  # type: ignore[misc] # before anybody else sees it
