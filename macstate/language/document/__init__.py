"""A YAML file as plain data that remembers the line and column of every key and value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from macstate.errors import oneline
from macstate.language.document.traps import TRAPS

KEY = re.compile(r"\b(sk-|hf_|ghp_|tskey-)[\w-]{8,}")
"""What providers' keys look like: one that stands where it should not is told without its value."""
Path = tuple[str | int, ...]
Placed = Iterator[tuple[Path, str]]
"""What a rule says, and about which value."""

KINDS = ("null", "bool", "int", "float", "str", "timestamp", "merge", "value", "map", "seq")
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in KINDS}
"""What may stand in a spec; a tag such as ``!!binary`` or ``!secret`` would give something else."""

MOST = 10_000
"""Keys and values of a spec, those of an alias counted at each place: 200 endpoints have some 5,000."""
DEEPEST = 50
"""Levels of a spec; what may be typed has 8."""
LONGEST = 100
"""Digits."""
LARGEST = 2**53
"""Beyond any number of a spec; up to it, whoever reads JSON reads the same."""


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing to mend, and where it stands (line and column count from 1)."""

    line: int
    column: int
    text: str
    """One line, whatever it quotes."""

    def __post_init__(self) -> None:
        """Show what cannot be printed in a line, such as a line break in a key, as YAML would spell it."""
        object.__setattr__(self, "text", oneline(KEY.sub(r"\1…", self.text)))


@dataclass
class Document:
    """Plain data, the place of every key and value, and what is wrong with the YAML itself."""

    data: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    words: dict[tuple[int, int], str] = field(default_factory=dict)
    """What was typed for a truth or a number that may not be told from its value, by its place."""
    truths: list[tuple[Path, Mistake]] = field(default_factory=list)
    """Truths in words that YAML 1.1 knows, and what to say of each where nothing else is wrong with it."""

    def at(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Return line and column of a value (or of its key), or of the nearest thing above it that was written."""
        while path:
            place = self.keys.get(path) if key else self.places.get(path)
            if place:
                return place
            path, key = path[:-1], True
        return 1, 1

    def is_written(self, path: Path) -> bool:
        """Say whether a value stands in the spec itself."""
        return path in self.places


class TooMuchError(yaml.MarkedYAMLError):
    """It goes on where nobody's spec does."""


def _bound(count: int, depth: int, mark: yaml.Mark) -> None:
    if count > MOST:
        raise TooMuchError(
            problem=f"more than {MOST:,} keys and values, with those of its aliases; take some out", problem_mark=mark
        )
    if depth > DEEPEST:
        raise TooMuchError(problem="nested too deep to be read; take brackets or indentation out", problem_mark=mark)


class _Loader(yaml.SafeLoader):
    """PyYAML's own, which is slow and recursive, and so does not go on for ever."""

    count = depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.count += 1
        self.depth += 1
        _bound(self.count, self.depth, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read(text: str) -> Document:
    """Read YAML text; whatever is wrong ends up in ``mistakes``, never in an exception."""
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
    except (ValueError, OverflowError):  # of PyYAML's scanner: "\U00110000", or %YAML with thousands of digits
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
            key = str(key_node.value)  # `8000: x` and `on: x` mean the words as typed
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
            digits = node.tag.endswith(":int") and len(text) > LONGEST  # so many are too many for Python
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
                if isinstance(value, bool):  # what to type instead is told by the field
                    self.document.truths.append((path, self.document.mistakes.pop()))
                return value
        return value
