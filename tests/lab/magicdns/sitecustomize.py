"""The laptop's MagicDNS: with LAB_MAGICDNS=NAME=PORT, port 22 of NAME is that port of loopback. No other is known.

NAME:443=PORT does the same for port 443.
"""

import _socket
import os
from typing import Any

real = _socket.getaddrinfo
known = dict(pair.split("=") for pair in os.environ.get("LAB_MAGICDNS", "").split())
names = {name.partition(":")[0] for name in known}


def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
    """Answer as the resolver of a laptop in the tailnet does."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in names:
        return real("127.0.0.1", known.get(name if str(port) == "22" else f"{name}:{port}", port), *rest, **more)
    if name in {"127.0.0.1", "::1", "localhost", None}:
        return real(host, port, *rest, **more)
    raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")


_socket.getaddrinfo = getaddrinfo
