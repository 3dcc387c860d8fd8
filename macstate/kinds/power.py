"""The idle timers and wake rules of each power source, and the system-wide switch that forbids sleep."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from macstate.kernel.declaration import Declaration
from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step
from macstate.language.entry import Entry
from macstate.language.types import Minutes, NoBool

if TYPE_CHECKING:
    from macstate.language.scope import Scope

FLAGS = {"ac": "-c", "battery": "-b", "ups": "-u"}
SOURCES = {"AC Power": "ac", "Battery Power": "battery", "UPS Power": "ups"}


class Profile(Entry):
    """What holds while the Mac runs on one power source."""

    sample: ClassVar[str] = "{sleep: never}"

    sleep: Minutes | None = None
    """Idle minutes until the Mac sleeps; 0 is never."""
    displaysleep: Minutes | None = None
    """Idle minutes until the display sleeps; 0 is never."""
    disksleep: Minutes | None = None
    """Idle minutes until disks spin down; 0 is never."""
    womp: bool | None = None
    """Wake for a magic packet (System Settings: Wake for network access)."""
    powernap: bool | None = None
    """Wake now and then for background work."""
    tcpkeepalive: bool | None = None
    """Keep network connections while asleep; off, Find My Mac cannot find it asleep."""
    autorestart: bool | None = None
    """Start again after a power failure, if the Mac was on."""
    autorestartatconnect: bool | None = None
    """Start whenever power is connected (macOS 26.5 on). System Settings sets autorestart to 0 with it."""
    lowpowermode: bool | None = None
    """Trade speed for quiet and watts; newer Macs have powermode instead."""
    powermode: Annotated[Literal[0, 1, 2] | None, NoBool] = None
    """0 automatic, 1 low power, 2 high power: Macs that have this have no lowpowermode."""
    standby: bool | None = None
    """Write memory to disk after a long sleep, and cut its power."""
    hibernatemode: Annotated[Literal[0, 3, 25] | None, NoBool] = None
    """Where memory goes in sleep: 0 it stays, 3 it is on disk too, 25 on disk alone (portable Macs)."""
    ttyskeepawake: bool | None = None
    """No idle sleep while a remote session is active."""
    networkoversleep: bool | None = None
    """Prefer being reached over deep sleep, where file sharing asks for it."""
    lessbright: bool | None = None
    """Dim the display (portable Macs on battery)."""
    proximitywake: bool | None = None
    """Wake when a device with the same iCloud account is near (pmset(1); Intel Macs, and portable ones)."""


Profile.becomes = {field: f"`pmset -c|-b|-u {field} …`, by the power source" for field in Profile.model_fields}


class PowerEntry(Declaration):
    """Energy settings (pmset)."""

    sample: ClassVar[str] = "{ac: {sleep: never}}"
    section: ClassVar[str] = "power"
    becomes: ClassVar[Mapping[str, str]] = {
        **{source: f"`pmset {flag} …`" for source, flag in FLAGS.items()},
        "disablesleep": "`pmset -a disablesleep 0|1`",
    }

    former: ClassVar[Mapping[str, str]] = {
        field: f"it belongs to one power source; type `ac: {{{field}: VALUE}}`" for field in Profile.model_fields
    }

    ac: Profile | None = None
    """On mains power."""
    battery: Profile | None = None
    """On battery (portable Macs)."""
    ups: Profile | None = None
    """On an uninterruptible power supply; its profile sleeps after a minute out of the box."""
    disablesleep: bool | None = None
    """Forbid every sleep, whatever the power source. It also vetoes the emergency sleep on overheating."""

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield one resource for each power source that is named, and one for the system-wide switch."""
        del name, scope
        for source in FLAGS:
            if profile := getattr(self, source):
                yield Power.model_validate({"key": source, **profile.model_dump()})
        if self.disablesleep is not None:
            yield Power(key="system", disablesleep=self.disablesleep)


class Power(Profile, Resource):
    """The profile of one power source, or the settings of all (``system``)."""

    kind: ClassVar[str] = "power"
    setting: ClassVar[bool] = True
    # `-g custom` has the stored profiles; only ioreg shows disablesleep as it is in force
    probes: ClassVar[tuple[str, ...]] = ("pmset -g custom", "ioreg -r -c IOPMrootDomain -d 1")

    key: Literal["ac", "battery", "ups", "system"]
    disablesleep: bool | None = None
    """Only for ``system``: pmset takes a power source with it, but ignores that."""

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read the sections of ``pmset -g custom`` and ioreg's ``SleepDisabled`` (absent: never set, so off)."""
        for section in re.split(r"^(?=\S)", outputs.get("pmset -g custom", ""), flags=re.MULTILINE):
            title, _, lines = section.partition(":\n")
            if title in SOURCES:
                pairs = dict(re.findall(r"^ (\S.*?) +(\d{1,18})$", lines, flags=re.MULTILINE))
                known = {name: int(value) for name, value in pairs.items() if name in Profile.model_fields}
                yield cls.model_validate({"key": SOURCES[title], **known}, strict=False)
        if "IOPMrootDomain" in (tree := outputs.get("ioreg -r -c IOPMrootDomain -d 1", "")):
            yield cls.model_validate({"key": "system", "disablesleep": '"SleepDisabled" = Yes' in tree})

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Set what differs in one call: pmset writes all pairs or, on a mistake, none."""
        pairs = [word for name in self.unlike(have) for word in (name, str(int(getattr(self, name))))]
        if pairs and self.key == "system":
            yield Run(("pmset", "-a", *pairs))
        elif pairs:
            yield Run(("pmset", FLAGS[self.key], *pairs))
