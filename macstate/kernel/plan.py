"""The difference between desired and actual, as a pure function: sorted changes with everything decided."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from macstate.kernel.change import Batch, Change, Plan
from macstate.kernel.contested import Contested
from macstate.kernel.document import InOneDocument
from macstate.kernel.exposed import Exposed
from macstate.kernel.left import UNREAD, left
from macstate.kernel.record import SETTING
from macstate.kernel.reloaded import Reloaded
from macstate.kernel.resource import Actual, Resource
from macstate.kernel.steps import Step

FIRST = (-1, 0, 0)
"""The place of the batch that closes routes before anything else is changed."""
ADOPTED = "adopted: it is as the spec wishes"
UNRECORDED = "as wished, but not in macstate's record: it stays when its entry goes; `--data allow=adopt` adopts it"


def plan(
    desired: Mapping[str, Resource],
    actual: Actual,
    only: frozenset[str] | None = None,
    *,
    adopt: bool = False,
    without: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Compare desired and actual, and return the plan; with ``only``, it changes, removes and tells of these ids alone.

    With ``adopt``, an object that matches the spec but is in no record is recorded as if macstate had made it.
    ``without`` has what cannot be done, with the reason, by id: that stays as it is, and so does what needs it.
    """
    whole_mac = actual
    desired = {name: known for name, want in desired.items() if (known := want.beside(whole_mac, desired))}
    left_out = {name: why for name, why in left(desired, actual, without).items() if only is None or name in only}
    about = {*desired, *actual.record.lines} if only is None else only
    desired = {name: want for name, want in desired.items() if name in about and name not in left_out}
    lines = {name: line for name, line in actual.record.lines.items() if name in about and name not in left_out}
    actual = replace(actual, record=replace(actual.record, lines=lines))
    adoptable = frozenset(_adoptable(desired, actual))
    adopted = [Change(name, "update", desired[name], actual.resources[name], ADOPTED) for name in adoptable if adopt]
    going = {name for name, line in lines.items() if line.state != SETTING and name not in desired}
    in_the_way = list(_make_way(desired, whole_mac, going))
    differing = (*adopted, *_converge(desired, actual), *_remove(desired, actual), *in_the_way)
    differing = (*differing, *_to_reload(desired, actual, differing))
    changes = sorted((*differing, *_disturbed(desired, whole_mac, differing)), key=partial(_order, actual.kinds))
    dropped = dict(_dropped_fields(desired, actual))
    kept_fields = ((f"{name}.{field}", "left as found") for name, (fields, _) in dropped.items() for field in fields)
    told = {*left_out, *(change.id for change in in_the_way), *(adoptable if adopt else ())}
    unmanaged = (*_unmanaged(desired, actual, adoptable, told), *kept_fields) if only is None else ()
    notes = tuple((name, note) for name, want in desired.items() if (note := want.note(actual.resources.get(name))))
    fields_that_stay = {name: stay for name, (_, stay) in dropped.items()}
    changed = {change.id for change in changes}
    unchanged = sorted({*desired, *dict(unmanaged)} - changed)
    exposed = {name: have for name in unchanged if isinstance(have := actual.resources.get(name), Exposed)}
    public = {name: have.unguarded(desired) for name, have in exposed.items() if have.public}
    owned = sum(line.state != SETTING for line in actual.record.lines.values())
    stays = tuple(want for name, want in desired.items() if name not in changed)
    batches = tuple(_batches(changes, actual))
    return Plan(batches, unmanaged, fields_that_stay, stays, owned, public, notes, adoptable, left_out)


def _converge(desired: Mapping[str, Resource], actual: Actual) -> Iterator[Change]:
    for name, want in desired.items():
        have, line = actual.resources.get(name), actual.record.lines.get(name)
        fields, state = want.unlike(have), line.state if line else ""
        if have is None or not have.exists:
            if want.managed:
                yield Change(name, "create", want, None, want.because(have, fields, state) if have else "")
        elif fields:
            yield Change(name, "update", want, have, want.because(have, fields, state), foreign=want.owned and not line)
        elif want.owned and line and line.state == "pending":
            yield Change(name, "update", want, have, "an earlier run was cut off in the middle of it")
        elif isinstance(want, Reloaded) and line and not want.config_loaded(line.fingerprint):
            yield Change(name, "update", want, have, want.taken_in)


def _remove(desired: Mapping[str, Resource], actual: Actual) -> Iterator[Change]:
    for name, line in actual.record.lines.items():
        if name not in desired and line.state != SETTING:
            there = actual.resources.get(name)
            have = there if there and there.exists else None
            kind = next(kind for kind in actual.kinds if kind.kind == name.partition("/")[0])
            why = have.brief(going=True) if have else kind.gone
            yield Change(name, "remove", None, have, why, recorded_by_root=line.root, gone=kind)


def _make_way(desired: Mapping[str, Resource], actual: Actual, going: Collection[str]) -> Iterator[Change]:
    contested = (kind for kind in actual.kinds if issubclass(kind, Contested))
    for have, rest, why in (each for kind in contested for each in kind.in_the_way(desired, actual, going)):
        yield Change(have.id, "update" if rest else "remove", None, have, why, foreign=True, rest=rest)


def _order(kinds: Sequence[type[Resource]], change: Change) -> tuple[int, int, int, str]:
    rank = kinds.index(change.kind) + 1
    late = sum(each.late for each in [change.want or change.have] if each)
    return (0, -rank, late, change.id) if change.want is None else (1, rank, late, change.id)


def _to_reload(desired: Mapping[str, Resource], actual: Actual, changes: Sequence[Change]) -> Iterator[Change]:
    """Yield a change for each resource that reads a changing one: it may have taken in what was there meanwhile."""
    known = {change.id for change in changes}
    for name, want in desired.items():
        if isinstance(want, Reloaded) and name not in known and known.intersection(want.reads):
            yield Change(name, "update", want, actual.resources.get(name), want.taken_in)


def _disturbed(desired: Mapping[str, Resource], actual: Actual, changes: Sequence[Change]) -> Iterator[Change]:
    """Yield a change for each resource that stays as it is, but must be closed while others are changed."""
    known = {change.id for change in changes}
    for kind in _in_one_document(actual):
        for have in kind.disturbed(changes, actual):
            if have.id not in known:
                why = "closed until the end of this run: a port behind it changes hands"
                yield Change(have.id, "update", desired.get(have.id, have), have, why)


def _batches(changes: list[Change], actual: Actual) -> list[Batch]:
    alone = (change for change in changes if not issubclass(change.kind, InOneDocument))
    batches = [Batch((change,), tuple(_steps(change)), _order(actual.kinds, change)[:3]) for change in alone]
    for kind in _in_one_document(actual):
        if members := tuple(change for change in changes if change.kind is kind):
            batches += _of_document(kind, members, actual)
    return sorted(batches, key=lambda batch: batch.order)


def _steps(change: Change) -> Iterator[Step]:
    want, have = change.want, change.have
    reads = want.reads if isinstance(want, Reloaded) else ()
    if change.why == ADOPTED and not reads:
        return
    if want:
        yield from want.converge(have) if change.fields or isinstance(want, Reloaded) else ()
    elif change.foreign and isinstance(have, Contested):
        yield from have.displace()
    elif have:
        yield from have.remove()


def _in_one_document(actual: Actual) -> Iterator[type[InOneDocument]]:
    yield from (kind for kind in actual.kinds if issubclass(kind, InOneDocument))


def _of_document(kind: type[InOneDocument], members: tuple[Change, ...], actual: Actual) -> Iterator[Batch]:
    """Yield a batch that takes resources out of a document before all else, and one that puts them in at the end.

    Between the two, what is behind a resource is no longer, or not yet, what the resource was made for.
    """
    leaving = tuple(change for change in members if change.want is None)
    coming = tuple(change for change in members if change.want is not None)
    closed = tuple(change for change in coming if change.have)
    if leaving or closed:
        gone = [change.have for change in (*leaving, *closed) if isinstance(change.have, kind)]
        yield Batch(leaving, tuple(kind.write(actual, (), gone)) if gone else (), FIRST, closed)
        actual = replace(actual, outputs={**actual.outputs, kind.kind: kind.written(actual, gone)})
    if coming:
        wanted = [change.want for change in coming if isinstance(change.want, kind)]
        yield Batch(coming, tuple(kind.write(actual, wanted, ())), _order(actual.kinds, coming[0])[:3])


def _adoptable(desired: Mapping[str, Resource], actual: Actual) -> Iterator[str]:
    for name, want in desired.items():
        have = actual.resources.get(name)
        if want.owned and have and have.exists and name not in actual.record.lines and not want.unlike(have):
            yield name


def _unmanaged(
    desired: Mapping[str, Resource], actual: Actual, adoptable: Collection[str], told: Collection[str]
) -> Iterator[tuple[str, str]]:
    for name, have in sorted(actual.resources.items()):
        ours = name in actual.record.lines or (name in desired and name not in adoptable)
        if have.owned and have.exists and not ours and name not in told:
            yield name, UNRECORDED if name in adoptable else UNREAD if have.unreadable else ""
    for start in sorted(actual.unreadable):
        yield start.rstrip("/"), UNREAD


def _dropped_fields(desired: Mapping[str, Resource], actual: Actual) -> Iterator[tuple[str, tuple[list[str], str]]]:
    for name, line in sorted(actual.record.lines.items()):
        if line.state == SETTING:
            managed = desired[name].managed if name in desired else {}
            fields = line.fingerprint.split(",")
            if gone := [field for field in fields if field not in managed]:
                yield name, (gone, ",".join(field for field in fields if field in managed))
