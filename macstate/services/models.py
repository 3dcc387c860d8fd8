"""The models of an endpoint: what an Ollama server pulls, and what any other is expected to serve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from macstate import scripts
from macstate.entry import Entry
from macstate.ollama import names
from macstate.resource import Resource
from macstate.resources.alias import Alias
from macstate.resources.file import File
from macstate.resources.model import PROGRAM, Model
from macstate.types import Word, short

if TYPE_CHECKING:
    from macstate.scope import Scope
    from macstate.services.endpoint import Endpoint


def _digest(value: str) -> str:
    return value.removeprefix("sha256:")


def _list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Word | list[Word]


class ModelEntry(Entry):
    """One model of an endpoint; a text alone says what it is, and nothing need be said."""

    sample: ClassVar[str] = "{about: text}"

    becomes: ClassVar[Mapping[str, str]] = {"alias": "a name in `ollama list`, by POST /api/copy"}

    about: str = ""
    """What it is, for people."""
    digest: Annotated[str, Field(pattern=r"^(sha256:)?[0-9a-f]{12,64}$"), AfterValidator(_digest)] | None = None
    """The very version: its digest, or the beginning of it as `ollama list` shows it (Ollama only)."""
    alias: Annotated[tuple[Word, ...], Strict(strict=False), BeforeValidator(_list, json_schema_input_type=Names)] = ()
    """Other names under which it is served, for those who go on asking for them: an `ollama cp` (Ollama only)."""
    resident: bool = False
    """Whether it is meant to be in memory together with the others that are: checked against the Mac's memory."""


Each = Annotated[ModelEntry, short(str | Literal[True] | None | ModelEntry)]
Models = Annotated[
    Mapping[Word, Each], short(list[Word | Annotated[dict[Word, Each], Field(max_length=1)]] | dict[Word, Each])
]


def written_out(value: object) -> object:
    """Read a list of models, one with nothing behind it, and what it is as a text alone."""
    if isinstance(value, list) and all(isinstance(each, str | dict) for each in value):
        pairs = (_named(each) if isinstance(each, dict) else [(each, None)] for each in value)
        value = {name: about for each in pairs for name, about in each}
    return {name: _written_out(each) for name, each in value.items()} if isinstance(value, dict) else value


def _named(item: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Read ``- name: qwen3`` and ``- qwen3: about it`` alike."""
    rest = {key: each for key, each in item.items() if key != "name"}
    return [(item["name"], rest)] if isinstance(item.get("name"), str) else item.items()


def _written_out(value: object) -> object:
    if value is None or value is True:
        return {}
    return {"about": value} if isinstance(value, str) else value


def folder(endpoint: Endpoint, scope: Scope) -> str:
    """Give the folder where an endpoint's Ollama keeps its models."""
    home = scope.facts.home_of(endpoint.user or scope.facts.user)
    return endpoint.environment.get("OLLAMA_MODELS", f"{home}/.ollama/models")


def resources(name: str, endpoint: Endpoint, server: str, scope: Scope) -> Iterator[Resource]:
    """Give the models that an Ollama endpoint shall have, and the program that pulls them; ``server``: its job's id.

    While it is off nobody can be asked for them: those that are here stay.
    """
    if endpoint.engine != "ollama":
        return
    wished = {f"{name}/{names.full(model)}": entry for model, entry in (endpoint.models or {}).items()}
    place: dict[str, Any] = {"port": endpoint.port, "folder": folder(endpoint, scope), "needs": (server,)}
    if wished:
        yield File(key=PROGRAM.lstrip("/"), content=scripts.pull(), permissions="0 755", source="macstate")
    if endpoint.is_off:
        wished = {}
    yield from (Model(key=key, pulled=True, digest=entry.digest, **place) for key, entry in wished.items())
    yield from _aliases(name, endpoint, scope)
    if endpoint.is_off or not endpoint.prune_models:  # a wish for nothing: it stays as it is
        mine = (key.removeprefix("model/") for key in sorted(scope.facts.recorded) if key.startswith(f"model/{name}/"))
        yield from (Model(key=key, **place) for key in mine if key not in wished)


def aliases(endpoint: Endpoint) -> dict[str, str]:
    """Give the full name of each model that has another one, by that in full."""
    pairs = (endpoint.models or {}).items() if endpoint.engine == "ollama" else ()
    return {names.full(alias): names.full(model) for model, entry in pairs for alias in entry.alias}


def _aliases(name: str, endpoint: Endpoint, scope: Scope) -> Iterator[Resource]:
    wished = {} if endpoint.is_off else {f"{name}/{each}": model for each, model in aliases(endpoint).items()}
    for key, model in wished.items():
        source = "" if f"{Alias.kind}/{key}" in scope.later else model
        yield Alias(key=key, source=source, port=endpoint.port, needs=(f"{Model.kind}/{name}/{model}",))
    if endpoint.is_off:  # they stay
        mine = (each.partition("/")[2] for each in sorted(scope.facts.recorded) if each.startswith(f"alias/{name}/"))
        yield from (Alias(key=key) for key in mine)
