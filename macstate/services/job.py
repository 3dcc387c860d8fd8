"""A launchd job as a person declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from macstate.entry import Entry
from macstate.resource import Resource
from macstate.resources.launchctl import as_printed
from macstate.resources.launchd import Launchd
from macstate.types import AbsolutePath, Label, Name, Seconds, ShellName, Word, Words

if TYPE_CHECKING:
    from macstate.facts import Facts
    from macstate.scope import Scope

PATH = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
"""launchd's own PATH has no Homebrew folders; they are a user's."""
ROOT_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
"""For what root runs: no folder that somebody else can write to, as Homebrew's are."""
AWAKE = '/usr/bin/caffeinate -i -w $$ & exec "$@"'
"""The server keeps the process that launchd knows, and caffeinate ends with it."""
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

    becomes: ClassVar[Mapping[str, str]] = {
        **{field: f"{key} in the launchd plist" for field, key in PLIST.items()},
        "command": "ProgramArguments in the launchd plist",
        "domain": "a plist in /Library/LaunchDaemons (system), or in ~/Library/LaunchAgents (gui)",
        "user": "UserName in the launchd plist",
        "environment": "EnvironmentVariables in the launchd plist",
        "keep_alive": "KeepAlive in the launchd plist",
        "run_at_load": "RunAtLoad in the launchd plist",
        "keep_awake": "`caffeinate -i` beside it, for as long as its process lives",
        "open_files": "NumberOfFiles of SoftResourceLimits and HardResourceLimits in the launchd plist",
        "log": "StandardOutPath in the launchd plist, and StandardErrorPath without error_log",
        "error_log": "StandardErrorPath in the launchd plist",
    }

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
    run_at_load: bool | None = None
    """Run it once when it is loaded, which is at every boot; default: as ``keep_alive``."""
    keep_awake: bool = False
    """Keep the Mac from idle sleep while it runs, and only then; what a person or an empty battery asks for goes on."""
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

    @property
    def program(self) -> str:
        """What it runs."""
        return self.command[0]

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Have the job looked at in both domains."""
        yield "label", name
        yield "program", self.program
        if self.user == "root":
            yield "way", f"{self.program}/"  # itself too, and where it leads

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Give the one job."""
        yield self.job(name, scope.facts, self.command, self.environment)

    def log_path(self, label: str, facts: Facts) -> str:
        """Say where its output goes."""
        user = (self.user if self.domain == "system" else None) or facts.user
        return self.log or f"{facts.home_of(user)}/Library/Logs/{label}.log"

    def job(self, label: str, facts: Facts, command: tuple[str, ...], environment: Mapping[str, str]) -> Launchd:
        """Build the job with this command and environment (an engine may have filled in both)."""
        system = self.domain == "system"
        user = (self.user if system else None) or facts.user
        home = facts.home_of(user)
        keep_alive = self.interval is None if self.keep_alive is None else self.keep_alive
        log = self.log_path(label, facts)
        folder = "/Library/LaunchDaemons" if system else f"{home}/Library/LaunchAgents"
        path = f"{folder}/{label}.plist"
        limits = {"NumberOfFiles": self.open_files}
        plist: dict[str, Any] = {
            "Label": label,
            "ProgramArguments": ["/bin/sh", "-c", AWAKE, "sh", *command] if self.keep_awake else list(command),
            "EnvironmentVariables": {"HOME": home, "PATH": ROOT_PATH if user == "root" else PATH, **environment},
            "WorkingDirectory": home,
            "KeepAlive": keep_alive,
            "RunAtLoad": keep_alive if self.run_at_load is None else self.run_at_load,
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


def of_root(label: str, facts: Facts, command: tuple[str, ...], **fields: Any) -> Launchd:
    """Build a job of macstate's own that root runs now and then, in a folder and with a PATH of root's."""
    own = {"user": "root", "working_directory": "/", "log": f"/var/log/{label}.log", "keep_alive": False}
    job = Job.model_construct(command=command, **{**own, **fields})
    return job.job(label, facts, command, {})
