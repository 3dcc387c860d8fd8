"""Find which fields may stand at a place of the spec, their kinds, and an example of a whole entry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml

from macstate.language.entry import Entry

Loc = tuple[Any, ...]
"""A place in the spec, in pydantic's form."""
NAMES = {"macs": "mini", "launchd": "com.example.server", "files": "/usr/local/etc/x.conf"}
"""An example name for an entry, by section."""


def model_of(model: Any, loc: Loc) -> type[Entry] | None:
    """Return the model whose fields may stand at a place in the spec; None if there is none."""
    if isinstance(model, type) and issubclass(model, Entry):
        if not loc:
            return model
        return model_of(model.model_fields[loc[0]].annotation, loc[1:]) if loc[0] in model.model_fields else None
    arguments = [argument for argument in get_args(model) if argument is not type(None)]
    origin = get_origin(model)
    is_mapping = isinstance(origin, type) and issubclass(origin, Mapping)
    if is_mapping and not loc:
        return None
    if isinstance(origin, type) and issubclass(origin, tuple | list) and isinstance(next(iter(loc), None), int):
        loc = loc[1:]
    found = (model_of(each, loc[1:] if is_mapping else loc) for each in (arguments[-1:] if is_mapping else arguments))
    return next((each for each in found if each), None)


def kind_of(annotation: Any, field: str) -> str:
    """Return the kind of a field, such as ``int``, ``list`` or ``model``; empty if it is another."""
    if isinstance(annotation, type) and issubclass(annotation, Entry):
        return "model"
    origin = get_origin(annotation)
    if origin is Annotated:
        return kind_of(get_args(annotation)[0], field)
    if origin in {Union, UnionType}:
        kinds = [kind_of(each, field) for each in get_args(annotation) if each is not type(None)]
        return kinds[0] if kinds else ""
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "names" if field == "models" else "mapping"
    if isinstance(origin, type) and issubclass(origin, tuple | list):
        return "list"
    return {int: "int", bool: "bool", str: "str"}.get(annotation, "")


def example(model: type[Entry] | None, name: str) -> dict[str, Any]:
    """Return the example fields of an entry, as they are typed."""
    text = model.sample_of(name) if model else ""
    found: dict[str, Any] = yaml.safe_load(text) if text else {}
    return found


def entries(entry: type[Entry], value: object, otherwise: str) -> dict[str, Any]:
    """Return whole entries for the typed names (or hosts), each with its own port.

    ``otherwise`` is the name to use if the value holds no usable one.
    """
    typed: list[Any] = value if isinstance(value, list) else [value]
    names = {each if entry.section else _key(each): each for each in typed if isinstance(each, str)}
    if not names or len(names) < len(typed) or not all(re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) for name in names):
        names = {otherwise: otherwise}
    found: dict[str, dict[str, Any]] = {
        name: example(entry, name) if each == name else yaml.safe_load(entry.instead(name, each))
        for name, each in names.items()
    }
    return {
        name: {field: each + index if field == "port" else each for field, each in fields.items()}
        for index, (name, fields) in enumerate(found.items())
    }


def _key(host: str) -> str:
    """Return a Mac's name from a typed host or login: the first word of the host."""
    return host.rpartition("@")[2].partition(".")[0].lower()


def name_of(loc: Loc) -> str:
    """Return the last key of a place; numbers of list items do not count."""
    return next((part for part in reversed(loc) if isinstance(part, str)), "")
