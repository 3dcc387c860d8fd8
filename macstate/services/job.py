"""A launchd job as a person declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from macstate.launchctl import as_printed
from macstate.resource import Entry, Resource
from macstate.resources.launchd import Launchd
from macstate.types import AbsolutePath, Label, Name, Seconds, ShellName, Word, Words

if TYPE_CHECKING:
    from macstate.facts import Facts
    from macstate.scope import Scope

PATH = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
"""launchd's own PATH has no Homebrew folders."""
PLIST = {  # field -> plist key, where the value goes in as it is
    "working_directory": "WorkingDirectory",
    "throttle": "ThrottleInterval",
    "exit_timeout": "ExitTimeOut",
    "process_type": "ProcessType",
    "interval": "StartInterval",
}


class Job(Entry):
    """A program that launchd starts, keeps alive, or runs at an interval; keyed by its label."""

    section: ClassVar[str] = "launchd"
    named: ClassVar[Any] = Label

    command: Annotated[Words, Field(min_length=1)]
    """The program by its absolute path, and its arguments."""
    domain: Literal["system", "gui"] = "system"
    """``system``: a daemon, there from boot on without a login. ``gui``: an agent of the user at the screen."""
    user: Name | None = None
    """Who runs it in the system domain; default: the Mac's ``user``."""
    environment: Mapping[ShellName, Word] = {}
    """Environment variables; HOME and PATH (with Homebrew's folders) are there by themselves."""
    working_directory: AbsolutePath | None = None
    """Where it starts; default: the user's home."""
    keep_alive: bool | None = None
    """Start it again whenever it ends; default: true without an interval."""
    interval: Seconds | None = None
    """Run it again and again, this long after the last start."""
    throttle: Seconds | None = None
    """The shortest time between two starts (launchd's own default is 10s)."""
    exit_timeout: Seconds | None = None
    """How long it may take to end before it is killed (launchd's own default is 5s)."""
    process_type: Literal["Background", "Standard", "Adaptive", "Interactive"] | None = None
    """How launchd ranks it for CPU and I/O; a model server wants Interactive."""
    open_files: Annotated[int, Field(ge=256)] | None = None
    """How many files it may have open (launchd's own default is 256)."""
    log: AbsolutePath | None = None
    """Where its output goes; default: ``Library/Logs/LABEL.log`` in the user's home, which its user can write."""
    error_log: AbsolutePath | None = None
    """Where its errors go; default: with its output."""

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Have the job looked at in both domains."""
        yield "label", name

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Give the one job."""
        yield self.job(name, scope.facts, self.command, self.environment)

    def job(self, label: str, facts: Facts, command: tuple[str, ...], environment: Mapping[str, str]) -> Launchd:
        """Build the job with this command and environment (an engine may have filled in both)."""
        system = self.domain == "system"
        user = (self.user if system else None) or facts.user
        home = facts.home_of(user)
        keep_alive = self.interval is None if self.keep_alive is None else self.keep_alive
        log = self.log or f"{home}/Library/Logs/{label}.log"
        folder = "/Library/LaunchDaemons" if system else f"{home}/Library/LaunchAgents"
        path = f"{folder}/{label}.plist"
        limits = {"NumberOfFiles": self.open_files}
        plist: dict[str, Any] = {
            "Label": label,
            "ProgramArguments": list(command),
            "EnvironmentVariables": {"HOME": home, "PATH": PATH, **environment},
            "WorkingDirectory": home,
            "KeepAlive": keep_alive,
            "RunAtLoad": keep_alive,
            "StandardOutPath": log,
            "StandardErrorPath": self.error_log or log,
            **({"UserName": user} if system else {}),
            **({"SoftResourceLimits": limits, "HardResourceLimits": limits} if self.open_files else {}),
            **{key: value for field, key in PLIST.items() if (value := getattr(self, field)) is not None},
        }
        return Launchd(
            key=f"system/{label}" if system else f"gui/{facts.uid}/{label}",
            path=path,
            file=plist,
            permissions="0 644" if system else f"{facts.uid} 644",
            enabled=True,
            loaded=as_printed(plist, path),
            running=True if keep_alive else None,
        )
