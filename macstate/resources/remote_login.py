"""Remote Login: whether macOS' own SSH server answers. Tailscale SSH is another server, and needs it not.

It is read from launchd and set there: `systemsetup` wants Full Disk Access for whoever calls it.
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

TARGET = "system/com.openssh.sshd"
PLIST = "/System/Library/LaunchDaemons/ssh.plist"
SLOWEST_STOP = 30
"""Seconds it may take to be gone."""


class RemoteLoginEntry(Entry):
    """Remote Login (macOS' own SSH server, port 22)."""

    section: ClassVar[str] = "remote_login"
    becomes: ClassVar[Mapping[str, str]] = {"enabled": "`launchctl enable|disable` of com.openssh.sshd"}

    enabled: bool
    """Whether it answers. Who may log in is said in System Settings; Tailscale SSH does not need it."""

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Give the one switch."""
        del name, scope
        yield RemoteLogin(enabled=self.enabled)


class RemoteLogin(Resource):
    """Apple's own launchd job: enabled means no disable override, and loaded; it runs while somebody is connected."""

    kind: ClassVar[str] = "remote_login"
    entry: ClassVar[type[Entry] | None] = RemoteLoginEntry
    setting: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = ("launchctl print-disabled", "launchctl print")
    script: ClassVar[str] = f"""
section "launchctl print-disabled" launchctl print-disabled system
section "launchctl print" launchctl print "{TARGET}"
"""

    absent: ClassVar[tuple[int, ...]] = (launchctl.NOT_LOADED,)

    key: Literal["sshd"] = "sshd"
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
        elif jobs and (not jobs[0] or "com.openssh.sshd" in jobs[0]):
            yield cls(enabled=jobs[0].startswith((TARGET + " =", "com.openssh.sshd =")))

    def converge(self, was: Self | None) -> Iterator[Step]:
        """Clear the override and load Apple's own plist, or set the override and boot the job out."""
        del was
        if self.enabled:
            yield Run(("launchctl", "enable", TARGET))
            yield from launchctl.bootout(TARGET, SLOWEST_STOP)
            yield Run(("launchctl", "bootstrap", "system", PLIST))
        else:
            yield Run(("launchctl", "disable", TARGET))
            yield from launchctl.bootout(TARGET, SLOWEST_STOP)
