"""Screen Sharing: off can be enforced and proven; on can be proven only as far as the service goes.

Since macOS 12.1 the rights to see and to control the screen are granted in System Settings alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from macstate import launchctl
from macstate.entry import Entry
from macstate.outputs import Outputs, each
from macstate.resource import Resource
from macstate.steps import Run, Step

if TYPE_CHECKING:
    from macstate.scope import Scope

TARGET = "system/com.apple.screensharing"
PLIST = "/System/Library/LaunchDaemons/com.apple.screensharing.plist"
SLOWEST_STOP = 30
"""Seconds it may take to be gone."""


class ScreenSharingEntry(Entry):
    """Screen Sharing (VNC on port 5900)."""

    section: ClassVar[str] = "screen_sharing"
    becomes: ClassVar[Mapping[str, str]] = {"enabled": "`launchctl enable|disable` of com.apple.screensharing"}

    enabled: bool
    """Whether the service runs. Who may see and control is granted once, in System Settings."""

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Give the one switch."""
        del name, scope
        yield ScreenSharing(key="service", enabled=self.enabled)


class ScreenSharing(Resource):
    """Apple's own launchd job: enabled means no disable override, and loaded."""

    kind: ClassVar[str] = "screen_sharing"
    entry: ClassVar[type[Entry] | None] = ScreenSharingEntry
    setting: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = ("launchctl print-disabled", "launchctl print")
    script: ClassVar[str] = f"""
section "launchctl print-disabled" launchctl print-disabled system
section "launchctl print" launchctl print "{TARGET}"
"""

    absent: ClassVar[tuple[int, ...]] = (launchctl.NOT_LOADED,)

    key: Literal["service"] = "service"
    enabled: bool | None = None

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read the override, and whether the job is loaded; unknown as long as either is."""
        domains = {argument for argument, _ in each(outputs, "launchctl print-disabled")}
        jobs = [text for argument, text in each(outputs, "launchctl print") if argument in {"", TARGET}]
        if not domains & {"", "system"}:
            return
        if not dict(launchctl.overrides(outputs)).get(TARGET, True):
            yield cls(enabled=False)
        elif jobs and (not jobs[0] or "com.apple.screensharing" in jobs[0]):
            yield cls(enabled=jobs[0].startswith((TARGET + " =", "com.apple.screensharing =")))

    def note(self, was: Self | None) -> str:
        """Tell whoever turns it on what no command can do."""
        on = self.enabled and not (was and was.enabled)
        return (
            "at the Mac, once: System Settings > General > Sharing > Screen Sharing (i) says who may control it"
            if on
            else ""
        )

    def converge(self, was: Self | None) -> Iterator[Step]:
        """Clear the override and load Apple's own plist, or boot the job out and set the override."""
        del was
        if self.enabled:
            yield Run(("launchctl", "enable", TARGET))
            yield from launchctl.bootout(TARGET, SLOWEST_STOP)
            yield Run(("launchctl", "bootstrap", "system", PLIST))
        else:
            yield Run(("launchctl", "disable", TARGET))
            yield from launchctl.bootout(TARGET, SLOWEST_STOP)
