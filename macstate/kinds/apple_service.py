"""What macOS' own servers have in common: the launchd job is Apple's, and is only switched on or off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

from macstate.kernel.outputs import Outputs, runs_of
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step
from macstate.kinds.launchd import launchctl

SLOWEST_STOP = 30
"""Seconds that the job may take to be gone."""


def script_of(label: str) -> str:
    """Return the part of the probe that reads a job; launchd's own part reads the overrides."""
    return f'reply "launchctl print" launchctl print "system/{label}"'


class AppleService(Resource):
    """A server of macOS'. Enabled means that its job has no disable override, and is loaded."""

    setting: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = ("launchctl print-disabled", "launchctl print")
    absent: ClassVar[tuple[int, ...]] = (launchctl.NOT_LOADED,)
    label: ClassVar[str]
    """Its launchd label, in the system domain."""
    plist: ClassVar[str]
    """The path of Apple's plist."""

    enabled: bool | None = None

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read the override, and whether the job is loaded; yield nothing if either is unknown."""
        target = f"system/{cls.label}"
        domains = {argument for argument, _ in runs_of(outputs, "launchctl print-disabled")}
        jobs = [text for argument, text in runs_of(outputs, "launchctl print") if argument in {"", target}]
        if not domains & {"", "system"}:
            return
        if not dict(launchctl.overrides(outputs)).get(target, True):
            yield cls.model_validate({"enabled": False})
        elif jobs and (not jobs[0] or cls.label in jobs[0]):
            yield cls.model_validate({"enabled": jobs[0].startswith((f"{target} =", f"{cls.label} ="))})

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Clear the override and load Apple's own plist, or set the override and boot the job out."""
        del have
        target = f"system/{self.label}"
        yield Run(("launchctl", "enable" if self.enabled else "disable", target))
        yield from launchctl.bootout(target, SLOWEST_STOP)
        if self.enabled:
            yield Run(("launchctl", "bootstrap", "system", self.plist))
