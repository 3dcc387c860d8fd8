"""What a gateway's configuration means, read from its first lines: where routes lead, and what they let through."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from macstate.language.types import UNITS

GRADES = ("reading", "using", "anything")
"""What may be done with a path, from least to most: the methods that read, those of an engine's users, any."""
Allowed = frozenset[tuple[str, str]]
"""(grade, path) of each path that is let through; a path that ends with ``*`` means all below it."""


@dataclass(frozen=True)
class Behind:
    """The server to which a route leads, and what the route lets through."""

    name: str
    port: int
    key: bool
    allows: Allowed = frozenset()


@dataclass(frozen=True)
class Heads:
    """The first lines of a configuration; empty if it has none."""

    doors: Mapping[str, str] = field(default_factory=dict)
    """The loopback port of each door, by the door's name."""
    routes: Mapping[tuple[str, str], Behind] = field(default_factory=dict)
    """What each route leads to, by audience and route: ``("tailnet", "443/vllm")``."""
    limit: str = ""
    """How often each key may ask, ``none`` for as often as it likes. Empty if an older macstate wrote the lines: then
    neither this nor the paths are known."""


def heads(*texts: str) -> Heads:
    """Return what the first lines of these configurations say together."""
    text = "\n".join(texts)
    allowed: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for audience, route, grade, paths in re.findall(r"(?m)^# allows: (\S+) (\S+) (\S+) (.+)$", text):
        if grade in GRADES:
            allowed.setdefault((audience, route), set()).update((grade, path) for path in paths.split())
    found = re.findall(r"(?m)^# server: ([^/\s]+)/(\d+):\d+ (\S+) (\S+) (\d{1,5}) (key|open)$", text)
    routes = {
        (audience, f"{https}{path}"): Behind(
            name, int(port), word == "key", frozenset(allowed.get((audience, f"{https}{path}"), ()))
        )
        for audience, https, path, name, port, word in found
    }
    limits = re.findall(r"(?m)^# limit: (none|\d{1,9}/[smh])$", text)
    return Heads(dict(re.findall(r"(?m)^# door: (\S+) (\d+)$", text)), routes, limits[-1] if limits else "")


def told(old: Heads, new: Heads) -> Iterator[str]:
    """Yield what changes, a line for each thing, with ``+``, ``-`` or ``~`` before it."""
    for audience, route in sorted(old.routes.keys() | new.routes.keys(), key=lambda pair: (pair[1], pair[0])):
        where = f"{route}{' for the internet' if audience == 'funnel' else ''}"
        before, after = old.routes.get((audience, route)), new.routes.get((audience, route))
        if after is None:
            yield f"- {where} ends" + (f"; it led to {before.name} on port {before.port}" if before else "")
        elif before is None:
            yield f"+ {where} -> {after.name} on port {after.port}, {_key(after)}"
        else:
            yield from (f"~ {where}{said}" for said in _changed(before, after, known=bool(old.limit and new.limit)))
    for door, port in sorted(new.doors.items()):
        if (once := old.doors.get(door, port)) != port:
            yield f"~ the gateway listens on port {port} for {door} (was {once})"
    if old.limit and new.limit and old.limit != new.limit:
        yield f"~ limit of each key: {new.limit} (was {old.limit})"


def _changed(before: Behind, after: Behind, *, known: bool) -> Iterator[str]:
    """Yield what changes in a route that stays."""
    name, port, key = (
        "" if same else f" (was {once})"
        for same, once in (
            (before.name == after.name, before.name),
            (before.port == after.port, before.port),
            (before.key == after.key, _key(before)),
        )
    )
    if name or port or key:
        yield f" -> {after.name}{name} on port {after.port}{port}, {_key(after)}{key}"
    if known and (more := _more(before.allows, after.allows)):
        yield f" lets through more: {more}"
    if known and (less := _more(after.allows, before.allows)):
        yield f" lets through less: no longer {less}"


def widened(old: Heads, new: Heads) -> Iterator[str]:
    """Yield what more the internet can do by the routes that it reaches already."""
    public = [route for route in new.routes if route[0] == "funnel"]
    for route in public:
        if (before := old.routes.get(route)) is None:
            continue
        after = new.routes[route]
        if after.name != before.name:
            yield f"serve/{route[1]} leads the internet to {after.name} now (was {before.name})"
        elif old.limit and new.limit and (more := _more(before.allows, after.allows)):
            yield f"serve/{route[1]} lets the internet, with a key, ask for more: {more}"
    if public and old.limit and new.limit and _rate(new.limit) > _rate(old.limit):
        often = "as often as it likes" if new.limit == "none" else f"more often, {new.limit}"
        yield f"each key may ask {often} (was {old.limit}), also from the internet"


def _rate(limit: str) -> float:
    """Return the requests a second of a limit; infinite without one."""
    count, _, unit = limit.partition("/")
    return int(count) / UNITS[unit] if unit else float("inf")


def _key(behind: Behind) -> str:
    return "with a key" if behind.key else "no key"


def _more(before: Allowed, after: Allowed) -> str:
    """Return the paths that are let through after, and were not before; empty if none."""
    new = {each for each in after if not _covered(each, before)}
    least = sorted((path, grade) for grade, path in new if not _covered((grade, path), new - {(grade, path)}))
    return ", ".join(
        ("every path" if path == "/*" else path) + (" for reading" if grade == GRADES[0] else "")
        for path, grade in least
    )


def _covered(one: tuple[str, str], others: Iterable[tuple[str, str]]) -> bool:
    """Return whether others let a path through already, with the same grade or a higher one."""
    rank, path = GRADES.index(one[0]), one[1]
    enough = (each for grade, each in others if GRADES.index(grade) >= rank)
    return any(path == each or (each.endswith("/*") and path.startswith(each[:-1])) for each in enough)
