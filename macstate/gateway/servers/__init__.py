"""The gateway's servers, one module each: the folder is the list of what can be typed as ``server``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal

from macstate.gateway.server import Server


def _all() -> Mapping[str, Server]:
    found: list[Server] = [import_module(f"{__name__}.{module.name}").SERVER for module in iter_modules(__path__)]
    return {server.name: server for server in sorted(found, key=lambda server: (server.order, server.name))}


SERVERS = _all()
"""The servers by name."""
if TYPE_CHECKING:
    ServerName = str
else:
    ServerName = Literal[tuple(SERVERS)]
