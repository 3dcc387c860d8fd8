"""The pure difference between wished and found: sorted changes with everything decided."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from macstate.change import Batch, Change, Plan, kind_of
from macstate.errors import MacstateError
from macstate.found import Found
from macstate.record import SETTING, Record
from macstate.resource import Resource
from macstate.resources import KINDS
from macstate.steps import Step

FIRST = (-1, 0, 0)
"""The place of what is closed before anything else is changed."""
ADOPTED = "adopted: it is as the spec wishes"
UNRECORDED = "as wished, but not in macstate's record: it stays when its entry goes; `--data allow=adopt` adopts it"
TAKEN_IN = "changed since it was last taken in"
PLACE = {kind.kind: place for place, kind in enumerate(KINDS, start=1)}


def plan(
    wishes: Mapping[str, Resource], found: Found, only: frozenset[str] | None = None, *, adopt: bool = False
) -> Plan:
    """Compare; with ``only`` these ids, and nothing else is changed, removed or told of.

    ``adopt``: what is exactly as wished and in no record, is recorded as if macstate had made it.

    Raises:
        MacstateError: something that is wished or owned cannot be read.
    """
    whole = found
    if only is not None:
        wishes = {name: wish for name, wish in wishes.items() if name in only}
        record = Record({name: line for name, line in found.record.lines.items() if name in only}, found.record.sums)
        found = replace(found, record=record)
    problems = list(_unknown(wishes, found))
    if problems:
        raise MacstateError(*problems)
    as_wished = frozenset(_as_wished(wishes, found))
    adopted = [Change(name, "update", wishes[name], found.resources[name], ADOPTED) for name in as_wished if adopt]
    differing = (*adopted, *_converge(wishes, found), *_remove(wishes, found), *_make_way(wishes, found))
    differing = (*differing, *_not_taken_in(wishes, found, differing))
    changes = sorted((*differing, *_disturbed(wishes, whole, differing)), key=_order)
    settings = dict(_left(wishes, found))
    left = ((f"{name}.{field}", "left as found") for name, (fields, _) in settings.items() for field in fields)
    others = (each for each in _unmanaged(wishes, found, as_wished) if not (adopt and each[0] in as_wished))
    unmanaged = (*others, *left) if only is None else ()
    notes = tuple((name, note) for name, wish in wishes.items() if (note := wish.note(found.resources.get(name))))
    against = tuple(why for name, wish in wishes.items() if (why := wish.against(found.resources.get(name))))
    settled = {name: stay for name, (_, stay) in settings.items()}
    changed = {change.id for change in changes}
    still = sorted({*wishes, *dict(unmanaged)} - changed)
    public = {name: was.unguarded(wishes) for name in still if (was := found.resources.get(name)) and was.public}
    owned = sum(line.state != SETTING for line in found.record.lines.values())
    stays = tuple(wish for name, wish in wishes.items() if name not in changed)
    return Plan(tuple(_batches(changes, found)), unmanaged, settled, stays, owned, public, against, notes, as_wished)


def _unknown(wishes: Mapping[str, Resource], found: Found) -> Iterator[str]:
    mine = {*wishes, *(name for name, line in found.record.lines.items() if line.state != SETTING)}
    for name in sorted(mine):
        reasons = [why for start, why in found.unreadable.items() if name.startswith(start)]
        was = found.resources.get(name)
        fields = (
            [field for field in wishes[name].managed if was and getattr(was, field) is None] if name in wishes else []
        )
        if reasons:
            yield f"{name}: {reasons[0]}; without it nothing can be said about this Mac"
        elif was and (was.unreadable or fields):
            why = (
                was.unreadable
                or f"this Mac does not show {', '.join(fields)}: it does not have the setting, or hides it"
            )
            yield f"{name}: {why}; take it out of the spec, or make it readable"
        elif name in wishes and was is None and not wishes[name].owned:
            yield f"{name}: this Mac does not have it; take it out of the spec"


def _converge(wishes: Mapping[str, Resource], found: Found) -> Iterator[Change]:
    for name, wish in wishes.items():
        was, line = found.resources.get(name), found.record.lines.get(name)
        if was is None or not was.exists:
            ours = line is not None and line.state == "owned"
            if wish.managed and not (ours and wish.hidden(found.outputs.get(wish.kind, {}))):
                yield Change(name, "create", wish, None, was.last_failure if was else "")
        elif fields := wish.unlike(was):
            foreign = wish.owned and line is None
            why = was.last_failure if fields in (["running"], ["digest"]) else ""
            yield Change(name, "update", wish, was, why, foreign=foreign)
        elif wish.owned and line and line.state == "pending":
            yield Change(name, "update", wish, was, "an earlier run was cut off in the middle of it")
        elif wish.reload and line and not wish.config_loaded(line.fingerprint):
            yield Change(name, "update", wish, was, TAKEN_IN)


def _remove(wishes: Mapping[str, Resource], found: Found) -> Iterator[Change]:
    for name, line in found.record.lines.items():
        if name not in wishes and line.state != SETTING:
            was = found.resources.get(name)
            was = was if was and was.exists else None
            why = was.removal_note if was else kind_of(name).gone
            yield Change(name, "remove", None, was, why, recorded_by_root=line.root)


def _make_way(wishes: Mapping[str, Resource], found: Found) -> Iterator[Change]:
    for kind in KINDS:
        for was, why in kind.in_the_way(wishes, found):
            yield Change(was.id, "remove", None, was, why, foreign=True)


def _order(change: Change) -> tuple[int, int, int, str]:
    place = PLACE[change.id.partition("/")[0]]
    late = int(change.wish.late) if change.wish else 0
    return (0, -place, 0, change.id) if change.action == "remove" else (1, place, late, change.id)


def _not_taken_in(wishes: Mapping[str, Resource], found: Found, changes: Sequence[Change]) -> Iterator[Change]:
    """Give what reads something that changes: what it has in force may be what was there meanwhile."""
    known = {change.id for change in changes}
    for name, wish in wishes.items():
        if name not in known and known.intersection(wish.reads):
            yield Change(name, "update", wish, found.resources.get(name), TAKEN_IN)


def _disturbed(wishes: Mapping[str, Resource], found: Found, changes: Sequence[Change]) -> Iterator[Change]:
    """Give what stays as it is, and must be closed while the rest is changed."""
    known = {change.id for change in changes}
    for kind in KINDS:
        for was in kind.disturbed(changes, found):
            if was.id not in known:
                why = "closed until the end of this run: a port behind it changes hands"
                yield Change(was.id, "update", wishes.get(was.id, was), was, why)


def _batches(changes: list[Change], found: Found) -> list[Batch]:
    batches = [_alone(change) for change in changes if not change.kind.document]
    for kind in KINDS:
        if members := tuple(change for change in changes if kind.document and change.kind is kind):
            batches += _of_document(members, found)
    return sorted(batches, key=lambda batch: batch.order)


def _alone(change: Change) -> Batch:
    return Batch((change,), tuple(_steps(change)), _order(change)[:3])


def _steps(change: Change) -> Iterator[Step]:
    if change.why == ADOPTED and not (change.wish and change.wish.reads):
        return
    if change.wish and (change.fields or change.wish.reload):
        yield from change.wish.converge(change.was)
    elif change.was and not change.wish:
        yield from change.was.displace() if change.foreign else change.was.remove()


def _of_document(members: tuple[Change, ...], found: Found) -> Iterator[Batch]:
    """Give what is taken out of a document before all else, and what is put into it when the rest is done.

    Between the two, what a thing leads to is no longer, or not yet, what it was made for.
    """
    kind = members[0].kind
    outputs = found.outputs[kind.kind]
    leaving = tuple(change for change in members if change.wish is None)
    coming = tuple(change for change in members if change.wish is not None)
    closed = tuple(change for change in coming if change.was)
    if leaving or closed:
        gone = [change.was for change in (*leaving, *closed) if change.was]
        yield Batch(leaving, tuple(kind.write(outputs, (), gone)) if gone else (), FIRST, closed)
        outputs = kind.written(outputs, gone)
    if coming:
        wished = [change.wish for change in coming if change.wish]
        yield Batch(coming, tuple(kind.write(outputs, wished, ())), _order(coming[0])[:3])


def _as_wished(wishes: Mapping[str, Resource], found: Found) -> Iterator[str]:
    for name, wish in wishes.items():
        was = found.resources.get(name)
        if wish.owned and was and was.exists and name not in found.record.lines and not wish.unlike(was):
            yield name


def _unmanaged(wishes: Mapping[str, Resource], found: Found, as_wished: Collection[str]) -> Iterator[tuple[str, str]]:
    leaving = {was.id for kind in KINDS for was, _ in kind.in_the_way(wishes, found)}
    for name, was in sorted(found.resources.items()):
        if name in leaving or not (was.owned and was.exists) or name in found.record.lines:
            continue
        if name not in wishes:
            yield name, "cannot be read" if was.unreadable else ""
        elif name in as_wished:
            yield name, UNRECORDED
    for start in sorted(found.unreadable):
        yield start.rstrip("/"), "cannot be read"


def _left(wishes: Mapping[str, Resource], found: Found) -> Iterator[tuple[str, tuple[list[str], str]]]:
    for name, line in sorted(found.record.lines.items()):
        if line.state == SETTING:
            managed = wishes[name].managed if name in wishes else {}
            fields = line.fingerprint.split(",")
            if gone := [field for field in fields if field not in managed]:
                yield name, (gone, ",".join(field for field in fields if field in managed))
