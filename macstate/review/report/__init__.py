"""A plan on screen. Scripts rely on the wording of the closing line."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from macstate import hint
from macstate.gateway import heads
from macstate.kernel.change import SIGNS, Batch, Change, Plan
from macstate.kernel.exposed import Exposed
from macstate.kernel.left import UNREAD
from macstate.kernel.resource import Actual, Resource
from macstate.kernel.steps import Aside
from macstate.kinds import KINDS
from macstate.kinds.file import text_of
from macstate.review.health import Health
from macstate.review.report import diff
from macstate.review.report.styled import Styled

WORDS = {"create": "add", "update": "change", "remove": "remove"}
WIDEST = 44
"""Most characters of one operation's name. If the titles of a document's changes are longer together, only their
number is told, since pyinfra's table is as wide as its longest row, and has that width twice."""
FEW = 3
"""Most ids that are named for one reason."""
NARROWEST = 20
"""Columns; on a narrower terminal, lines are broken as if it had these."""


def text(  # noqa: PLR0913 - each is told in a way of its own
    name: str,
    plan: Plan,
    *,
    steps: bool = False,
    width: int | None = None,
    only: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    edited: Collection[str] = (),
) -> Iterator[str]:
    """Yield the lines of one Mac's plan; what the internet reaches comes first. ``width`` is the terminal's.

    With ``steps`` every detail is told. ``edited`` has the ids of what others have changed since macstate wrote it.
    """
    told = (Styled(f"note: {note}") for note in notes)
    for line in (*_lines(plan, edited, steps=steps), *told, Styled(summary(name, plan, only))):
        yield from fitted(line, width)


def _lines(plan: Plan, edited: Collection[str], *, steps: bool) -> Iterator[Styled]:
    public = list(_public(plan))
    yield from (Styled(f"! {line}", bold=True) for line in public)
    yield from [Styled("")] * bool(public)
    alone, notes = len(plan.changes) == 1, dict(plan.notes)
    shared = {} if steps else _shared(plan.changes)
    for batch in plan.batches:
        for change in batch.changes:
            note = "" if steps else notes.pop(change.id, "")
            known, off = change.id in edited, not steps and diff.in_short(change)
            told = replace(change, why="") if change.why in shared else change
            yield from _whole(change) if steps else diff.told(told, note, alone=alone, edited=known)
            if shared.get(change.why, ("", 0))[0] == change.id:
                yield Styled(f"    each of these {shared[change.why][1]}: {change.why}")
            yield from (Styled(f"    ! {change.interrupts}") for _ in [0] if change.interrupts and not off)
        if not steps:
            kept = (step.path for step in batch.steps if isinstance(step, Aside))
            yield from (Styled(f"    {path} is kept as {path}.before-macstate") for path in kept)
        if steps:
            yield from (
                Styled(f"- {change.id}  # until the end of this run", diff.COLOURS["remove"]) for change in batch.closes
            )
            yield from (Styled(f"    {step}", fixed=True) for step in batch.steps)
    yield from _unmanaged(plan, steps=steps)
    yield from (Styled(f"note: {identifier} {note}") for identifier, note in notes.items())
    yield from (Styled(f"left: {line}", bold=True) for line in left(plan))
    if plan.changes and plan.stays:
        yield Styled(f"unchanged: {len(plan.stays)}")


def _shared(changes: Sequence[Change]) -> dict[str, tuple[str, int]]:
    """Return (the last id, how many) of removals in a row that share a reason, by that reason."""
    rows = ((why, list(row)) for why, row in groupby(changes, lambda each: each.why if each.action == "remove" else ""))
    found = [(why, row) for why, row in rows if why and len(row) > 1]
    once = Counter(why for why, _ in found)
    return {why: (row[-1].id, len(row)) for why, row in found if once[why] == 1}


def _whole(change: Change) -> Iterator[Styled]:
    brief = change.want.brief() if change.action == "create" and change.want else ""
    reason = f"  # {change.why}" if change.why else ""
    yield Styled(
        f"{SIGNS[change.action]} {change.id}{'  ' if brief else ''}{brief}{reason}", diff.COLOURS[change.action]
    )
    yield from (line.indented(4) for line in diff.lines(change))


def _unmanaged(plan: Plan, *, steps: bool) -> Iterator[Styled]:
    """Yield what is not macstate's, by remark; what macOS hides on every Mac only with ``steps``."""
    groups: dict[tuple[str, str], list[str]] = {}
    hides = {kind.kind: kind.hides for kind in KINDS}
    for identifier, remark in plan.unmanaged:
        kind = identifier.partition("/")[0]
        if steps or not (remark == UNREAD and re.fullmatch(hides.get(kind, "(?!)"), identifier.partition("/")[2])):
            groups.setdefault((kind, remark), []).append(identifier)
    for (_, remark), ids in groups.items():
        yield Styled(f"unmanaged: {', '.join(ids)}" + (f" ({remark})" if remark else ""))


def left(plan: Plan) -> list[str]:
    """Return what stays as it is because it cannot be read or done now, a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for identifier, why in sorted(plan.left.items()):
        reasons.setdefault(why, []).append(identifier)
    return [_with_ids(why, [each for each in ids if each != why]) for why, ids in reasons.items()]


def _with_ids(why: str, ids: list[str]) -> str:
    own = [each for each in ids if why.startswith(f"{each}: ")]
    if not (ids := [each for each in ids if each not in own]):
        return why
    named = ", ".join(ids[:FEW]) + (f" and {len(ids) - FEW} more" if len(ids) > FEW else "")
    if own:
        return f"{why} ({named} too)"
    return f"{why} ({named})" if re.match(r"[a-z_]+(\.\S+)?: ", why) else f"{named}: {why}"


def edited(plan: Plan, actual: Actual) -> frozenset[str]:
    """Return the ids of changes whose actual resource is not what macstate wrote last, as far as the record tells."""
    changes = ((change, actual.record.lines.get(change.id)) for change in plan.changes)
    return frozenset(change.id for change, line in changes if line and not _as_written(change, line.fingerprint))


def _as_written(change: Change, recorded: str) -> bool:
    if change.want is None or change.have is None or not change.want.made:
        return True
    known = {field: getattr(change.have, field) for field in change.want.managed}
    return change.want.model_copy(update=known).fingerprint == recorded


def title(batch: Batch) -> str:
    """Return the name of one operation; the plan names each of its changes."""
    whole = ", ".join(batch.titles)
    if len(batch.titles) == 1 or len(whole) <= WIDEST:
        return whole
    counts = Counter[str](change.action for change in batch.changes)
    said = [f"{counts[action]} to {word}" for action, word in WORDS.items() if counts[action]]
    closed = [f"{len(batch.closes)} closed until the end"] if batch.closes else []
    return f"{(*batch.changes, *batch.closes)[0].kind.kind}: {', '.join((*said, *closed))}"


def fitted(line: Styled, width: int | None) -> Iterator[str]:
    """Yield a line, broken between words and indented if it is longer than the terminal is wide."""
    words = line.text.lstrip()
    indent = line.text[: len(line.text) - len(words)]
    if line.fixed or width is None or len(line.text) <= width:
        yield line.shown(line.text)
        return
    broken = textwrap.wrap(
        words,
        max(width, NARROWEST),
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from map(line.shown, broken)


def summary(name: str, plan: Plan, only: tuple[str, ...] = ()) -> str:
    """Return the closing line; for a run about only some entries, it says so."""
    about = f"{', '.join(only)}: the rest was not looked at"
    rest = len(left(plan))
    if not plan.changes and rest:
        return f"No changes now. {name} does not match the spec: {rest} left."
    if not plan.changes:
        return f"No changes. {name} matches the spec{f' in {about}' if only else ''}."
    counts = Counter[str](each.action for each in plan.changes)
    said = ", ".join(f"{counts[action]} to {word}" for action, word in WORDS.items())
    return f"Plan: {said}.{f' {rest} left.' if rest else ''}{f' Only {about}.' if only else ''}"


def pending(plan: Plan) -> str:
    """Return how many changes are pending."""
    count = len(plan.changes)
    return f"{count} change is pending" if count == 1 else f"{count} changes are pending"


def wanting(todo: Plan, ill: Sequence[str] = (), failed: Collection[str] = ()) -> list[str]:
    """Return what does not match the spec after a run: changes still to make, what is not healthy, and what is left.

    ``failed`` has the ids of changes that have failed in this run, whose reasons were told already.
    """
    reasons = {each.id: f"({each.why})" for each in todo.changes if each.why and each.id not in failed}
    shown = (
        " ".join(filter(None, (each.id, *(field for field, _, _ in each.fields), reasons.get(each.id))))
        for each in todo.changes
    )
    unlike = [*shown, *ill]
    said = [f"not as the spec says after the run: {', '.join(unlike)}"] if unlike else []
    return said + [f"left: {line}" for line in left(todo)]


def proven(plan: Plan, seen: Iterable[Health]) -> str:
    """Return that nothing is left to change, and what goes on by itself."""
    waits = [f"{each.name} is starting" for each in seen if each.state == "starting"]
    if pulls := sum(note.startswith("is on its way: ") for _, note in plan.notes):
        waits.append(f"{pulls} model{'s are' if pulls > 1 else ' is'} being pulled in the background")
    rest = f"; {', '.join(waits)}: {hint.command('status')} tells how far" if waits else ""
    return f"nothing is left to change{rest}"


def _text(resource: Resource | None) -> str:
    """Return the content of a file that macstate makes from the spec, as a gateway's configuration; otherwise empty."""
    text = text_of(resource)
    return text if text.startswith("# Written by macstate from the spec") else ""


def _public(plan: Plan) -> Iterator[str]:
    """Yield what the internet reaches. A route of macstate's that stays is told only beside changes."""
    foreign = dict(plan.unmanaged)
    have = heads.heads(*(_text(change.have) for change in plan.changes))
    yield from heads.widened(have, heads.heads(*map(_text, (*(change.want for change in plan.changes), *plan.stays))))
    for change in plan.changes:
        if isinstance(change.want, Exposed) and change.want.public:
            yield f"{change.id} answers the internet, and asks it for a key"
        elif isinstance(change.have, Exposed) and change.have.public:
            yield f"{change.id} answers the internet now; that ends"
    for identifier, unguarded in plan.public.items():
        if unguarded:
            yield f"{identifier} answers the internet WITHOUT A KEY for {unguarded}, and macstate did not make it"
        elif identifier in foreign:
            yield f"{identifier} answers the internet, and macstate did not make it"
        elif plan.changes:
            yield f"{identifier} answers the internet already, and asks it for a key"
