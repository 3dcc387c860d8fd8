"""A plan on screen. The closing line is a promise that scripts rely on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from macstate.change import SIGNS, Change, Plan
from macstate.health import Health
from macstate.report import diff
from macstate.report.styled import Styled

COLOURS = {"create": "green", "update": "yellow", "remove": "red"}
NARROWEST = 20
"""Columns; on a terminal that is narrower, lines are broken as if it had these."""


def text(
    name: str, plan: Plan, *, steps: bool = False, width: int | None = None, only: tuple[str, ...] = ()
) -> Iterator[str]:
    """Give the lines of one Mac's plan, what the internet reaches first and apart; ``width`` is the terminal's."""
    for line in (*_lines(plan, steps=steps), Styled(summary(name, plan, only))):
        yield from fitted(line, width)


def _lines(plan: Plan, *, steps: bool) -> Iterator[Styled]:
    public = list(_public(plan))
    yield from (Styled(f"! {line}", bold=True) for line in public)
    yield from [Styled("")] * bool(public)
    alone = len(plan.changes) == 1
    for batch in plan.batches:
        for change in batch.changes:
            yield Styled(f"{SIGNS[change.action]} {change.id}{_reason(change)}", COLOURS[change.action])
            yield from (line.indented(4) for line in diff.lines(change, new=steps, repeated=alone))
            yield from (Styled(f"    ! {change.interrupts}") for _ in [0] if change.interrupts)
        if steps:
            yield from (
                Styled(f"- {change.id}  # until the end of this run", COLOURS["remove"]) for change in batch.closes
            )
            yield from (Styled(f"    {step}", fixed=True) for step in batch.steps)
    for identifier, remark in plan.unmanaged:
        yield Styled(f"unmanaged: {identifier}" + (f" ({remark})" if remark else ""))
    yield from (Styled(f"note: {identifier} {note}") for identifier, note in plan.notes)
    if plan.changes and plan.stays:
        yield Styled(f"unchanged: {len(plan.stays)}")


def fitted(line: Styled, width: int | None) -> Iterator[str]:
    """Break a line that is longer than the terminal is wide, between words, and indent what follows."""
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
    """Give the closing line; of a run that is about some entries alone, with that."""
    about = f"{', '.join(only)}: the rest was not looked at"
    if not plan.changes:
        return f"No changes. {name} matches the spec{f' in {about}' if only else ''}."
    add, change, remove = (
        sum(each.action == action for each in plan.changes) for action in ("create", "update", "remove")
    )
    return f"Plan: {add} to add, {change} to change, {remove} to remove.{f' Only {about}.' if only else ''}"


def wanting(left: Plan, ill: list[str]) -> str:
    """Say what verify found wanting: what is still to change, and what is not well."""
    shown = (
        " ".join((each.id, *(field for field, _, _ in each.fields), *([f"({each.why})"] if each.why else [])))
        for each in left.changes
    )
    return f"not as the spec says after the run: {', '.join((*shown, *ill))}"


def proven(plan: Plan, seen: Iterable[Health]) -> str:
    """Say that nothing is left to change, and what goes on by itself."""
    waits = [f"{each.name} is starting" for each in seen if each.state == "starting"]
    if pulls := sum(identifier.startswith("model/") for identifier, _ in plan.notes):
        waits.append(f"{pulls} model{'s are' if pulls > 1 else ' is'} being pulled in the background")
    rest = f"; {', '.join(waits)}: `macstate status` tells how far" if waits else ""
    return f"nothing is left to change{rest}"


def _public(plan: Plan) -> Iterator[str]:
    """Say what the internet reaches. What it reached before is told with changes only: a plan without is one line."""
    foreign = dict(plan.unmanaged)
    for change in plan.changes:
        if change.wish and change.wish.public:
            yield f"{change.id} answers the internet, and asks it for a key"
        elif change.was and change.was.public:
            yield f"{change.id} answers the internet now; that ends"
    for identifier, unguarded in plan.public.items():
        if unguarded:
            yield f"{identifier} answers the internet WITHOUT A KEY for {unguarded}, and macstate did not make it"
        elif identifier in foreign:
            yield f"{identifier} answers the internet, and macstate did not make it"
        elif plan.changes:
            yield f"{identifier} answers the internet already, and asks it for a key"


def _reason(change: Change) -> str:
    return f"  # {change.why}" if change.why else ""
