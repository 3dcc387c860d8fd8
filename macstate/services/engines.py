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
    lists: tuple[str, ...] = ()
    """What people read of it (see ``OpenPath``), by GET alone: some servers load and unload models by POST there."""
    routes: tuple[str, ...] | None = None
    """What people use of it, with ``lists`` all that the gateway lets through; None: everything."""
    health: str = "/"
    """The path that tells whether it is well."""


LISTS = ("/v1/models", "/v1/models/*")
OPENAI = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/images/variations",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/v1/realtime",
)
"""OpenAI's inference routes. No ``/v1/*``: vLLM's ``/v1/load_lora_adapter`` lies there, and others' management."""
ANTHROPIC = ("/v1/messages", "/v1/messages/count_tokens")
OLLAMA_LISTS = ("/", "/api/version", "/api/tags", "/api/ps")
OLLAMA = (
    "/api/show",
    "/api/generate",
    "/api/chat",
    "/api/embed",
    "/api/embeddings",
)
"""Ollama's own. What else it has manages it (server/routes.go of 0.17.4), and each release brings more of that."""
ENGINES = {
    "ollama": Engine(
        environment={"OLLAMA_HOST": "127.0.0.1:{port}"},
        host="localhost:{port}",
        origin=False,
        lists=(*OLLAMA_LISTS, *LISTS),
        routes=(*OLLAMA, *OPENAI, *ANTHROPIC),
    ),
    "openai": Engine(lists=LISTS, routes=(*OPENAI, *ANTHROPIC), health="/v1/models"),
    "rest": Engine(),
}
