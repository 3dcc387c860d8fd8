"""The pure difference between wished and found: sorted changes with everything decided."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from macstate.kernel.change import Batch, Change, Plan
from macstate.kernel.document import InOneDocument
from macstate.kernel.left import UNREAD, left
from macstate.kernel.record import SETTING
from macstate.kernel.resource import Found, Resource
from macstate.kernel.steps import Step

FIRST = (-1, 0, 0)
"""The place of what is closed before anything else is changed."""
ADOPTED = "adopted: it is as the spec wishes"
UNRECORDED = "as wished, but not in macstate's record: it stays when its entry goes; `--data allow=adopt` adopts it"


def plan(
    wishes: Mapping[str, Resource],
    found: Found,
    only: frozenset[str] | None = None,
    *,
    adopt: bool = False,
    without: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Compare; with ``only`` these ids, and nothing else is changed, removed or told of.

    ``adopt``: what is exactly as wished and in no record, is recorded as if macstate had made it. ``without``: what
    cannot be done, with the reason, by id; it stays as it is, and what stands on it too.
    """
    whole = found
    wishes = {name: each for name, wish in wishes.items() if (each := wish.beside(whole, wishes))}
    out = {name: why for name, why in left(wishes, found, without).items() if only is None or name in only}
    about = {*wishes, *found.record.lines} if only is None else only
    wishes = {name: wish for name, wish in wishes.items() if name in about and name not in out}
    lines = {name: line for name, line in found.record.lines.items() if name in about and name not in out}
    found = replace(found, record=replace(found.record, lines=lines))
    as_wished = frozenset(_as_wished(wishes, found))
    adopted = [Change(name, "update", wishes[name], found.resources[name], ADOPTED) for name in as_wished if adopt]
    going = {name for name, line in lines.items() if line.state != SETTING and name not in wishes}
    in_the_way = list(_make_way(wishes, whole, going))
    differing = (*adopted, *_converge(wishes, found), *_remove(wishes, found), *in_the_way)
    differing = (*differing, *_not_taken_in(wishes, found, differing))
    changes = sorted((*differing, *_disturbed(wishes, whole, differing)), key=partial(_order, found.kinds))
    settings = dict(_left(wishes, found))
    kept = ((f"{name}.{field}", "left as found") for name, (fields, _) in settings.items() for field in fields)
    told = {*out, *(change.id for change in in_the_way), *(as_wished if adopt else ())}
    unmanaged = (*_unmanaged(wishes, found, as_wished, told), *kept) if only is None else ()
    notes = tuple((name, note) for name, wish in wishes.items() if (note := wish.note(found.resources.get(name))))
    against = tuple(why for name, wish in wishes.items() if (why := wish.against(found.resources.get(name))))
    settled = {name: stay for name, (_, stay) in settings.items()}
    changed = {change.id for change in changes}
    still = sorted({*wishes, *dict(unmanaged)} - changed)
    public = {name: was.unguarded(wishes) for name in still if (was := found.resources.get(name)) and was.public}
    owned = sum(line.state != SETTING for line in found.record.lines.values())
    stays = tuple(wish for name, wish in wishes.items() if name not in changed)
    batches = tuple(_batches(changes, found))
    return Plan(batches, unmanaged, settled, stays, owned, public, against, notes, as_wished, out)


def _converge(wishes: Mapping[str, Resource], found: Found) -> Iterator[Change]:
    for name, wish in wishes.items():
        was, line = found.resources.get(name), found.record.lines.get(name)
        if was is None or not was.exists:
            if wish.managed and not (line and line.state == "owned" and wish.hidden(found.outputs.get(wish.kind, {}))):
                yield Change(name, "create", wish, None, was.last_failure if was else "")
        elif fields := wish.unlike(was):
            why = wish.because(was, fields, line.state if line else "")
            yield Change(name, "update", wish, was, why, foreign=wish.owned and line is None)
        elif wish.owned and line and line.state == "pending":
            yield Change(name, "update", wish, was, "an earlier run was cut off in the middle of it")
        elif wish.reload and line and not wish.config_loaded(line.fingerprint):
            yield Change(name, "update", wish, was, wish.taken_in)


def _remove(wishes: Mapping[str, Resource], found: Found) -> Iterator[Change]:
    for name, line in found.record.lines.items():
        if name not in wishes and line.state != SETTING:
            was = next((each for each in [found.resources.get(name)] if each and each.exists), None)
            kind = next(kind for kind in found.kinds if kind.kind == name.partition("/")[0])
            why = was.brief(going=True) if was else kind.gone
            yield Change(name, "remove", None, was, why, recorded_by_root=line.root, gone=kind)


def _make_way(wishes: Mapping[str, Resource], found: Found, going: Collection[str]) -> Iterator[Change]:
    for kind in found.kinds:
        for was, rest, why in kind.in_the_way(wishes, found, going):
            yield Change(was.id, "update" if rest else "remove", None, was, why, foreign=True, rest=rest)


def _order(kinds: Sequence[type[Resource]], change: Change) -> tuple[int, int, int, str]:
    place = kinds.index(change.kind) + 1
    late = sum(each.late for each in [change.wish or change.was] if each)
    return (0, -place, late, change.id) if change.wish is None else (1, place, late, change.id)


def _not_taken_in(wishes: Mapping[str, Resource], found: Found, changes: Sequence[Change]) -> Iterator[Change]:
    """Give what reads something that changes: what it has in force may be what was there meanwhile."""
    known = {change.id for change in changes}
    for name, wish in wishes.items():
        if name not in known and known.intersection(wish.reads):
            yield Change(name, "update", wish, found.resources.get(name), wish.taken_in)


def _disturbed(wishes: Mapping[str, Resource], found: Found, changes: Sequence[Change]) -> Iterator[Change]:
    """Give what stays as it is, and must be closed while the rest is changed."""
    known = {change.id for change in changes}
    for kind in _in_one_document(found):
        for was in kind.disturbed(changes, found):
            if was.id not in known:
                why = "closed until the end of this run: a port behind it changes hands"
                yield Change(was.id, "update", wishes.get(was.id, was), was, why)


def _batches(changes: list[Change], found: Found) -> list[Batch]:
    alone = (change for change in changes if not issubclass(change.kind, InOneDocument))
    batches = [Batch((change,), tuple(_steps(change)), _order(found.kinds, change)[:3]) for change in alone]
    for kind in _in_one_document(found):
        if members := tuple(change for change in changes if change.kind is kind):
            batches += _of_document(kind, members, found)
    return sorted(batches, key=lambda batch: batch.order)


def _steps(change: Change) -> Iterator[Step]:
    if change.why == ADOPTED and not (change.wish and change.wish.reads):
        return
    if change.wish and (change.fields or change.wish.reload):
        yield from change.wish.converge(change.was)
    elif change.was and not change.wish:
        yield from change.was.displace() if change.foreign else change.was.remove()


def _in_one_document(found: Found) -> Iterator[type[InOneDocument]]:
    yield from (kind for kind in found.kinds if issubclass(kind, InOneDocument))


def _of_document(kind: type[InOneDocument], members: tuple[Change, ...], found: Found) -> Iterator[Batch]:
    """Give what is taken out of a document before all else, and what is put into it when the rest is done.

    Between the two, what a thing leads to is no longer, or not yet, what it was made for.
    """
    leaving = tuple(change for change in members if change.wish is None)
    coming = tuple(change for change in members if change.wish is not None)
    closed = tuple(change for change in coming if change.was)
    if leaving or closed:
        gone = [change.was for change in (*leaving, *closed) if isinstance(change.was, kind)]
        yield Batch(leaving, tuple(kind.write(found, (), gone)) if gone else (), FIRST, closed)
        found = replace(found, outputs={**found.outputs, kind.kind: kind.written(found, gone)})
    if coming:
        wished = [change.wish for change in coming if isinstance(change.wish, kind)]
        yield Batch(coming, tuple(kind.write(found, wished, ())), _order(found.kinds, coming[0])[:3])


def _as_wished(wishes: Mapping[str, Resource], found: Found) -> Iterator[str]:
    for name, wish in wishes.items():
        was = found.resources.get(name)
        if wish.owned and was and was.exists and name not in found.record.lines and not wish.unlike(was):
            yield name


def _unmanaged(
    wishes: Mapping[str, Resource], found: Found, as_wished: Collection[str], told: Collection[str]
) -> Iterator[tuple[str, str]]:
    for name, was in sorted(found.resources.items()):
        ours = name in found.record.lines or (name in wishes and name not in as_wished)
        if was.owned and was.exists and not ours and name not in told:
            yield name, UNRECORDED if name in as_wished else UNREAD if was.unreadable else ""
    for start in sorted(found.unreadable):
        yield start.rstrip("/"), UNREAD


def _left(wishes: Mapping[str, Resource], found: Found) -> Iterator[tuple[str, tuple[list[str], str]]]:
    for name, line in sorted(found.record.lines.items()):
        if line.state == SETTING:
            managed = wishes[name].managed if name in wishes else {}
            fields = line.fingerprint.split(",")
            if gone := [field for field in fields if field not in managed]:
                yield name, (gone, ",".join(field for field in fields if field in managed))
