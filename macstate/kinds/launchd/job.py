"""A launchd job as a person declares it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Strict, Tag, model_validator

from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Resource
from macstate.kinds.launchd import Launchd
from macstate.kinds.launchd.launchctl import as_printed
from macstate.language import meant
from macstate.language.entry import Entry
from macstate.language.types import AbsolutePath, Days, Label, Seconds, ShellName, User, Variable, Words, time_of_day

if TYPE_CHECKING:
    from macstate.language.facts import Facts
    from macstate.language.scope import Scope

T = TypeVar("T")
PATH = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
"""The PATH of a user's job: launchd's own has no Homebrew folders, which belong to a user."""
ROOT_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
"""The PATH of root's jobs: no folder that somebody else can write to, as Homebrew's."""
AWAKE = '/usr/bin/caffeinate -i -w $$ & exec "$@"'
"""A script that runs a server in the process that launchd knows; caffeinate ends with the server."""
PLIST = {  # field -> plist key, if the value goes in as it is
    "working_directory": "WorkingDirectory",
    "throttle": "ThrottleInterval",
    "exit_timeout": "ExitTimeOut",
    "process_type": "ProcessType",
    "interval": "StartInterval",
}


DAYS: dict[str, tuple[int, ...]] = {"daily": (), "weekdays": (1, 2, 3, 4, 5), "weekends": (6, 0)}
DAYS |= {
    name: (number,)
    for number, name in enumerate(("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"))
}
"""The numbers of days in StartCalendarInterval (launchd.plist(5)); none means every day."""


def _time(value: object) -> object:
    """Read a time of day alone as every day at that time."""
    return {"at": value} if isinstance(value, str) else value


def _some(value: tuple[T, ...]) -> tuple[T, ...]:
    if not value:  # pydantic's own bound counts only the valid ones, and calls a list of mistakes empty
        raise ValueError("it is empty; name at least one")
    return value


class When(Entry):
    """A time at which a job runs; one that the Mac sleeps through is made up for when it wakes."""

    sample: ClassVar[str] = "{at: '03:30'}"

    at: Annotated[str, AfterValidator(partial(time_of_day, example="03:30"))]
    """When, by the Mac's own clock, in quotes: '03:30'."""
    days: Days = "daily"
    """On which days."""

    @property
    def intervals(self) -> list[dict[str, int]]:
        """The dictionaries of StartCalendarInterval for this time."""
        hour, minute = map(int, self.at.split(":"))
        return [{"Hour": hour, "Minute": minute, **day} for day in ({"Weekday": each} for each in DAYS[self.days])] or [
            {"Hour": hour, "Minute": minute}
        ]


class KeepAlive(Entry):
    """When a program is started again; any one of these conditions will do."""

    sample: ClassVar[str] = "{crashed: true}"

    successful_exit: bool | None = None
    """Where it ended with 0 (true), or with another status (false)."""
    crashed: bool | None = None
    """Where a crash ended it (true), or something else (false)."""
    paths: Mapping[AbsolutePath, bool] = {}
    """While a file or folder is there (true), or is not (false)."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.plist:
            raise ValueError("it names no condition; type `true`, or one of successful_exit, crashed, paths")
        return self

    @property
    def plist(self) -> dict[str, Any]:
        """The dictionary of KeepAlive."""
        found = {"SuccessfulExit": self.successful_exit, "Crashed": self.crashed, "PathState": dict(self.paths) or None}
        return {key: value for key, value in found.items() if value is not None}


def _form(*kinds: type) -> Discriminator:
    """Return what tells a value of these types from a plain one; mistakes.py takes its tags out of error places."""
    return Discriminator(lambda value: "[more]" if isinstance(value, kinds) else "[one]")


Moment = Annotated[When, BeforeValidator(_time, json_schema_input_type=When | str)]
Kept = Annotated[Annotated[bool, Tag("[one]")] | Annotated[KeepAlive, Tag("[more]")], _form(dict, KeepAlive)]
Several = Annotated[
    tuple[Moment, ...], Strict(strict=False), AfterValidator(_some), Field(json_schema_extra={"minItems": 1})
]
Times = Annotated[Annotated[Moment, Tag("[one]")] | Annotated[Several, Tag("[more]")], _form(list, tuple)]


class Job(Declaration):
    """A program that launchd starts, keeps alive, or runs at an interval or by the clock; keyed by its label."""

    sample: ClassVar[str] = "{command: [/opt/homebrew/bin/NAME]}"
    section: ClassVar[str] = "launchd"
    named: ClassVar[Any] = Label

    becomes: ClassVar[Mapping[str, str]] = {
        **{field: f"{key} in the launchd plist" for field, key in PLIST.items()},
        "command": "ProgramArguments in the launchd plist",
        "domain": "a plist in /Library/LaunchDaemons (system), or in ~/Library/LaunchAgents (gui)",
        "user": "UserName in the launchd plist",
        "environment": "EnvironmentVariables in the launchd plist",
        "keep_alive": "KeepAlive in the launchd plist (SuccessfulExit, Crashed, PathState)",
        "schedule": "StartCalendarInterval in the launchd plist",
        "watch_paths": "WatchPaths in the launchd plist",
        "waits_for": "KeepAlive's PathState in the launchd plist",
        "run_at_load": "RunAtLoad in the launchd plist",
        "keep_awake": "`caffeinate -i` beside it, for as long as its process lives",
        "open_files": "NumberOfFiles of SoftResourceLimits and HardResourceLimits in the launchd plist",
        "log": "StandardOutPath in the launchd plist, and StandardErrorPath without error_log",
        "error_log": "StandardErrorPath in the launchd plist",
    }

    command: Annotated[Words, Field(min_length=1)]
    """The program by its absolute path, and its arguments."""
    domain: Literal["system", "gui"] = "system"
    """``system``: a daemon, which runs from boot on without a login. ``gui``: an agent of the user at the screen."""
    user: User | None = None
    """Who runs it in the system domain; default: the Mac's ``user``."""
    environment: Mapping[ShellName, Variable] = {}
    """Environment variables; HOME and PATH (with Homebrew's folders) are always set."""
    working_directory: AbsolutePath | None = None
    """Where it starts; default: the user's home."""
    keep_alive: Kept | None = None
    """Start it again whenever it ends, or in these cases; default: true where no interval, time or path starts it."""
    run_at_load: bool | None = None
    """Run it once when it is loaded, which is at every boot; default: as ``keep_alive``."""
    keep_awake: bool = False
    """Keep the Mac from idle sleep while it runs. A person, or an empty battery, can still put it to sleep."""
    interval: Seconds | None = None
    """Run it again and again, this long after the last start."""
    schedule: Times | None = None
    """Run it by the clock: '03:30', {at: '03:30', days: weekdays}, or a list of these."""
    watch_paths: Annotated[tuple[AbsolutePath, ...], Strict(strict=False), Field(min_length=1)] = ()
    """Run it whenever one of these files or folders is changed."""
    waits_for: AbsolutePath | None = None
    """Start it, and start it again, only while this is there, such as an external disk: /Volumes/NAME."""
    throttle: Seconds | None = None
    """The shortest time between two starts (launchd's own default is 10s)."""
    exit_timeout: Seconds | None = None
    """How long it may take to end before it is killed (launchd's own default is 5s)."""
    process_type: Literal["Background", "Standard", "Adaptive", "Interactive"] | None = None
    """How launchd ranks it for CPU and I/O; a model server needs Interactive."""
    open_files: Annotated[int, Field(ge=256)] | None = None
    """How many files it may have open (launchd's own default is 256)."""
    log: AbsolutePath | None = None
    """Where its output goes; default: ``Library/Logs/LABEL.log`` in the user's home, which its user can write."""
    error_log: AbsolutePath | None = None
    """Where its errors go; default: with its output."""

    @classmethod
    def instead(cls, name: str, value: Any) -> str:
        """Return a path, or a list that begins with one, as its command."""
        command = meant.command(value)
        return f"{{command: {command}}}" if command else super().instead(name, value)

    def job_label(self, name: str) -> str:
        """Return the entry's name, which is its label."""
        return name

    @property
    def executable(self) -> str:
        """The program that it runs; empty if the command is empty."""
        return next(iter(self.command), "")

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the job, which is looked at in both domains, and what it needs."""
        yield "label", name
        yield "program", self.executable
        if self.user == "root":
            yield "way", f"{self.executable}/"  # with the slash: the file itself too, and where it leads
        if self.user:
            yield "account", self.user
        if self.domain == "gui":
            yield "login", "gui"
        yield from (("place", folder) for folder in self.folders)
        yield from (("folder", volume) for volume in self.volumes)

    @property
    def folders(self) -> dict[str, str]:
        """The folders without which launchd ends the job with 78, and the field that names each."""
        files = {"log": self.log, "error_log": self.error_log}
        found = {file.rpartition("/")[0] or "/": field for field, file in files.items() if file}
        return found | ({self.working_directory: "working_directory"} if self.working_directory else {})

    @property
    def volumes(self) -> dict[str, str]:
        """The external disks that it needs, and a path of the entry on each."""
        words = [*self.command, *self.environment.values(), *self.watch_paths, self.waits_for or ""]
        words += [self.log or "", self.error_log or "", self.working_directory or ""]
        found = [
            match for word in words for match in re.finditer(r"(?:^|[=:])((/Volumes/[^/:]+)(?:/[^:]*)?)(?=:|$)", word)
        ]
        return {match[2]: match[1] for match in reversed(found)}

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the one job."""
        yield self.job(name, scope.facts, self.command, self.environment)

    def log_path(self, label: str, facts: Facts) -> str:
        """Return where its output goes."""
        user = (self.user if self.domain == "system" else None) or facts.user
        return self.log or f"{facts.home_of(user)}/Library/Logs/{label}.log"

    def job(self, label: str, facts: Facts, command: tuple[str, ...], environment: Mapping[str, str]) -> Launchd:
        """Return the job with this command and environment; an engine may have filled in both."""
        system = self.domain == "system"
        user = (self.user if system else None) or facts.user
        home = facts.home_of(user)
        keep_alive = self._kept()
        at_load = keep_alive if isinstance(keep_alive, bool) else self.waits_for is None
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
            "RunAtLoad": at_load if self.run_at_load is None else self.run_at_load,
            "StandardOutPath": log,
            "StandardErrorPath": self.error_log or log,
            **({"UserName": user} if system else {}),
            **({"SoftResourceLimits": limits, "HardResourceLimits": limits} if self.open_files else {}),
            **({"StartCalendarInterval": self._calendar()} if self.schedule else {}),
            **({"WatchPaths": list(self.watch_paths)} if self.watch_paths else {}),
            **{key: value for field, key in PLIST.items() if (value := getattr(self, field)) is not None},
        }
        return Launchd(
            key=f"system/{label}" if system else f"gui/{facts.uid}/{label}",
            path=path,
            file=plist,
            permissions="0 644" if system else f"{facts.uid} 644",
            enabled=True,
            loaded=as_printed(plist, path),
            running=True if keep_alive is True else None,
        )

    @property
    def is_errand(self) -> bool:
        """Whether an interval, a time or a path starts it now and then, and it ends by itself."""
        return bool(self.interval is not None or self.schedule or self.watch_paths)

    @property
    def starts_otherwise(self) -> str:
        """The field that contradicts ``waits_for`` about when it runs; empty if none does."""
        if not self.waits_for:
            return ""
        fields = ("keep_alive", "interval", "schedule", "watch_paths")
        return next((field for field in fields if getattr(self, field) not in (None, True, ())), "")

    def _kept(self) -> bool | dict[str, Any]:
        if isinstance(self.keep_alive, KeepAlive):
            return self.keep_alive.plist
        if self.waits_for:
            return {"PathState": {self.waits_for: True}}
        return not self.is_errand if self.keep_alive is None else self.keep_alive

    def _calendar(self) -> list[dict[str, int]]:
        times = (self.schedule,) if isinstance(self.schedule, When) else self.schedule or ()
        return [interval for each in times for interval in each.intervals]


def of_root(label: str, facts: Facts, command: tuple[str, ...], **fields: Any) -> Launchd:
    """Return a job of macstate's own that root runs now and then, in a folder of root's and with root's PATH."""
    own = {"user": "root", "working_directory": "/", "log": f"/var/log/{label}.log", "keep_alive": False}
    job = Job.model_construct(command=command, **{**own, **fields})
    return job.job(label, facts, command, {})
