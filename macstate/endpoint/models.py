"""The models of an endpoint: what an Ollama server pulls, and what any other is expected to serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from macstate.language.entry import Entry
from macstate.language.types import Word, short


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
    """Return the long form of models: of a list, of a model without fields, and of a description alone."""
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
