"""What each kind of model server needs, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

EngineName = Literal["ollama", "mlx", "openai", "rest"]


@dataclass(frozen=True)
class Engine:
    """``{port}`` stands for the entry's port, ``{model}`` for its model."""

    speaks: Literal["ollama", "openai", "rest"]
    """Whose API: ``ollama`` (its own and OpenAI's), ``openai`` (below /v1), ``rest`` (another)."""
    program: str = ""
    """Where Homebrew puts its server; empty: the engine is an API that many servers have."""
    arguments: tuple[str, ...] = ()
    """What follows the program in its command."""
    port: int | None = None
    """The port where everybody looks for it; None: any."""
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
    lists_others: bool = False
    """Whether /v1/models is no list of what it serves: there may be more in it, and what it serves may be missing."""
    model: str = ""
    """What to say of a `model` typed for it; empty: a server of its kind has one."""


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
        speaks="ollama",
        program="/opt/homebrew/bin/ollama",
        arguments=("serve",),
        port=11434,
        model="an Ollama serves many models; type `models: [MODEL]`",
        environment={"OLLAMA_HOST": "127.0.0.1:{port}"},
        host="localhost:{port}",
        origin=False,
        lists=(*OLLAMA_LISTS, *LISTS),
        routes=(*OLLAMA, *OPENAI, *ANTHROPIC),
    ),
    "mlx": Engine(
        speaks="openai",
        program="/opt/homebrew/bin/mlx_lm.server",
        arguments=("--model", "{model}", "--host", "127.0.0.1", "--port", "{port}"),
        lists=LISTS,
        routes=(*OPENAI, *ANTHROPIC),
        # a model that cannot be loaded is 503 there (mlx-lm 0.32.2); 0.31.3 says that all is well, and answers no chat
        health="/health",
        lists_others=True,
    ),
    "openai": Engine(speaks="openai", lists=LISTS, routes=(*OPENAI, *ANTHROPIC), health="/v1/models"),
    "rest": Engine(speaks="rest", model="engine rest knows of no models; put it into `command`, and take this out"),
}
