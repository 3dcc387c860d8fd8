"""What endpoints do: for how long they have run, and how many of their requests the gateway has answered."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from macstate.gateway.entry import doors_of
from macstate.kernel.resource import Actual
from macstate.review.health import running
from macstate.spec.declared import Declared

COUNTED = re.compile(r" *([0-9]{1,9}) ([0-9T:+-]{8,22}) ([a-z]+/[0-9]{1,5}) (/\S*)")
"""How often, when (as ``Server.counted`` prints it), by which door, and which path."""


def since(name: str, actual: Actual) -> str:
    """Return for how long an endpoint has run, in one unit; empty if that is not known."""
    age = running(name, actual)
    if age is None:
        return ""
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
        if age >= 2 * seconds:
            return f"{age // seconds} {unit}"
    return f"{age} s"


def answered(declared: Declared, actual: Actual) -> dict[str, str]:
    """Return how many requests the gateway has answered for each endpoint since its start, by the end of the log."""
    told = actual.answers.get("requests")
    if told is None:
        return {}
    now = actual.facts.machine.clock or actual.asked_at[0]
    begun = {name: now - age for name, _ in declared.entries if (age := running(name, actual)) is not None}
    upstreams = [
        (door.name, upstream) for door in doors_of(declared.scope(actual.facts)) for upstream in door.upstreams
    ]
    counts, first = dict.fromkeys((upstream.name for _, upstream in upstreams), 0), now
    for line in told.splitlines():
        if (match := COUNTED.fullmatch(line)) is None or (when := moment(match[2])) is None:
            continue
        first = min(first, when)
        names = (
            upstream.name
            for name, upstream in upstreams
            if name == match[3] and f"{match[4]}/".startswith(f"{upstream.path}/")
        )
        if (name := next(names, "")) and when >= begun.get(name, 0):
            counts[name] += int(match[1])
    more = {name for name in counts if told.startswith("more\n") and first > begun.get(name, 0)}
    return {
        name: f"{'at least ' * (name in more)}{count} request{'s' * (count != 1)} answered"
        for name, count in counts.items()
    }


def moment(text: str) -> float | None:
    """Return the end of the span of time that a line counts, in seconds since 1970; None if it is no time."""
    if text.isdecimal():
        return int(text) * 100 + 99
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp() + 59
    except (ValueError, OverflowError):
        return None
