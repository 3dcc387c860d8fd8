"""What an engine is: the one thing that macstate knows of a kind of model server."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from macstate.endpoint.models import ModelEntry
from macstate.kernel.resource import Actual, Resource
from macstate.language.document import Placed
from macstate.language.scope import Scope

MODELS = "/v1/models"
LISTS = (MODELS, f"{MODELS}/*")
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


class Server(Protocol):
    """An endpoint, as far as its engine knows it."""

    @property
    def port(self) -> int:
        """Its loopback port."""

    @property
    def command(self) -> tuple[str, ...]:
        """The server's program by its absolute path, and its arguments."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Its environment variables, without the engine's own."""

    @property
    def user(self) -> str | None:
        """Who runs it; None: the Mac's user."""

    @property
    def model(self) -> str | None:
        """The one model that its command names."""

    @property
    def models(self) -> Mapping[str, ModelEntry] | None:
        """Its models by name."""

    @property
    def all_models(self) -> Mapping[str, ModelEntry]:
        """Its models, first the one that its command names."""

    @property
    def prune_models(self) -> bool:
        """Whether a model of macstate's is deleted when it is no longer declared."""

    @property
    def health_path(self) -> str:
        """The path that tells whether it is well."""

    @property
    def is_off(self) -> bool:
        """Whether it is not to run."""


@dataclass(frozen=True)
class Loaded:
    """One model in memory."""

    name: str
    text: str
    """How large it is, and until when it stays."""


class Engine:
    """A kind of model server. In its texts ``{port}`` stands for the endpoint's port, ``{model}`` for its model."""

    name: ClassVar[str]
    """What is typed as ``engine``."""
    order: ClassVar[int] = 9
    """Where it stands in a list of engines."""
    speaks: ClassVar[Literal["ollama", "openai", "rest"]] = "openai"
    """Whose API, and how the watchdog asks: ``ollama`` (its own and OpenAI's), ``openai`` (below /v1), ``rest``."""
    title: ClassVar[str] = "its server"
    """How a sentence names it."""
    sample: ClassVar[str] = ""
    """What to type for an endpoint that has the engine's name; empty: that of any server."""
    told: ClassVar[str] = "OpenAI's API at `/v1`"
    """The same for people."""
    program: ClassVar[str] = ""
    """Where Homebrew puts its server; empty: the engine is an API that many servers have."""
    formula: ClassVar[str] = ""
    """By which name Homebrew has that."""
    arguments: ClassVar[tuple[str, ...]] = ()
    """What follows the program in its command."""
    no_command: ClassVar[str] = (
        'is an API that many servers have; add yours: `command: [/PATH/TO/SERVER, --port, "{port}"]`'
    )
    """What to say of the engine where no command is typed, and it has no program."""
    port: ClassVar[int | None] = None
    """The port where everybody looks for it; None: any."""
    environment: ClassVar[Mapping[str, str]] = {}
    """Variables that it sets for its server; one with ``{port}`` tells where to listen, and the spec may not set it."""
    host: ClassVar[str] = ""
    """The Host header it wants; empty: the client's."""
    origin: ClassVar[bool] = True
    """Whether it may see the Origin header."""
    lists: ClassVar[tuple[str, ...]] = LISTS
    """What people read of it (see ``OpenPath``), by GET alone: some servers load and unload models by POST there."""
    routes: ClassVar[tuple[str, ...] | None] = (*OPENAI, *ANTHROPIC)
    """What people use of it, with ``lists`` all that the gateway lets through; None: everything."""
    health: ClassVar[str] = MODELS
    """The path that tells whether it is well."""
    no_model: ClassVar[str] = ""
    """What to say of a `model` typed for it; empty: a server of its kind has one."""
    in_memory: ClassVar[tuple[str, str, str] | None] = None
    """(path, list, field) by which it tells the names of the models in memory."""
    lists_all: ClassVar[bool] = False
    """Whether a model that its list lacks cannot be asked for."""

    @property
    def chats(self) -> bool:
        """Whether OpenAI's clients can talk to it."""
        return self.speaks != "rest"

    def same(self, one: str, other: str) -> bool:
        """Say whether two names mean one model."""
        return one == other

    def mistakes(self, name: str, server: Server) -> Placed:
        """Say what of an endpoint it does not understand."""
        for model, entry in (server.models or {}).items():
            path = ("endpoints", name, "models", model)
            if entry.digest:
                yield (*path, "digest"), "digest: only an Ollama shows the digest of a model; take it out"
            if entry.alias:
                yield (*path, "alias"), "alias: only an Ollama gives a model another name; take it out"

    def clashes(self, servers: Mapping[str, tuple[str, Server]]) -> Placed:
        """Say where one of a Mac's endpoints disturbs another of this engine; ``servers``: (user, endpoint) by name."""
        del servers
        yield from ()

    def watched(self, server: Server, model: str) -> Iterator[tuple[str, str]]:
        """Yield what the watchdog has to know besides, as environment variables; ``model``: what it is to ask for."""
        del server
        if model:
            yield "MODEL", model

    def looked_at(self, name: str, server: Server) -> Iterator[tuple[str, str]]:
        """Have the probe look at what belongs to an endpoint besides its job, as (list, value)."""
        del name, server
        yield from ()

    def questions(self, name: str, server: Server, *, usage: bool) -> Iterator[tuple[str, str]]:
        """Have the probe ask it besides its health, as (list, value); ``usage``: also for what it does now."""
        if (server.all_models or usage) and server.health_path != MODELS:
            yield "served", f"{name} {server.port}"

    def resources(self, name: str, server: Server, job: str, scope: Scope) -> Iterator[Resource]:
        """Yield what an endpoint stands for besides its job, which has the id ``job``."""
        del name, server, job, scope
        yield from ()

    def downloads(self, server: Server) -> str:
        """Say what a server downloads by itself at its first start; empty: nothing that macstate would not tell of."""
        del server
        return ""

    def serves(self, name: str, server: Server, actual: Actual) -> Collection[str] | str:
        """Return which of its declared models are here, or on their way; a text where that cannot be told."""
        return self.listed(name, server, actual) if server.all_models else ()

    def listed(self, name: str, server: Server, actual: Actual) -> Collection[str] | str:
        """Return the models that it lists; a text where that cannot be told, with the reason."""
        section = "health" if server.health_path == MODELS else "served"
        body, _, status = actual.answers.get(f"{section} {name}", "").rpartition("\n")
        if status != "200":
            return f"{MODELS} answers HTTP {status}" if status.strip("0") else f"{MODELS} does not answer"
        try:
            return {str(model["id"]) for model in json.loads(body)["data"] or ()}
        except (ValueError, KeyError, TypeError, RecursionError):
            return f"{MODELS} answers with something other than a list of models"

    def shown(self, name: str, server: Server, actual: Actual) -> Collection[str]:
        """Return what its row in the status names: what it lists."""
        here = self.listed(name, server, actual)
        return () if isinstance(here, str) else sorted(here)

    def loaded(self, name: str, actual: Actual) -> Iterator[Loaded]:
        """Yield what is in memory."""
        del name, actual
        yield from ()
