"""A plan on screen. The closing line is a promise that scripts rely on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import click

from macstate import diff
from macstate.change import SIGNS, Change, Plan

COLOURS = {"create": "green", "update": "yellow", "remove": "red"}


def text(name: str, plan: Plan, *, steps: bool = False, width: int | None = None) -> Iterator[str]:
    """Give the lines of one Mac's plan, what the internet reaches first and apart; ``width`` is the terminal's."""
    for line in _lines(name, plan, steps=steps):
        yield from fitted(line, width)


def _lines(name: str, plan: Plan, *, steps: bool) -> Iterator[str]:
    public = list(_public(plan))
    yield from (click.style(f"! {line}", bold=True) for line in public)
    yield from [""] * bool(public)
    for batch in plan.batches:
        for change in batch.changes:
            yield click.style(f"{SIGNS[change.action]} {change.id}", fg=COLOURS[change.action]) + _reason(change)
            yield from (f"    {line}" for line in diff.lines(change, whole=steps))
            yield from (f"    ! {change.interrupts}" for _ in [0] if change.interrupts)
        if steps:
            yield from (f"    {step}" for step in batch.steps)
    for identifier, remark in plan.unmanaged:
        yield f"unmanaged: {identifier}" + (f" ({remark})" if remark else "")
    yield from (f"note: {identifier} {note}" for identifier, note in plan.notes)
    if plan.changes and plan.same:
        yield f"unchanged: {plan.same}"
    yield summary(name, plan)


def fitted(line: str, width: int | None) -> Iterator[str]:
    """Break a line that is longer than the terminal is wide, between words, and indent what follows."""
    plain = click.unstyle(line)
    if width is None or len(plain) <= width:
        yield line
        return
    words = plain.lstrip()
    indent = plain[: len(plain) - len(words)]
    yield from textwrap.wrap(
        words,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def summary(name: str, plan: Plan) -> str:
    """Give the closing line."""
    if not plan.changes:
        return f"No changes. {name} matches the spec."
    add, change, remove = (
        sum(each.action == action for each in plan.changes) for action in ("create", "update", "remove")
    )
    return f"Plan: {add} to add, {change} to change, {remove} to remove."


def _public(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        if change.wish and change.wish.public:
            yield f"{change.id} answers the internet, and asks it for a key"
        elif change.was and change.was.public:
            yield f"{change.id} answers the internet now; that ends"
    yield from (f"{identifier} answers the internet, and macstate did not make it" for identifier in plan.public)


def _reason(change: Change) -> str:
    return f"  # {change.why}" if change.why else ""
