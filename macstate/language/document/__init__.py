"""Read a YAML file as plain data with the line and column of every key and value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from macstate.errors import oneline
from macstate.language.document.traps import TRAPS

KEY = re.compile(r"\b(sk-|hf_|ghp_|tskey-)[\w-]{8,}")
"""The form of providers' keys; a message quotes such a key without its secret part."""
Path = tuple[str | int, ...]
Placed = Iterator[tuple[Path, str]]
"""What a rule yields: the path of a value, and what is wrong with it."""

KINDS = ("null", "bool", "int", "float", "str", "timestamp", "merge", "value", "map", "seq")
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in KINDS}
"""The YAML tags that a spec may use; others, such as ``!!binary`` or ``!secret``, would give another kind of value."""

MOST = 10_000
"""Most keys and values of a spec; an alias counts at each place where it is used. 200 endpoints have some 5,000."""
DEEPEST = 50
"""Most levels of nesting; a valid spec has at most 8."""
LONGEST = 100
"""Most digits of a number."""
LARGEST = 2**53
"""Larger than any number in a spec; every JSON reader agrees on integers up to it."""


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake to fix, and where it is (line and column count from 1)."""

    line: int
    column: int
    text: str
    """One line, even if it quotes several."""

    def __post_init__(self) -> None:
        """Escape what cannot be printed in a line, such as a line break in a key, as YAML would spell it."""
        object.__setattr__(self, "text", oneline(KEY.sub(r"\1…", self.text)))


@dataclass
class Document:
    """Plain data, the place of every key and value, and the mistakes in the YAML itself."""

    data: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    words: dict[tuple[int, int], str] = field(default_factory=dict)
    """The text that was typed for each boolean or number whose value does not tell it, by its place."""
    truths: list[tuple[Path, Mistake]] = field(default_factory=list)
    """Booleans typed as YAML 1.1's words (`yes`, `on`), with the mistake to report if the value has no other one."""

    def at(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Return line and column of a value (or of its key); if it was not written, those of the nearest parent."""
        while path:
            place = self.keys.get(path) if key else self.places.get(path)
            if place:
                return place
            path, key = path[:-1], True
        return 1, 1

    def is_written(self, path: Path) -> bool:
        """Return whether a value stands in the spec itself."""
        return path in self.places


class TooMuchError(yaml.MarkedYAMLError):
    """The YAML has more keys, values or levels than any real spec."""


def _bound(count: int, depth: int, mark: yaml.Mark) -> None:
    if count > MOST:
        raise TooMuchError(
            problem=f"more than {MOST:,} keys and values, with those of its aliases; take some out", problem_mark=mark
        )
    if depth > DEEPEST:
        raise TooMuchError(problem="nested too deep to be read; take brackets or indentation out", problem_mark=mark)


class _Loader(yaml.SafeLoader):
    """PyYAML's loader with bounds, since PyYAML is slow and recursive."""

    count = depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.count += 1
        self.depth += 1
        _bound(self.count, self.depth, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read(text: str) -> Document:
    """Read YAML text; mistakes are returned in ``mistakes`` and never raised."""
    document = Document()
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        document.mistakes.append(Mistake(line, column, f"not YAML: {error.reason}; remove the character"))
        return document
    try:
        node = loader.get_single_node()
        document.data = None if node is None else _Reader(document).value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or loader.get_mark()
        said = f"not YAML: {error.problem}; check indentation, quotes and brackets"
        said = "not YAML: a tab for indentation; type blanks: `  `" if "'\\t'" in str(error.problem) else said
        said = str(error.problem) if isinstance(error, TooMuchError) else said
        document.mistakes.append(Mistake(mark.line + 1, mark.column + 1, said))
    except (ValueError, OverflowError):  # raised by PyYAML's scanner: "\U00110000", or %YAML with thousands of digits
        mark = loader.get_mark()
        said = "not YAML: there is no such character or version; write another"
        document.mistakes.append(Mistake(mark.line + 1, mark.column + 1, said))
    return document


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.inside: list[yaml.Node] = []
        self.constructor = yaml.SafeLoader("")
        self.count = 0

    def mistake(self, node: yaml.Node, text: str) -> None:
        self.document.mistakes.append(Mistake(node.start_mark.line + 1, node.start_mark.column + 1, text))

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.count += 1
        _bound(self.count, len(self.inside), node.start_mark)
        self.document.places[path] = node.start_mark.line + 1, node.start_mark.column + 1
        if any(node is outer for outer in self.inside):
            self.mistake(node, "an alias that contains itself; write the value out")
            return None
        if node.tag not in PLAIN:
            self.mistake(node, f"{node.tag} is not supported; write a plain value")
            return None
        self.inside.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return dict(self.pairs(node, path))
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self.scalar(node, path)
        finally:
            self.inside.pop()

    def pairs(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.mistake(key_node, "a key must be a plain word; remove the brackets")
                continue
            key = str(key_node.value)  # `8000: x` and `on: x`: the key is the word as typed
            if self.is_broken(key_node, key):
                continue
            if key_node.tag == "tag:yaml.org,2002:merge":
                self.scalar(key_node, path)
                continue
            if key in seen:
                self.mistake(
                    key_node, f"{key!r} is here twice (first in line {seen[key]}): only one can hold; remove one"
                )
                continue
            seen[key] = key_node.start_mark.line + 1
            self.document.keys[*path, key] = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            yield key, self.value(value_node, (*path, key))

    def is_broken(self, node: yaml.Node, text: str) -> bool:
        broken = re.search(r"[\ud800-\udfff]", text) is not None
        if broken:
            self.mistake(node, "half a character (\\ud800 to \\udfff); type the character itself")
        return broken

    def scalar(self, node: yaml.Node, path: Path) -> Any:
        text = str(node.value)
        try:
            value = self.constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            digits = node.tag.endswith(":int") and len(text) > LONGEST  # Python refuses to convert so many
            if not (digits or node.tag.endswith(":merge")):
                self.mistake(node, f"{text!r} is no {node.tag.rpartition(':')[2]}; type it in quotes: `'{text}'`")
                return None
            value = LARGEST if digits else None
        if isinstance(value, str):
            self.is_broken(node, value)
        if isinstance(value, int) and abs(value) >= LARGEST:
            self.mistake(node, "it is larger than any number here; type a smaller one, or quote it")
            return None
        plain = isinstance(node, yaml.ScalarNode) and node.style is None  # not quoted
        if plain and isinstance(value, bool | float):
            self.document.words[node.start_mark.line + 1, node.start_mark.column + 1] = text
        for tag, pattern, why, instead in TRAPS:
            if node.tag == tag and plain and pattern.match(text):
                quoted = f"0{text}" if re.fullmatch(r"\d:\d\d", text) else text  # a time of day
                words = {
                    "value": str(value).lower(),
                    "text": quoted,
                    "plain": text.replace("_", "").lstrip("+-0") or "0",
                }
                self.mistake(node, f"{text}: {why.format(**words)}; type {instead.format(**words)}")
                if isinstance(value, bool):  # the field says what to type instead
                    self.document.truths.append((path, self.document.mistakes.pop()))
                return value
        return value
