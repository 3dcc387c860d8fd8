"""Ollama: many models, pulled and unloaded by the server itself."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from macstate.endpoint.engine import ANTHROPIC, LISTS, OPENAI, EndpointView, Engine, Loaded
from macstate.kernel.resource import Actual, Resource
from macstate.kinds.alias import Alias
from macstate.kinds.file import File
from macstate.kinds.model import PROGRAM, Model, counted, program, size
from macstate.kinds.model.names import SHAPE, TAG, full, manifest, meant
from macstate.language import meant as typed
from macstate.language.document import Path, Placed
from macstate.language.scope import Scope

FOLDER = "OLLAMA_MODELS"
"""The environment variable for the folder where Ollama keeps its models."""
FOREVER = timedelta(days=365)
"""A model that stays longer was told to stay for ever (Ollama says so with a year in the 24th century)."""
LATEST = 2000
"""No model was unloaded before this year: an earlier one is not a real time."""


class Ollama(Engine):
    """Its own API, and OpenAI's. Its other paths manage it (server/routes.go of 0.17.4), and releases add to them."""

    name: ClassVar[str] = "ollama"
    order: ClassVar[int] = 1
    title: ClassVar[str] = "Ollama"
    sample: ClassVar[str] = "{engine: ollama}"
    speaks: ClassVar[Literal["ollama", "openai", "rest"]] = "ollama"
    told: ClassVar[str] = "OpenAI's API at `/v1`, Ollama's own at `/api`"
    program: ClassVar[str] = "/opt/homebrew/bin/ollama"
    formula: ClassVar[str] = "ollama"
    arguments: ClassVar[tuple[str, ...]] = ("serve",)
    port: ClassVar[int | None] = 11434
    environment: ClassVar[Mapping[str, str]] = {"OLLAMA_HOST": "127.0.0.1:{port}"}
    # it answers 403 to any Host but a local one, and to a page of another site (measured)
    host: ClassVar[str] = "localhost:{port}"
    origin: ClassVar[bool] = False
    lists: ClassVar[tuple[str, ...]] = ("/", "/api/version", "/api/tags", "/api/ps", *LISTS)
    routes: ClassVar[tuple[str, ...] | None] = (
        *("/api/show", "/api/generate", "/api/chat", "/api/embed", "/api/embeddings"),
        *OPENAI,
        *ANTHROPIC,
    )
    health: ClassVar[str] = "/"
    no_model: ClassVar[str] = "an Ollama serves many models; type `models: [MODEL]`"
    in_memory: ClassVar[tuple[str, str, str] | None] = ("/api/ps", "models", "name")
    lists_all: ClassVar[bool] = True

    def same(self, one: str, other: str) -> bool:
        """Return whether two names are the same in full."""
        return full(one) == full(other)

    def mistakes(self, name: str, endpoint: EndpointView) -> Placed:
        """Refuse misspelt and doubled names of models and aliases, and a models folder that is not an absolute path."""
        there: dict[str, str] = {}
        for model, entry in (endpoint.models or {}).items():
            path: Path = ("endpoints", name, "models", model)
            if ":" not in model and TAG.fullmatch(entry.about):
                why = f"{entry.about} says what {model} is, and looks like its tag"
                yield path, f"models: {why}; did you mean `{model}:{entry.about}`?"
            elif not SHAPE.fullmatch(model):
                bare = re.sub(r"\s+", "", model)
                how = f"`{bare}`" if SHAPE.fullmatch(bare) else "NAME:TAG as on ollama.com/library"
                yield path, f"models: {model!r} is not a model's name; type {how}"
            elif spelling := meant(model):
                yield path, f"models: {model} is not how the library spells it; did you mean `{spelling}`?"
            elif (first := there.setdefault(full(model), model)) != model:
                yield path, f"models: {model} is the same model as {first}; keep one"
        yield from self._misnamed(name, endpoint)
        folder = endpoint.environment.get(FOLDER)
        if folder is not None and not folder.startswith("/"):
            why = "is not an absolute path, and launchd puts no home folder in place of ~"
            yield (
                ("endpoints", name, "environment", FOLDER),
                f"{FOLDER}: {folder!r} {why}; type it from the root: `{typed.from_root(folder)}`",
            )

    @staticmethod
    def _misnamed(name: str, endpoint: EndpointView) -> Placed:
        models = endpoint.models or {}
        taken = {full(model): "is a model here itself" for model in models}
        for model, entry in models.items():
            for index, alias in enumerate(entry.alias):
                path: Path = ("endpoints", name, "models", model, "alias", index)
                if not SHAPE.fullmatch(alias):
                    yield path, f"alias: {alias!r} is not a model's name; type NAME or NAME:TAG"
                elif why := taken.get(full(alias)):
                    yield path, f"alias: {alias} {why}; type another name, or take it out"
                taken.setdefault(full(alias), f"is another name of {model} already")

    def clashes(self, servers: Mapping[str, tuple[str, EndpointView]]) -> Placed:
        """Refuse an alias that means another model in an endpoint with the same user and folder of models."""
        named: dict[tuple[str, str, str], tuple[str, str]] = {}
        found = []
        for name, (user, server) in servers.items():
            store = user, server.environment.get(FOLDER, f"/Users/{user}/.ollama/models").rstrip("/")
            found.append((store, name, server))
            for model in server.models or {}:
                named.setdefault((*store, full(model)), (name, ""))
        for store, name, server in found:
            models = (server.models or {}).items()
            for model, index, alias in [(model, *alias) for model, entry in models for alias in enumerate(entry.alias)]:
                other, is_of = named.setdefault((*store, full(alias)), (name, full(model)))
                if other != name and is_of != full(model):
                    what = f"another name of {is_of} in" if is_of else "a model of"
                    why = f"{alias} is {what} endpoints.{other}, and both keep their models in {store[1]}"
                    text = f"type another name, or give one of them an {FOLDER} of its own"
                    yield ("endpoints", name, "models", model, "alias", index), f"alias: {why}; {text}"

    def watched(self, endpoint: EndpointView, model: str) -> Iterator[tuple[str, str]]:
        """Yield its default context length; 0 if it goes by the machine's memory. The watchdog asks a loaded model."""
        del model
        context = endpoint.environment.get("OLLAMA_CONTEXT_LENGTH", "")
        yield "CONTEXT", context if context.isdecimal() else "0"

    def looked_at(self, name: str, endpoint: EndpointView) -> Iterator[tuple[str, str]]:
        """Yield its models, the program that pulls them, and the disk on which they are."""
        if endpoint.models is None and not endpoint.prune_models:
            return
        if not endpoint.is_off:
            yield "models", f"{name} {endpoint.port}"
            yield from (("wanted", f"{name} {full(model)} {manifest(model)}") for model in endpoint.models or ())
            yield from (("alias", f"{name}/{alias}") for alias in _aliases(endpoint))
        yield "file", PROGRAM
        yield "folder", endpoint.environment.get(FOLDER, "/Users")  # all homes are on one disk

    def questions(self, name: str, endpoint: EndpointView, *, usage: bool) -> Iterator[tuple[str, str]]:
        """Yield the question for what is in memory, with ``usage``."""
        if usage:
            yield "loaded", f"{name} {endpoint.port}"

    def resources(self, name: str, endpoint: EndpointView, job: str, scope: Scope) -> Iterator[Resource]:
        """Yield its models and the program that pulls them. While it is off it cannot be asked, so its models stay."""
        wanted = {f"{name}/{full(model)}": entry for model, entry in (endpoint.models or {}).items()}
        home = scope.facts.home_of(endpoint.user or scope.facts.user)
        folder = endpoint.environment.get(FOLDER, f"{home}/.ollama/models")
        common: dict[str, Any] = {"port": endpoint.port, "folder": folder, "needs": (job,)}
        if wanted:
            yield File(key=PROGRAM.lstrip("/"), content=program(), permissions="0 755", source="macstate")
        if endpoint.is_off:
            wanted = {}
        yield from (Model(key=key, pulled=True, digest=entry.digest, **common) for key, entry in wanted.items())
        yield from _other_names(name, endpoint, scope)
        if endpoint.is_off or not endpoint.prune_models:  # without a desired field: the model stays as it is
            mine = (key for key in sorted(scope.facts.recorded) if key.startswith(f"{Model.kind}/{name}/"))
            keys = (key.partition("/")[2] for key in mine)
            yield from (Model(key=key, **common) for key in keys if key not in wanted)

    def serves(self, name: str, endpoint: EndpointView, actual: Actual) -> Collection[str] | str:
        """Return its declared models that are here, or on their way."""
        here = {have.key for have in actual.resources.values() if isinstance(have, Model) and have.exists}
        return [model for model in endpoint.all_models if f"{name}/{full(model)}" in here]

    def shown(self, name: str, endpoint: EndpointView, actual: Actual) -> Collection[str]:
        """Return nothing: each model in memory has a row of its own."""
        del name, endpoint, actual
        return ()

    def loaded(self, name: str, actual: Actual) -> Iterator[Loaded]:
        """Yield the models in memory, as ``/api/ps`` tells them."""
        try:
            models = json.loads(actual.answers.get(f"loaded {name}", "").rpartition("\n")[0])["models"] or ()
            for model in models:
                until = _until(str(model.get("expires_at", "")))
                count = counted(model.get("size"))
                text = f"{size(count)} in memory" if count else "in memory, its size is unknown"
                yield Loaded(str(model["name"]), text + until)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return


def _aliases(endpoint: EndpointView) -> dict[str, str]:
    """Return the full name of the model of each alias, by the alias in full."""
    models = (endpoint.models or {}).items()
    return {full(alias): full(model) for model, entry in models for alias in entry.alias}


def _other_names(name: str, endpoint: EndpointView, scope: Scope) -> Iterator[Resource]:
    if endpoint.is_off:  # its aliases stay
        mine = (each for each in sorted(scope.facts.recorded) if each.startswith(f"{Alias.kind}/{name}/"))
        yield from (Alias(key=each.partition("/")[2]) for each in mine)
        return
    for alias, model in _aliases(endpoint).items():
        key = f"{name}/{alias}"
        source = "" if f"{Alias.kind}/{key}" in scope.later else model
        yield Alias(key=key, source=source, port=endpoint.port, needs=(f"{Model.kind}/{name}/{model}",))


def _until(text: str) -> str:
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if match is None:
        return ""
    try:
        end = datetime.fromisoformat(f"{match[1]}{match[2].replace('Z', '+00:00')}").astimezone()
    except (ValueError, OverflowError):
        return ""
    now = datetime.now().astimezone()
    if end.year < LATEST:
        return ""
    if end - now > FOREVER:
        return ", until it is unloaded"
    return f", until {end:%Y-%m-%d }{end:%H:%M}" if end.date() != now.date() else f", until {end:%H:%M}"


ENGINE = Ollama()
