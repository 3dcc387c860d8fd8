"""When a Mac that may sleep wakes and falls asleep by itself: pmset's one pair of repeating events."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator

from macstate.kernel.declaration import Declaration
from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step
from macstate.language.entry import Entry
from macstate.language.scope import Scope
from macstate.language.types import Days, short, time_of_day

SCHED = "pmset -g sched"
DAYS = {"daily": "MTWRFSU", "weekdays": "MTWRF", "weekends": "SU", "monday": "M", "tuesday": "T", "wednesday": "W"}
DAYS |= {"thursday": "R", "friday": "F", "saturday": "S", "sunday": "U"}
"""How days are typed here, and for ``pmset repeat``."""
SHOWN = {"every day": "daily", "weekdays only": "weekdays", "weekends only": "weekends"}
"""What ``pmset -g sched`` prints for several days, to our word for them (pmset.m)."""
EVENT = re.compile(r"(?P<type>[a-z]+) at (?P<hour>\d+):(?P<minute>\d\d)(?P<half>[AP]M) (?P<days>\S.*)")


class Event(Entry):
    """One event of the pair."""

    sample: ClassVar[str] = "{at: '08:25'}"

    at: Annotated[str, AfterValidator(partial(time_of_day, example="08:25", otherwise="never"))]
    """When, by the Mac's own clock, in quotes: '08:25'; never: it has none."""
    days: Days = "daily"
    """On which days."""

    def text(self, kind: str) -> str:
        """Return it in one line, as it is compared; empty for never."""
        return "" if self.at == "never" else f"{kind} {self.at} {self.days}"


class PowerScheduleEntry(Declaration):
    """When the Mac wakes and sleeps on its own (pmset repeat); macOS keeps one event of each sort."""

    sample: ClassVar[str] = "{wake: {at: '08:25'}}"
    section: ClassVar[str] = "power_schedule"
    becomes: ClassVar[Mapping[str, str]] = {
        "wake": "`pmset repeat wakeorpoweron DAYS HH:MM:00`",
        "sleep": "`pmset repeat sleep DAYS HH:MM:00`",
    }

    wake: Annotated[Event, short(str | Event)] | None = None
    """It wakes, or starts if it is off."""
    sleep: Annotated[Event, short(str | Event)] | None = None
    """It sleeps, unless something forbids that; then nothing answers until it wakes."""

    @classmethod
    def written_out(cls, name: str, value: Any) -> Any:
        """Read a time of day alone as every day at that time."""
        if not isinstance(value, dict):
            return super().written_out(name, value)
        return {field: {"at": each} if isinstance(each, str) else each for field, each in value.items()}

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the pair as one setting, since pmset writes both at once."""
        del name, scope
        wake = self.wake.text("wakeorpoweron") if self.wake else None
        sleep = self.sleep.text("sleep") if self.sleep else None
        if wake is not None or sleep is not None:
            yield PowerSchedule(wake=wake, sleep=sleep)


class PowerSchedule(Resource):
    """The pair; each event has the type, time and days that ``pmset repeat`` takes, and is empty if there is none."""

    kind: ClassVar[str] = "power_schedule"
    setting: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = (SCHED,)

    key: Literal["repeat"] = "repeat"
    wake: str | None = None
    sleep: str | None = None

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read the repeating events; those of a single date are of calendars and programs."""
        if (printed := outputs.get(SCHED)) is None:
            return
        repeating = printed.partition("Repeating power events:")[2].partition("Scheduled power events:")[0]
        pair = {"wake": "", "sleep": ""}
        for line in filter(None, map(str.strip, repeating.splitlines())):
            match = EVENT.fullmatch(line)
            days = match and SHOWN.get(match["days"], match["days"].lower())
            if match is None or days not in DAYS:
                yield cls(unreadable=f"`{SCHED}` shows {line!r}, which macstate cannot read")
                return
            hour = int(match["hour"]) % 12 + 12 * (match["half"] == "PM")
            kind = match["type"].replace("wakepoweron", "wakeorpoweron")
            field = "wake" if kind in {"wake", "poweron", "wakeorpoweron"} else "sleep"
            pair[field] = f"{kind} {hour:02}:{match['minute']} {days}"
        yield cls.model_validate(pair)

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Write the pair; an event that the spec does not name stays as it is."""
        words: list[str] = []
        for field in ("wake", "sleep"):
            wanted = getattr(self, field)
            if event := getattr(have, field, None) if wanted is None else wanted:
                kind, at, days = event.split()
                words += [kind, DAYS[days], f"{at}:00"]
        yield Run(("pmset", "repeat", *(words or ["cancel"])))
