"""Explain a field of the spec from its JSON Schema, whose descriptions are the docstrings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from macstate import files
from macstate.errors import MacstateError

HERE = Path(__file__).parent.parent
PUBLISHED = (HERE / "macs.schema.json", HERE.parent / "group_data" / "macs.schema.json")
"""Where the JSON Schema lies: inside the package in a wheel, and in the repository beside the example of a spec."""

Node = dict[str, Any]
DOTTED = {"models", "launchd", "files"}
"""Collections whose names may have dots: ``models.qwen2.5:7b``."""
PATTERNS = {
    r"^\d+[smh]$": "duration, a number with its unit: 30s, 5m or 2h",
    r"^(never|\d+[mh])$": "duration in minutes, such as 10m or 2h, or never",
    r"^\d+[MG]B$": "a size: 900MB or 48GB",
    r"^\d+[KMG]B$": "a size: 900KB, 10MB or 1GB",
    r"^0[0-7]{3}$": "four octal digits, such as 0644",
    r"^(sha256:)?[0-9a-f]{12,64}$": "12 to 64 hexadecimal digits, also with sha256: in front",
}


@dataclass(frozen=True)
class Told:
    """What there is to tell of a field."""

    about: str
    """What it means."""
    notes: dict[str, str]
    """Its type, and what else there is, each by its word."""
    required: bool
    """Whether it must be there."""
    entry: str
    """What stands before the fields below it: ``NAME.`` where each entry of a mapping has them."""
    fields: dict[str, str]
    """The fields below it, and what each of them means."""


class Schema:
    """The spec's JSON Schema, with ways to find a field in it."""

    def __init__(self) -> None:
        self.tree: Node = json.loads(_published())

    def at(self, path: str) -> Node:
        """Return the node of a path such as ``endpoints.ollama.port``; a collection accepts any name.

        Raises:
            MacstateError: there is no such field.
        """
        node, been, section = self.plain(self.tree), "", ""
        parts = path.split(".") if path else []
        while parts:
            part = parts.pop(0)
            fields, rest = node.get("properties", {}), self.entries(node)
            if part in fields:
                node = self.plain(fields[part])
            elif isinstance(rest, dict):
                node = self.plain(rest)
                while section in DOTTED and parts and not _like(parts[0], node):
                    part += f".{parts.pop(0)}"
            else:
                near = get_close_matches(part, fields, n=1)
                hint = f"did you mean {been}{near[0]}?" if near else f"there are {', '.join(fields) or 'none'}"
                raise MacstateError(f"{been}{part}: no such field; {hint}")
            been, section = f"{been}{part}.", part
        return node

    def plain(self, node: Node) -> Node:
        """Return a node with its reference followed, and without the choice that the field is absent."""
        own = {key: value for key, value in node.items() if key not in {"$ref", "anyOf", "oneOf", "allOf"}}
        if "$ref" in node:
            return {**self.plain(self.tree["$defs"][node["$ref"].rpartition("/")[2]]), **own}
        choices = [
            choice for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())) if choice.get("type") != "null"
        ]
        objects = [plain for choice in choices if "properties" in (plain := self.plain(choice))]
        if objects or len(choices) == 1:  # there is a short form beside the long one
            whole = (objects or [self.plain(choices[0])])[-1]
            short = [choice for choice in choices if objects and "properties" not in self.plain(choice)]
            short = [*whole.get("x-short", ()), *short]
            return {**whole, **own, **({"x-short": short} if short else {})}
        return {**own, "anyOf": choices} if choices else node

    def entries(self, node: Node) -> Any:
        """Return the node of a mapping's entries, also if a list may stand in its place; None if there is none."""
        choices = (self.plain(choice) for choice in node.get("anyOf", ()))
        return next((each["additionalProperties"] for each in (node, *choices) if "additionalProperties" in each), None)

    def fields(self, path: str) -> list[str]:
        """Return the fields that can be typed behind a path, for completion."""
        node = self.at(path)
        return list(node.get("properties", {}))


def _published() -> str:
    """Return the published schema: to make it anew, all models are loaded and their sources are read."""
    for file in PUBLISHED:
        with suppress(OSError):
            return files.read(file).decode()
    from macstate.spec.schema import schema  # noqa: PLC0415 - only where nobody has published it

    return schema()


def _like(part: str, node: Node) -> bool:
    """Return whether a word is, or resembles, a field."""
    return bool(get_close_matches(part, node.get("properties", {}), n=1))


def told(tree: Schema, path: str) -> Told:
    """Return what there is to tell of a field.

    Raises:
        MacstateError: there is no such field.
    """
    node = tree.at(path)
    default, short = node.get("default"), node.get("x-short", ())
    notes = {
        "type": _type(tree, node),
        "short": " or ".join(_type(tree, tree.plain(each)) for each in short),
        "default": default if isinstance(default, str) else json.dumps(default, ensure_ascii=False),
        "unit": node.get("x-unit", ""),
        "on the Mac": node.get("x-on-the-mac", ""),
    }
    if default in (None, {}, []):
        del notes["default"]
    parent, _, name = path.rpartition(".")
    required = bool(path) and name in tree.at(parent).get("required", ())
    entry = _entry(tree, node)
    fields = {name: _about(tree, tree.plain(field)) for name, field in (entry or node).get("properties", {}).items()}
    noted = {word: text for word, text in notes.items() if text}
    return Told(_about(tree, node), noted, required, "NAME." if entry else "", fields)


def explain(path: str) -> Iterator[str]:
    """Yield the lines that explain a field.

    Raises:
        MacstateError: there is no such field.
    """
    tree = Schema()
    seen = told(tree, path)
    yield path or "the spec"
    for line in seen.about.splitlines():
        yield f"  {line}"
    for word, text in seen.notes.items():
        yield f"  {word}: {text}"
    if seen.required:
        yield "  it must be there"
    for name, about in seen.fields.items():
        first = about.partition("\n")[0]
        yield f"    {seen.entry}{name}: {first}"


def _entry(tree: Schema, node: Node) -> Node:
    """Return the node of a mapping's entries; empty if the node is not a mapping."""
    each = tree.entries(node)
    return tree.plain(each) if isinstance(each, dict) else {}


def _about(tree: Schema, node: Node) -> str:
    """Return the description of a field; for a mapping without one, that of its entries."""
    return str(node.get("description") or _entry(tree, node).get("description", ""))


def _type(tree: Schema, node: Node) -> str:
    if "enum" in node or "const" in node:
        return " | ".join(json.dumps(each).strip('"') for each in node.get("enum", [node.get("const")]))
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_type(tree, tree.plain(choice)) for choice in node["anyOf"]))
    if node.get("type") == "array":
        return f"list of {_type(tree, tree.plain(node.get('items', {})))}"
    if entry := _entry(tree, node):
        return f"mapping of names to {_type(tree, entry)}"
    if said := PATTERNS.get(node.get("pattern", "")):
        return said
    kind = {"object": "fields", "boolean": "true or false", "integer": "whole number", "string": "text"}
    limits = [f"{word} {node[key]}" for key, word in (("minimum", "at least"), ("maximum", "at most")) if key in node]
    form = [f"of the form {node['pattern']}"] if "pattern" in node else []
    return ", ".join([kind.get(str(node.get("type")), "anything"), *limits, *form])
