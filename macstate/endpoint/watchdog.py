"""The watchdog of an endpoint: a job that asks it at an interval, and restarts it if it does not answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from macstate.kernel import scripts
from macstate.kernel.resource import Resource
from macstate.kinds.file import File
from macstate.kinds.launchd import Launchd
from macstate.kinds.launchd.job import ROOT_PATH, Job
from macstate.language.entry import Entry
from macstate.language.facts import Facts
from macstate.language.types import Seconds, Word

PROGRAM = "/Library/macstate/bin/watchdog"
"""Where the watchdog's program lies on a Mac."""
EXIT_TIMEOUT = 50
"""Seconds that the watchdog gets to bootstrap again a job that it has just booted out."""


@cache
def program() -> str:
    """Return the text of the program that looks after a server."""
    ask, judge = (scripts.whole(name, __package__ or "") for name in ("watchdog_ask.sh", "watchdog.sh"))
    return "\n".join((ask, scripts.bare("digits.sh"), scripts.bare("bounded.sh"), judge))


def _at_least_a_second(value: int) -> int:
    if value < 1:
        raise ValueError("in no time nobody is asked and nobody answers; type 1s or more")
    return value


AtLeastASecond = Annotated[Seconds, AfterValidator(_at_least_a_second)]


class Watchdog(Entry):
    """How an endpoint is looked after."""

    sample: ClassVar[str] = "{every: 5m}"
    short: ClassVar[Any] = bool
    becomes: ClassVar[Mapping[str, str]] = {
        "every": "StartInterval in the plist of LABEL.watchdog",
        **dict.fromkeys(
            ("deadline", "patience", "cooldown", "give_up", "ask", "model"), "a word of the job LABEL.watchdog"
        ),
    }

    every: AtLeastASecond = 300
    """How often it is asked."""
    deadline: AtLeastASecond = 30
    """How long it may take to answer; a model that is loaded is asked for a few words."""
    patience: Seconds = 1800
    """How long a server that gives no answer, but works, is left alone: it may be at somebody else's long question."""
    cooldown: Seconds = 300
    """The shortest time between two restarts."""
    give_up: Annotated[int, Field(ge=1)] = 3
    """After so many restarts in a row without an answer it says so in its log, and does nothing more."""
    ask: bool = True
    """Whether a model is asked for a few words; without, the list of models must do."""
    model: Word | None = None
    """The model that an openai server is asked for; default: the first of `models`, else of the server's own list."""

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield its job and its program; ``name`` is the endpoint's label."""
        yield "label", f"{name}.watchdog"
        yield "file", PROGRAM

    def resources(
        self, name: str, server: Launchd, facts: Facts, domain: Literal["system", "gui"], asked: Mapping[str, str]
    ) -> Iterator[Resource]:
        """Yield the program, which all watchdogs share, and this one's job; ``asked``: more environment variables."""
        yield File(key=PROGRAM.lstrip("/"), content=program(), permissions="0 755", source="macstate")
        label = f"{server.label}.watchdog"
        own: dict[str, Any] = {"log": f"/var/log/{label}.log", "user": "root", "working_directory": "/"}
        job = Job.model_construct(
            command=(PROGRAM,),
            domain=domain,
            interval=self.every,
            exit_timeout=EXIT_TIMEOUT,
            **(own if server.root else {}),
        )
        state = "/var/db/macstate" if server.root else f"{facts.home}/.local/state/macstate"
        environment = {
            "PATH": ROOT_PATH,
            "NAME": name,
            "TARGET": server.key,
            "PLIST": server.path or "",
            "ASK": str(int(self.ask)),
            "EVERY": str(self.every),
            "DEADLINE": str(self.deadline),
            "PATIENCE": str(self.patience),
            "COOLDOWN": str(self.cooldown),
            "GIVE_UP": str(self.give_up),
            "STATE": f"{state}/watchdog/{name}",
            **asked,
        }
        yield job.job(label, facts, job.command, environment).model_copy(update={"needs": (server.id,)})
