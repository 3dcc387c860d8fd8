"""The Mac's time zone, by which jobs with a `schedule` run and logs are written.

It is read from the link from which every program reads it, since `systemsetup` needs root even to tell it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator

from macstate.kernel.declaration import Declaration
from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step
from macstate.language.types import LONGEST_NAME

if TYPE_CHECKING:
    from macstate.language.scope import Scope

READ = "readlink /etc/localtime"
ZONES = re.compile(r"^(/var/db/timezone|/usr/share)/zoneinfo/")
"""The folder of zones: the first one from macOS 10.13 on."""
LONGEST_TARGET = 200
"""Most characters of the link's target that are shown."""
AREAS = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific"
LISTED = re.compile(rf"({AREAS})(/[A-Z][A-Za-z0-9_+-]*){{1,2}}|GMT")
"""What `systemsetup -listtimezones` has: no UTC, and nothing below Etc."""
UNIVERSAL = {"utc", "uct", "zulu", "universal", "greenwich"}
"""Other names of GMT."""


def _zone(value: str) -> str:
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415 - slow to load, so only if needed

    if len(value) > LONGEST_NAME:
        why = f"a time zone has at most {LONGEST_NAME} characters, and this has {len(value)}"
        raise ValueError(f"{why}; type its area and city, such as `Europe/Paris`")
    if LISTED.fullmatch(value):
        with suppress(LookupError, ValueError, OSError):
            ZoneInfo(value)
            return value
    known = sorted(filter(LISTED.fullmatch, available_timezones()))
    if LISTED.fullmatch(value) and not known:  # this laptop has no list
        return value
    near = _near(re.sub(r"\s+", "_", value.strip().lower()), known)
    how = f"did you mean `{near}`?" if near else "type its area and city, such as `Europe/Paris`"
    raise ValueError(f"{value!r} is not a time zone that macOS lists; {how}")


def _near(typed: str, known: Sequence[str]) -> str:
    """Return the zone that is meant, by its whole name or its city; empty if none is near."""
    parts = typed.split("/")
    if parts[-1] in UNIVERSAL:
        return "GMT"
    names = {name: zone for zone in known for name in (zone.lower(), zone.lower().rpartition("/")[2])}
    found = (match for word in (typed, *parts) for match in get_close_matches(word, names, n=1, cutoff=0.8))
    return next(map(names.__getitem__, found), "")


class TimeZoneEntry(Declaration):
    """The Mac's time zone. Programs that run already keep the old one until they are started again."""

    sample: ClassVar[str] = "{name: Europe/Paris}"
    section: ClassVar[str] = "time_zone"
    short: ClassVar[Any] = str
    becomes: ClassVar[Mapping[str, str]] = {
        "name": "`systemsetup -settimezone`, which makes /etc/localtime a link to it"
    }

    name: Annotated[str, AfterValidator(_zone)]
    """Area and city, as Europe/Paris, or GMT. Where System Settings sets it by location, that wins over it."""

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the one setting."""
        del name, scope
        yield TimeZone(name=self.name)


class TimeZone(Resource):
    """The time zone of the Mac's clocks."""

    kind: ClassVar[str] = "time_zone"
    setting: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = (READ,)
    absent: ClassVar[tuple[int, ...]] = (1,)

    key: Literal["localtime"] = "localtime"
    name: str | None = None

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read the name below the folder of zones; a link to something else counts as a zone of that name."""
        if READ in outputs:  # empty if a file stands there in place of the link
            yield cls(name=ZONES.sub("", outputs[READ].strip())[:LONGEST_TARGET])

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Set it; the error that systemsetup prints meanwhile means nothing (macOS 11 on)."""
        del have
        yield Run(("systemsetup", "-settimezone", str(self.name)))
