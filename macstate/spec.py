"""The spec: from YAML to wishes, with every mistake at once, each with file, line and column."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, Field, Strict, ValidationError, create_model

from macstate import check
from macstate.document import Document, Mistake, read
from macstate.errors import MacstateError
from macstate.resource import Entry, Resource
from macstate.resources import KINDS
from macstate.services import SERVICES
from macstate.types import Name, Word

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from macstate.facts import Facts

ENTRIES: tuple[type[Entry], ...] = (*(kind.entry for kind in KINDS if kind.entry), *SERVICES)


class MacEntry(Entry):
    """One Mac: how to reach it, and what it gets when that is not everything."""

    hostname: Word
    """Its name in the tailnet, or any name or address that SSH reaches."""
    user: Word
    """Who logs in, and who runs the jobs."""
    identity_file: Word | None = None
    """A private key on the laptop; Tailscale SSH needs none."""


def _sections() -> dict[str, Any]:
    collections = {entry.section: dict[entry.named, entry] for entry in ENTRIES if entry.named}  # type: ignore[name-defined]
    return {entry.section: collections.get(entry.section, entry) for entry in ENTRIES}


def _optional(annotation: Any) -> Any:
    return (annotation | None, None)


Names = Annotated[tuple[str, ...], Strict(strict=False)]
Mac = create_model(
    "Mac",
    __base__=MacEntry,
    __doc__=MacEntry.__doc__,
    **{entry.section: _optional(Names if entry.named else entry) for entry in ENTRIES},
)
Root = create_model(
    "Spec",
    __base__=Entry,
    __doc__="What the Macs shall be.",
    macs=(Annotated[dict[Name, Mac], Field(min_length=1)], ...),  # type: ignore[valid-type]
    **{section: _optional(annotation) for section, annotation in _sections().items()},
)


@dataclass(frozen=True)
class Wishes:
    """What one Mac shall be, before its facts are known."""

    entries: tuple[tuple[str, Entry], ...]
    warnings: tuple[str, ...] = ()

    @property
    def lists(self) -> tuple[tuple[str, str], ...]:
        """What the probe is to look at."""
        return tuple(pair for name, entry in self.entries for pair in entry.lists(name))

    def expand(self, facts: Facts) -> Mapping[str, Resource]:
        """Give the resources by id.

        Raises:
            MacstateError: the Mac lacks what an entry stands on, or two entries make the same thing.
        """
        resources: dict[str, Resource] = {}
        for name, entry in self.entries:
            for resource in entry.expand(name, facts):
                if resource.id in resources:
                    raise MacstateError(
                        f"{resource.id} is declared twice, the second time by {entry.section}.{name}; keep one"
                    )
                resources[resource.id] = resource
        return resources


@dataclass(frozen=True)
class Spec:
    """A spec without mistakes."""

    file: str
    root: Entry
    warnings: tuple[Mistake, ...]

    @property
    def macs(self) -> Mapping[str, Any]:
        """The Macs by name."""
        macs: Mapping[str, Any] = self.root.macs  # type: ignore[attr-defined]
        return macs

    def for_host(self, name: str) -> Wishes:
        """Give what this Mac shall be: its own where it names its own, else everything.

        Raises:
            MacstateError: the spec has no such Mac.
        """
        if name not in self.macs:
            raise MacstateError(
                f"{self.file}: no Mac is called {name!r}; the spec has {', '.join(self.macs)}{near(name, self.macs)}"
            )
        return Wishes(tuple(entries(self.root, self.macs[name])), tuple(self.say(warning) for warning in self.warnings))

    def say(self, mistake: Mistake) -> str:
        """Print one finding with its place."""
        return f"{self.file}:{mistake.line}:{mistake.column}: {mistake.text}"


def entries(root: Any, mac: Any) -> Iterator[tuple[str, Entry]]:
    """Give (name, entry) of all that goes to a Mac."""
    for entry in ENTRIES:
        everywhere, own = getattr(root, entry.section), getattr(mac, entry.section)
        if entry.named:
            yield from ((name, each) for name, each in (everywhere or {}).items() if own is None or name in own)
        elif single := own or everywhere:
            yield entry.section, single


def path() -> Path:
    """Say which file is the spec: ``MACSTATE_SPEC``, else ``group_data/macs.yml`` here."""
    return Path(os.environ.get("MACSTATE_SPEC") or "group_data/macs.yml")


def load() -> Spec:
    """Read the spec, once a run.

    Raises:
        MacstateError: it cannot be read, or has mistakes: one line each.
    """
    return _load(path())


@cache
def _load(file: Path) -> Spec:
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        raise MacstateError(
            f"{file}: {error.strerror}; run this where group_data/macs.yml is, or set MACSTATE_SPEC"
        ) from None
    except UnicodeDecodeError as error:
        raise MacstateError(f"{file}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None
    return parse(text, str(file))


def parse(text: str, file: str) -> Spec:
    """Read a spec's text.

    Raises:
        MacstateError: it has mistakes.
    """
    document = read(text)
    mistakes, root = list(document.mistakes), None
    if not isinstance(document.data, dict):
        mistakes = mistakes or [Mistake(1, 1, "the spec is empty or no mapping; begin with `macs:`")]
    else:
        try:
            root = Root.model_validate_json(json.dumps(document.data, default=str))
        except ValidationError as error:
            wrong = [details for details in error.errors() if details["type"] != "json_invalid" or not mistakes]
            mistakes += [_mistake(document, details) for details in wrong]
    found = check.spec(root, document) if root and not mistakes else []
    mistakes += [finding for finding, fatal in found if fatal]
    spec = Spec(file, root or Entry(), tuple(sorted(finding for finding, fatal in found if not fatal)))
    if mistakes:
        first = {(mistake.line, mistake.column): mistake for mistake in sorted(mistakes, reverse=True)}
        raise MacstateError("\n".join(spec.say(mistake) for mistake in sorted(first.values())))
    return spec


def near(word: str, words: Any) -> str:
    """Suggest what may have been meant."""
    matches = get_close_matches(word, list(words), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


SAY = {
    "missing": "{name} is missing; add `{name}: …`",
    "int_type": "{value} is not a whole number; type digits without quotes",
    "int_from_float": "{value} is not a whole number; type digits without a point",
    "bool_type": "{value} is neither true nor false; type one of them, without quotes",
    "string_type": "{value} is not a text; put quotes around it: '{value}'",
    "tuple_type": "{value} is not a list; type [{value}]",
    "list_type": "{value} is not a list; type [{value}]",
    "dict_type": "{value} is not a mapping; type `key: value` lines below it",
    "model_type": "{value} is not a mapping; type `key: value` lines below it",
    "model_attributes_type": "{value} is not a mapping; type `key: value` lines below it",
    "mapping_type": "{value} is not a mapping; type `key: value` lines below it",
    "greater_than_equal": "{value} is too small; the least is {ge}",
    "less_than_equal": "{value} is too large; the most is {le}",
    "literal_error": "{value} is not one of {expected}{near}",
    "too_short": "it is empty; name at least one",
    "string_pattern_mismatch": "{value} has not the form {pattern}",
}


def _mistake(document: Document, error: ErrorDetails) -> Mistake:
    loc = tuple(part for part in error["loc"] if part != "[key]")
    context, value = error.get("ctx", {}), error.get("input")
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    name = next((part for part in reversed(loc) if isinstance(part, str)), "")
    if error["type"] == "extra_forbidden":
        known = _keys(Root, loc[:-1])
        line, column = document.at(loc, key=True)
        hint = near(name, known) or f"; known here: {', '.join(known)}"
        return Mistake(line, column, f"{name}: unknown here{hint}")
    if error["type"] == "missing":
        line, column = document.at(loc[:-1], key=len(loc) > 1)
    else:
        line, column = document.at(loc, key=error["loc"][-1:] == ("[key]",))
    expected = str(context.get("expected", ""))
    words = {
        **context,
        "name": name,
        "value": shown,
        "near": near(shown, expected.replace("'", "").replace(" or ", ", ").split(", ")),
    }
    text = str(context["error"]) if "error" in context else SAY.get(error["type"], error["msg"]).format(**words)
    return Mistake(line, column, f"{name}: {text}")


def _keys(model: Any, loc: tuple[Any, ...]) -> list[str]:
    """List the keys that a place in the spec knows."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        if not loc:
            return list(model.model_fields)
        return _keys(model.model_fields[loc[0]].annotation, loc[1:]) if loc[0] in model.model_fields else []
    arguments = [argument for argument in get_args(model) if argument is not type(None)]
    is_mapping = getattr(model, "__origin__", None) is dict
    for argument in arguments[-1:] if is_mapping else arguments:
        if keys := _keys(argument, loc[1:] if is_mapping else loc):
            return keys
    return []
