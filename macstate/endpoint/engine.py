"""What an engine is: all that macstate knows about a kind of model server."""

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
"""OpenAI's inference paths. Not ``/v1/*``, where vLLM has ``/v1/load_lora_adapter``, and others their management."""
ANTHROPIC = ("/v1/messages", "/v1/messages/count_tokens")


class EndpointView(Protocol):
    """What an engine sees of an endpoint."""

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
        """The user who runs it; None for the Mac's user."""

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
        """The path that tells whether it is healthy."""

    @property
    def is_off(self) -> bool:
        """Whether the spec has switched it off."""


@dataclass(frozen=True)
class Loaded:
    """One model in memory."""

    name: str
    text: str
    """Its size, and until when it stays, for people."""


class Engine:
    """A kind of model server. In its texts ``{port}`` stands for the endpoint's port, ``{model}`` for its model."""

    name: ClassVar[str]
    """The word typed as ``engine``."""
    order: ClassVar[int] = 9
    """Its place in a list of engines."""
    title: ClassVar[str] = "its server"
    """Its server's name in a sentence."""
    sample: ClassVar[str] = ""
    """An example of an endpoint that has the engine's name; if empty, that of any server."""
    speaks: ClassVar[Literal["ollama", "openai", "rest"]] = "openai"
    """Its API, by which the watchdog asks, too: ``ollama`` (its own and OpenAI's), ``openai`` (below /v1), ``rest``."""
    told: ClassVar[str] = "OpenAI's API at `/v1`"
    """Its API, for people."""
    program: ClassVar[str] = ""
    """Where Homebrew puts its server; empty if the engine is an API that many servers have."""
    formula: ClassVar[str] = ""
    """The Homebrew formula of its server."""
    arguments: ClassVar[tuple[str, ...]] = ()
    """The default arguments of the program."""
    no_command: ClassVar[str] = (
        'is an API that many servers have; add yours: `command: [/PATH/TO/SERVER, --port, "{port}"]`'
    )
    """What to say about the engine if no command is typed, and it has no program."""
    port: ClassVar[int | None] = None
    """The loopback port at which everybody expects it; None if there is none."""
    environment: ClassVar[Mapping[str, str]] = {}
    """Environment variables of its server; one with ``{port}`` says where to listen, and the spec may not set it."""
    host: ClassVar[str] = ""
    """The Host header that it needs; if empty, the client's."""
    origin: ClassVar[bool] = True
    """Whether it gets the Origin header."""
    lists: ClassVar[tuple[str, ...]] = LISTS
    """Paths that people only read (see ``OpenPath``), by GET alone: by POST some servers load and unload models."""
    routes: ClassVar[tuple[str, ...] | None] = (*OPENAI, *ANTHROPIC)
    """Paths that people use. The gateway lets only these and ``lists`` through; None: all paths."""
    health: ClassVar[str] = MODELS
    """The path that tells whether it is healthy."""
    one_model: ClassVar[str] = "`model: MODEL`"
    """What to type where it is started with one model, and none is named."""
    no_model: ClassVar[str] = ""
    """What to say about a `model` that is typed for it; empty if its server has one model."""
    in_memory: ClassVar[tuple[str, str, str] | None] = None
    """(path, list, field) of the answer that names the models in memory; None if there is none."""
    lists_all: ClassVar[bool] = False
    """Whether its list has every model that can be asked for."""

    @property
    def chats(self) -> bool:
        """Whether clients of OpenAI's API can talk to it."""
        return self.speaks != "rest"

    def same(self, one: str, other: str) -> bool:
        """Return whether two names mean the same model."""
        return one == other

    def mistakes(self, name: str, endpoint: EndpointView) -> Placed:
        """Yield (place, mistake) of each part of an endpoint that this engine does not have."""
        for model, entry in (endpoint.models or {}).items():
            path = ("endpoints", name, "models", model)
            if entry.digest:
                yield (*path, "digest"), "digest: only an Ollama shows the digest of a model; take it out"
            if entry.alias:
                yield (*path, "alias"), "alias: only an Ollama gives a model another name; take it out"

    def clashes(self, servers: Mapping[str, tuple[str, EndpointView]]) -> Placed:
        """Yield (place, mistake) if endpoints of this engine clash; ``servers``: a Mac's (user, endpoint) by name."""
        del servers
        yield from ()

    def watched(self, endpoint: EndpointView, model: str) -> Iterator[tuple[str, str]]:
        """Yield further environment variables for the watchdog; ``model`` is the model that it asks for, if any."""
        del endpoint
        if model:
            yield "MODEL", model

    def looked_at(self, name: str, endpoint: EndpointView) -> Iterator[tuple[str, str]]:
        """Yield what the probe is to look at besides the endpoint's job, as (list, value)."""
        del name, endpoint
        yield from ()

    def questions(self, name: str, endpoint: EndpointView, *, usage: bool) -> Iterator[tuple[str, str]]:
        """Yield what the probe is to ask besides the health, as (list, value); with ``usage``, also the activity."""
        if (endpoint.all_models or usage) and endpoint.health_path != MODELS:
            yield "served", f"{name} {endpoint.port}"

    def resources(self, name: str, endpoint: EndpointView, job: str, scope: Scope) -> Iterator[Resource]:
        """Yield the resources of an endpoint besides its job, which has the id ``job``."""
        del name, endpoint, job, scope
        yield from ()

    def downloads(self, endpoint: EndpointView) -> str:
        """Return what a server downloads by itself at its first start; empty if nothing is known of that."""
        del endpoint
        return ""

    def serves(self, name: str, endpoint: EndpointView, actual: Actual) -> Collection[str] | str:
        """Return its declared models that are here, or on their way; if that is not known, the reason as a text."""
        return self.listed(name, endpoint, actual) if endpoint.all_models else ()

    def listed(self, name: str, endpoint: EndpointView, actual: Actual) -> Collection[str] | str:
        """Return the models that it lists; if they are not known, the reason as a text."""
        section = "health" if endpoint.health_path == MODELS else "served"
        body, _, status = actual.answers.get(f"{section} {name}", "").rpartition("\n")
        if status != "200":
            return f"{MODELS} answers HTTP {status}" if status.strip("0") else f"{MODELS} does not answer"
        try:
            return {str(model["id"]) for model in json.loads(body)["data"] or ()}
        except (ValueError, KeyError, TypeError, RecursionError):
            return f"{MODELS} answers with something other than a list of models"

    def shown(self, name: str, endpoint: EndpointView, actual: Actual) -> Collection[str]:
        """Return the models for its row in the status: those that it lists."""
        here = self.listed(name, endpoint, actual)
        return () if isinstance(here, str) else sorted(here)

    def loaded(self, name: str, actual: Actual) -> Iterator[Loaded]:
        """Yield the models in memory."""
        del name, actual
        yield from ()
