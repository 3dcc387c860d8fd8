"""What endpoints do now: for how long they run, what is in memory, and how much was asked of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from macstate.found import Found
from macstate.health import running, served
from macstate.resources.model import counted, size
from macstate.services import doors
from macstate.wishes import Wishes

FOREVER = timedelta(days=365)
"""A model that stays for longer was told to stay (Ollama says so with a year in the 24th century)."""
LATEST = 2000
"""No model was unloaded before this year: what says so is no time."""
COUNTED = re.compile(r" *([0-9]{1,9}) ([0-9T:+-]{8,22}) ([a-z]+/[0-9]{1,5}) (/\S*)")
"""How often, when (to the minute of nginx, to the 100 seconds of Caddy), by which door, and what."""


@dataclass(frozen=True)
class Loaded:
    """One model in memory."""

    name: str
    text: str
    """How large it is, and until when it stays."""


def loaded(name: str, found: Found) -> Iterator[Loaded]:
    """Give what an Ollama has in memory, as ``/api/ps`` says it."""
    try:
        models = json.loads(found.asked.get(f"loaded {name}", "").rpartition("\n")[0])["models"] or ()
        for model in models:
            until = _until(str(model.get("expires_at", "")))
            count = counted(model.get("size"))
            text = f"{size(count)} in memory" if count else "in memory, its size is unknown"
            yield Loaded(str(model["name"]), text + until)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return


def _until(text: str) -> str:
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if match is None:
        return ""
    try:
        end = datetime.fromisoformat(f"{match[1]}{match[2].replace('Z', '+00:00')}").astimezone()
    except (ValueError, OverflowError):
        return ""
    now = datetime.now().astimezone()
    if end.year < LATEST:
        return ""
    if end - now > FOREVER:
        return ", until it is unloaded"
    return f", until {end:%Y-%m-%d }{end:%H:%M}" if end.date() != now.date() else f", until {end:%H:%M}"


def listed(name: str, endpoint: Any, found: Found) -> list[str]:
    """Give what a server of OpenAI's sort lists, as far as it tells."""
    here = served(name, endpoint, found) if endpoint.engine == "openai" else ()
    return [] if isinstance(here, str) else sorted(here)


def since(name: str, found: Found) -> str:
    """Say for how long an endpoint runs."""
    age = running(name, found)
    if age is None:
        return ""
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
        if age >= 2 * seconds:
            return f"{age // seconds} {unit}"
    return f"{age} s"


def answered(wishes: Wishes, found: Found) -> dict[str, str]:
    """Say how many requests the gateway has answered for each endpoint since that runs, as the end of its log tells."""
    told = found.asked.get("requests")
    if told is None:
        return {}
    now = found.facts.machine.clock or found.asked_at[0]
    begun = {name: now - age for name, _ in wishes.entries if (age := running(name, found)) is not None}
    ways = [(door.name, way) for door in doors.of(wishes.scope(found.facts)) for way in door.ways]
    counts, first = dict.fromkeys((way.name for _, way in ways), 0), now
    for line in told.splitlines():
        if (match := COUNTED.fullmatch(line)) is None or (when := moment(match[2])) is None:
            continue
        first = min(first, when)
        names = (way.name for name, way in ways if name == match[3] and f"{match[4]}/".startswith(f"{way.path}/"))
        if (name := next(names, "")) and when >= begun.get(name, 0):
            counts[name] += int(match[1])
    more = {name for name in counts if told.startswith("more\n") and first > begun.get(name, 0)}
    return {
        name: f"{'at least ' * (name in more)}{count} request{'s' * (count != 1)} answered"
        for name, count in counts.items()
    }


def moment(text: str) -> float | None:
    """Give the end of the time that was counted together, in seconds since 1970."""
    if text.isdecimal():
        return int(text) * 100 + 99
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp() + 59
    except (ValueError, OverflowError):
        return None
