"""The spec's JSON Schema, with each field's docstring as its description."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from macstate.language.entry import Entry
from macstate.language.types import SIZES, UNITS
from macstate.spec.model import ENTRIES, Root

FORMS = {r"^\d+[smh]$": UNITS, r"^\d+[KMG]B$": SIZES}
"""The units of durations and sizes, by the pattern of their typed form."""

OVERLAY = "Own"
"""The prefix for the name of a definition that is laid over another one."""


@cache
def schema() -> str:
    """Return the JSON Schema as text."""
    models = list(_models(Entry))
    for model in models:
        describe(model)
    built = [model for model in models if model.__pydantic_complete__]
    again: list[type[Entry]] = [*built, *built, Root]  # a model that contains another one is rebuilt after it
    for each in again:
        each.model_rebuild(force=True)
    tree = with_overlays(as_typed(Root.model_json_schema(mode="validation")))
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **tree}, indent=2)


def _models(model: type[Entry]) -> Iterator[type[Entry]]:
    yield model
    for each in model.__subclasses__():
        yield from _models(each)


def describe(model: type[Entry]) -> None:
    """Add the docstrings to a model's fields; pydantic could, but at every start, and that costs 0.1 s."""
    for name, field in model.model_fields.items():
        texts = [text for parent in model.__mro__ if (text := docstrings(parent).get(name))]
        field.description = field.description or (texts[0] if texts else None)
        if name in model.becomes:
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            field.json_schema_extra = {**extra, "x-on-the-mac": model.becomes[name]}


def as_typed(node: Any) -> Any:
    """Return a tree whose defaults have the typed form: ``10m`` where the model holds 600."""
    if isinstance(node, list):
        return [as_typed(each) for each in node]
    if not isinstance(node, dict):
        return node
    units = next((units for pattern, units in FORMS.items() if node.get("pattern") == pattern), None)
    if units and isinstance(node.get("default"), int):
        unit = max((unit for unit in units if node["default"] % units[unit] == 0), key=lambda unit: units[unit])
        node = {**node, "default": f"{node['default'] // units[unit]}{unit}"}
    return {key: as_typed(each) for key, each in node.items()}


def with_overlays(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the tree with a Mac's own sections as overlays: a list of names, or entries without required fields.

    Null, which takes something out, is allowed at each place.
    """
    defs: dict[str, Any] = tree["$defs"]
    mac = defs["Mac"]["properties"]
    for entry in ENTRIES:
        about = {"description": f"What this Mac has otherwise than all: laid over `{entry.section}`; null takes out."}
        names = [{"type": "array", "items": {"type": "string"}}] if entry.named else []
        own = [choice for choice in mac[entry.section]["anyOf"] if choice != {"type": "null"}]
        mac[entry.section] = {"anyOf": [*names, *(_optional(each) for each in own), {"type": "null"}], **about}
    for field in [field for node in defs.values() for field in node.get("properties", {}).values() if "$ref" in field]:
        field.setdefault("description", defs[field["$ref"].rpartition("/")[2]]["description"])
    overlays = {f"{OVERLAY}{name}": _optional(node) for name, node in defs.items()}
    reached: dict[str, Any] = {}
    waiting = _references(mac)
    while waiting:
        name = waiting.pop()
        if name in overlays and name not in reached:
            reached[name] = overlays[name]
            waiting += _references(reached[name])
    return {**tree, "$defs": {**defs, **reached}}


def _optional(node: Any) -> Any:
    """Return a node without required fields."""
    if isinstance(node, list):
        return [_optional(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: _optional(each) for key, each in node.items() if key not in {"required", "default", "minProperties"}}
    if "$ref" in node:
        node["$ref"] = f"#/$defs/{OVERLAY}{node['$ref'].rpartition('/')[2]}"
    if "properties" in node:
        node["properties"] = {key: _or_null(each) for key, each in node["properties"].items()}
    if isinstance(node.get("additionalProperties"), dict):
        node["additionalProperties"] = _or_null(node["additionalProperties"])
    return node


def _or_null(node: dict[str, Any]) -> dict[str, Any]:
    if {"type": "null"} in node.get("anyOf", ()):
        return node
    about = {key: each for key, each in node.items() if key in {"description", "title"}}
    return {"anyOf": [{key: each for key, each in node.items() if key not in about}, {"type": "null"}], **about}


def _references(node: Any) -> list[str]:
    """Return the names of all definitions that a node refers to."""
    return [name.rpartition("/")[2] for name in re.findall(r'"(#/\$defs/[^"]+)"', json.dumps(node))]


@cache
def docstrings(cls: type) -> dict[str, str]:
    """Return the string that follows each annotated field in a class' source, by field."""
    if not cls.__module__.startswith("macstate.") or "__annotations__" not in vars(cls) or cls is Root:
        return {}
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    except (OSError, TypeError):  # a class made by create_model has no source
        return {}
    pairs = pairwise(body.body) if isinstance(body, ast.ClassDef) else ()
    return {
        field.target.id: inspect.cleandoc(doc.value.value)
        for field, doc in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant) and isinstance(doc.value.value, str)
    }
