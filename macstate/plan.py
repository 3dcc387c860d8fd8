"""The pure difference between wished and found: a sorted list of changes with everything decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from macstate.errors import MacstateError
from macstate.record import SETTING
from macstate.resources import KINDS

if TYPE_CHECKING:
    from macstate.probe import Found
    from macstate.resource import Resource
    from macstate.steps import Step

PLACE = {kind.kind: place for place, kind in enumerate(KINDS, start=1)}
SIGNS = {"create": "+", "update": "~", "remove": "-"}


@dataclass(frozen=True)
class Change:
    """One resource that is not as wished."""

    id: str
    action: Literal["create", "update", "remove"]
    wish: Resource | None
    was: Resource | None
    why: str = ""
    """A reason where the difference alone does not tell."""
    foreign: bool = False
    """Whether it is in the way of something that macstate did not make."""

    @property
    def kind(self) -> type[Resource]:
        """The resource's class."""
        return next(kind for kind in KINDS if kind.kind == self.id.partition("/")[0])

    @property
    def root(self) -> bool:
        """Whether it needs root."""
        resource = self.wish or self.was
        return resource is None or resource.root

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """What differs, as (field, from, to)."""
        if self.wish is None:
            return []
        was = self.was if self.action == "update" else None
        return [(name, getattr(was, name, None), getattr(self.wish, name)) for name in self.wish.unlike(was)]


@dataclass(frozen=True)
class Batch:
    """What one operation, one remote command, one privilege carries out: one change, or those of a document."""

    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    order: tuple[int, int]

    @property
    def title(self) -> str:
        """Sign and id of each change: never a value."""
        return ", ".join(f"{SIGNS[change.action]} {change.id}" for change in self.changes)

    @property
    def root(self) -> bool:
        """Whether it needs root."""
        return any(change.root for change in self.changes)


@dataclass(frozen=True)
class Plan:
    """All that is to be done on one Mac, in order, and what is left alone."""

    batches: tuple[Batch, ...] = ()
    unmanaged: tuple[tuple[str, str], ...] = ()
    """What is there and not ours, with a remark."""
    notes: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings that left the spec: the next change takes them out of the record (id to the fields that stay; or none)."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change, in the order in which they are carried out."""
        return tuple(change for batch in self.batches for change in batch.changes)


def plan(wishes: Mapping[str, Resource], found: Found) -> Plan:
    """Compare.

    Raises:
        MacstateError: something that is wished or owned cannot be read.
    """
    problems = list(_unknown(wishes, found))
    if problems:
        raise MacstateError("\n".join(problems))
    changes = sorted((*_converge(wishes, found), *_remove(wishes, found)), key=_order)
    settings = dict(_left(wishes, found))
    notes = tuple(f"{name}: {', '.join(fields)} left as found, no longer in the spec" for name, (fields, _) in settings.items())
    left = ((f"{name}.{field}", "left as found") for name, (fields, _) in settings.items() for field in fields)
    unmanaged = (*_unmanaged(wishes, found), *left)
    return Plan(tuple(_batches(changes, found)), unmanaged, notes, {name: stay for name, (_, stay) in settings.items()})


def _unknown(wishes: Mapping[str, Resource], found: Found) -> Iterator[str]:
    mine = {*wishes, *(name for name, line in found.record.lines.items() if line.state != SETTING)}
    for name in sorted(mine):
        reasons = [why for start, why in found.unreadable.items() if name.startswith(start)]
        was = found.resources.get(name)
        fields = [field for field in wishes[name].managed if was and getattr(was, field) is None] if name in wishes else []
        if reasons:
            yield f"{name}: {reasons[0]}; without it nothing can be said about this Mac"
        elif was and (was.unreadable or fields):
            why = was.unreadable or f"this Mac does not show {', '.join(fields)}: it does not have the setting, or hides it"
            yield f"{name}: {why}; take it out of the spec, or make it readable"
        elif name in wishes and was is None and not wishes[name].owned:
            yield f"{name}: this Mac does not have it; take it out of the spec"


def _converge(wishes: Mapping[str, Resource], found: Found) -> Iterator[Change]:
    for name, wish in wishes.items():
        was, line = found.resources.get(name), found.record.lines.get(name)
        if was is None:
            yield Change(name, "create", wish, None)
        elif fields := wish.unlike(was):
            foreign = wish.owned and line is None
            why = f"last exit: {was.last_exit}" if fields == ["running"] and getattr(was, "last_exit", None) else ""
            yield Change(name, "update", wish, was, why, foreign=foreign)
        elif wish.owned and line and line.state == "pending":
            yield Change(name, "update", wish, was, "an earlier run was cut off in the middle of it")
        elif wish.reload and line and line.fingerprint != wish.fingerprint:
            yield Change(name, "update", wish, was, "changed since it was last taken in")


def _remove(wishes: Mapping[str, Resource], found: Found) -> Iterator[Change]:
    for name, line in found.record.lines.items():
        if name not in wishes and line.state != SETTING:
            was = found.resources.get(name)
            yield Change(name, "remove", None, was, "" if was else "it is gone already; only the record of it is left")


def _order(change: Change) -> tuple[int, int, str]:
    place = PLACE[change.id.partition("/")[0]]
    return (0, -place, change.id) if change.action == "remove" else (1, place, change.id)


def _batches(changes: list[Change], found: Found) -> Iterator[Batch]:
    def batch(change: Change) -> str:
        return change.kind.kind if change.kind.document else change.id

    batches = []
    for _, group in groupby(sorted(changes, key=batch), key=batch):
        members = tuple(sorted(group, key=_order))
        steps = tuple(_steps(members, found))
        batches.append((max(map(_order, members)), members, steps))
    for order, members, steps in sorted(batches, key=lambda entry: entry[0]):
        yield Batch(members, steps, order[:2])


def _steps(members: tuple[Change, ...], found: Found) -> Iterator[Step]:
    kind = members[0].kind
    wished = [change.wish for change in members if change.wish and (change.fields or not change.why)]
    gone = [change.was for change in members if change.wish is None and change.was]
    if kind.document:
        if wished or gone:
            yield from kind.write(found.outputs[kind.kind], wished, gone)
        return
    for change in members:
        if change.wish and (change.fields or change.wish.reload):
            yield from change.wish.converge(change.was)
        elif change.was and not change.wish:
            yield from change.was.remove()


def _unmanaged(wishes: Mapping[str, Resource], found: Found) -> Iterator[tuple[str, str]]:
    for name, was in sorted(found.resources.items()):
        if not was.owned or name in found.record.lines:
            continue
        if name not in wishes:
            yield name, "cannot be read" if was.unreadable else ""
        elif not wishes[name].unlike(was):
            yield name, "as the spec wishes, but not made by macstate: it stays when its entry goes"
    for start in sorted(found.unreadable):
        yield start.rstrip("/"), "cannot be read"


def _left(wishes: Mapping[str, Resource], found: Found) -> Iterator[tuple[str, tuple[list[str], str]]]:
    for name, line in sorted(found.record.lines.items()):
        if line.state == SETTING:
            managed = wishes[name].managed if name in wishes else {}
            fields = line.fingerprint.split(",")
            if gone := [field for field in fields if field not in managed]:
                yield name, (gone, ",".join(field for field in fields if field in managed))

