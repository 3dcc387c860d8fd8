"""The laptop's MagicDNS: with LAB_MAGICDNS=NAME=PORT, port 22 of NAME is that port of loopback. No other is known."""

import _socket
import os
from typing import Any

real = _socket.getaddrinfo
known = dict(pair.split("=") for pair in os.environ.get("LAB_MAGICDNS", "").split())


def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
    """Answer as the resolver of a laptop in the tailnet does."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in known:
        return real("127.0.0.1", int(known[name]) if str(port) == "22" else port, *rest, **more)
    if name in {"127.0.0.1", "::1", "localhost", None}:
        return real(host, port, *rest, **more)
    raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")


_socket.getaddrinfo = getaddrinfo
