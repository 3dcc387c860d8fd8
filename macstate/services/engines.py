"""What each kind of model server needs, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Engine:
    """``{port}`` stands for the entry's port."""

    environment: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    """The Host header it wants; empty: the client's. Ollama answers 403 to any but a local one (measured)."""
    origin: bool = True
    """Whether it may see the Origin header. Ollama answers 403 to a page on any other site (measured)."""
    closed: tuple[str, ...] = ()
    """Paths that manage the server, and that nobody reaches through the gateway unless the entry opens them."""
    health: str = "/"
    """The path that tells whether it is well."""


ENGINES = {
    "ollama": Engine(
        environment={"OLLAMA_HOST": "127.0.0.1:{port}"},
        host="localhost:{port}",
        origin=False,
        closed=("/api/blobs", "/api/copy", "/api/create", "/api/delete", "/api/pull", "/api/push"),
    ),
    "openai": Engine(health="/v1/models"),
    "rest": Engine(),
}
