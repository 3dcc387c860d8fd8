"""The gateway's servers, one module each: the folder is the list of what can be typed as ``server``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from macstate.gateway.server import Server
from macstate.language.folder import choices

SERVERS: Mapping[str, Server] = choices(__name__, __path__, "SERVER")
"""The servers by name."""
if TYPE_CHECKING:
    ServerName = str
else:
    ServerName = Literal[tuple(SERVERS)]
