"""Ollama: many models, pulled and unloaded by the server itself."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from macstate.endpoint.engine import ANTHROPIC, LISTS, OPENAI, Engine, Loaded, Server
from macstate.kernel.resource import Actual, Resource
from macstate.kinds.alias import Alias
from macstate.kinds.file import File
from macstate.kinds.model import PROGRAM, Model, counted, program, size
from macstate.kinds.model.names import SHAPE, TAG, full, manifest, meant
from macstate.language import meant as typed
from macstate.language.document import Path, Placed
from macstate.language.scope import Scope

FOLDER = "OLLAMA_MODELS"
"""The variable that says where it keeps its models."""
FOREVER = timedelta(days=365)
"""A model that stays for longer was told to stay (Ollama says so with a year in the 24th century)."""
LATEST = 2000
"""No model was unloaded before this year: what says so is no time."""


class Ollama(Engine):
    """Its own API, and OpenAI's. What else it has manages it (server/routes.go of 0.17.4), and releases add to that."""

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
    # it answers 403 to any Host but a local one, and to a page on any other site (measured)
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
        """Compare the names in full."""
        return full(one) == full(other)

    def mistakes(self, name: str, server: Server) -> Placed:
        """A model's name has the shape of one, and stands once; the folder of models is taken as it is written."""
        there: dict[str, str] = {}
        for model, entry in (server.models or {}).items():
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
        yield from self._misnamed(name, server)
        folder = server.environment.get(FOLDER)
        if folder is not None and not folder.startswith("/"):
            why = "is not an absolute path, and launchd puts no home folder in place of ~"
            yield (
                ("endpoints", name, "environment", FOLDER),
                f"{FOLDER}: {folder!r} {why}; type it from the root: `{typed.from_root(folder)}`",
            )

    @staticmethod
    def _misnamed(name: str, server: Server) -> Placed:
        models = server.models or {}
        taken = {full(model): "is a model here itself" for model in models}
        for model, entry in models.items():
            for index, alias in enumerate(entry.alias):
                path: Path = ("endpoints", name, "models", model, "alias", index)
                if not SHAPE.fullmatch(alias):
                    yield path, f"alias: {alias!r} is not a model's name; type NAME or NAME:TAG"
                elif why := taken.get(full(alias)):
                    yield path, f"alias: {alias} {why}; type another name, or take it out"
                taken.setdefault(full(alias), f"is another name of {model} already")

    def clashes(self, servers: Mapping[str, tuple[str, Server]]) -> Placed:
        """Two of one user with one folder of models list the same names, and each names one model."""
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

    def watched(self, server: Server, model: str) -> Iterator[tuple[str, str]]:
        """Tell how large a context is by itself; 0: it goes by the machine's memory. What is loaded is asked."""
        del model
        context = server.environment.get("OLLAMA_CONTEXT_LENGTH", "")
        yield "CONTEXT", context if context.isdecimal() else "0"

    def looked_at(self, name: str, server: Server) -> Iterator[tuple[str, str]]:
        """Have its models looked at, the program that pulls them, and the disk that they are on."""
        if server.models is None and not server.prune_models:
            return
        if not server.is_off:
            yield "models", f"{name} {server.port}"
            yield from (("wanted", f"{name} {full(model)} {manifest(model)}") for model in server.models or ())
            yield from (("alias", f"{name}/{alias}") for alias in _aliases(server))
        yield "file", PROGRAM
        yield "folder", server.environment.get(FOLDER, "/Users")  # every home lies on one disk

    def questions(self, name: str, server: Server, *, usage: bool) -> Iterator[tuple[str, str]]:
        """Ask for what is in memory."""
        if usage:
            yield "loaded", f"{name} {server.port}"

    def resources(self, name: str, server: Server, job: str, scope: Scope) -> Iterator[Resource]:
        """Yield its models and the program that pulls them. While it is off nobody can be asked: what is here stays."""
        wanted = {f"{name}/{full(model)}": entry for model, entry in (server.models or {}).items()}
        home = scope.facts.home_of(server.user or scope.facts.user)
        folder = server.environment.get(FOLDER, f"{home}/.ollama/models")
        place: dict[str, Any] = {"port": server.port, "folder": folder, "needs": (job,)}
        if wanted:
            yield File(key=PROGRAM.lstrip("/"), content=program(), permissions="0 755", source="macstate")
        if server.is_off:
            wanted = {}
        yield from (Model(key=key, pulled=True, digest=entry.digest, **place) for key, entry in wanted.items())
        yield from _other_names(name, server, scope)
        if server.is_off or not server.prune_models:  # a wish for nothing: it stays as it is
            mine = (key for key in sorted(scope.facts.recorded) if key.startswith(f"{Model.kind}/{name}/"))
            keys = (key.partition("/")[2] for key in mine)
            yield from (Model(key=key, **place) for key in keys if key not in wanted)

    def serves(self, name: str, server: Server, actual: Actual) -> Collection[str] | str:
        """Return what is here, or on its way."""
        here = {have.key for have in actual.resources.values() if isinstance(have, Model) and have.exists}
        return [model for model in server.all_models if f"{name}/{full(model)}" in here]

    def shown(self, name: str, server: Server, actual: Actual) -> Collection[str]:
        """Nothing: each that is in memory has a row of its own."""
        del name, server, actual
        return ()

    def loaded(self, name: str, actual: Actual) -> Iterator[Loaded]:
        """Yield what is in memory, as ``/api/ps`` says it."""
        try:
            models = json.loads(actual.answers.get(f"loaded {name}", "").rpartition("\n")[0])["models"] or ()
            for model in models:
                until = _until(str(model.get("expires_at", "")))
                count = counted(model.get("size"))
                text = f"{size(count)} in memory" if count else "in memory, its size is unknown"
                yield Loaded(str(model["name"]), text + until)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return


def _aliases(server: Server) -> dict[str, str]:
    """Return the full name of each model that has another one, by that in full."""
    models = (server.models or {}).items()
    return {full(alias): full(model) for model, entry in models for alias in entry.alias}


def _other_names(name: str, server: Server, scope: Scope) -> Iterator[Resource]:
    if server.is_off:  # they stay
        mine = (each for each in sorted(scope.facts.recorded) if each.startswith(f"{Alias.kind}/{name}/"))
        yield from (Alias(key=each.partition("/")[2]) for each in mine)
        return
    for alias, model in _aliases(server).items():
        key = f"{name}/{alias}"
        source = "" if f"{Alias.kind}/{key}" in scope.later else model
        yield Alias(key=key, source=source, port=server.port, needs=(f"{Model.kind}/{name}/{model}",))


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
