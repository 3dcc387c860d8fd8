"""Stop, start and restart a job by hand, with the steps of an apply and a line in the journal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from macstate import hint
from macstate.errors import MacstateError
from macstate.kernel import journal
from macstate.kernel.change import Plan
from macstate.kernel.record import STOPPED
from macstate.kernel.resource import Actual
from macstate.kernel.session import Session
from macstate.kernel.steps import Run, Step
from macstate.kinds.launchd import NO_DOMAIN, Launchd, launchctl

RUNS = (
    'left=60; until launchctl print "$1" 2>/dev/null | awk -v old="$2" '
    "'/^\\tstate = running/ { up = 1 } /^\\tpid = / && $3 != old { new = 1 } END { exit !(up && new) }'; "
    'do left=$((left - 1)); [ "$left" -gt 0 ] || { echo it does not run; exit 1; }; sleep 0.5; done'
)
"""Waits half a minute for TARGET to run as a process other than PID."""
HELD = (
    'launchctl print-disabled "$1" | grep -qF -e "\\"$2\\" => disabled" -e "\\"$2\\" => true" || '
    "{ echo it comes back; exit 1; }"
)
"""Checks that launchd keeps DOMAIN's LABEL disabled; up to macOS 12 launchd calls that ``true``."""
STOP = 20
"""Seconds after which launchd kills a job that does not end, unless its plist says otherwise (launchd.plist(5))."""


@dataclass(frozen=True)
class NamedJob:
    """One job as it is on the Mac."""

    name: str
    """The name that the user types."""
    have: Launchd
    state: str
    """The job's state in the record."""

    @property
    def is_off(self) -> bool:
        """Whether the job is disabled and not loaded."""
        return self.have.enabled is False and self.have.loaded == {}

    @property
    def stays(self) -> bool:
        """Whether the job shall run all the time."""
        return (self.have.file or {}).get("KeepAlive") is True

    @property
    def is_on(self) -> bool:
        """Whether the job runs, or launchd will start it at its time."""
        return bool(self.have.enabled and self.have.loaded and (self.have.running or not self.stays))


@dataclass(frozen=True)
class Deed:
    """What to do to which jobs, in their order; without jobs there is nothing to do."""

    verb: str
    jobs: tuple[NamedJob, ...]
    said: str
    """What the user is told afterwards."""

    @property
    def root(self) -> bool:
        """Whether the deed needs root."""
        return any(job.have.root for job in self.jobs)

    @property
    def titles(self) -> list[str]:
        """The journal's lines about the deed."""
        return [f"{self.verb} {job.have.id}" for job in self.jobs]

    @property
    def steps(self) -> Iterator[Step]:
        """The steps that change the jobs and check the result."""
        for job in self.jobs:
            yield from DEEDS[self.verb](job)

    def session(self, actual: Actual, spec: str) -> Session:
        """Return a session for this deed alone; ``spec`` is the digest of the spec."""
        session = Session(actual, Plan(), spec)
        session.line = journal.JournalLine(spec, self.titles)
        return session

    def payload(self, session: Session, who: str) -> list[str]:
        """Return the lines for ``apply.sh``; the fingerprint of each job stays as it is in the record."""
        known = session.actual.record.lines
        state = STOPPED if self.verb == "stop" else "owned"
        named = [job.have.id for job in self.jobs if self.verb != "restart" and job.state != "pending"]
        marks = [("record", state, name, known[name].in_record) for name in named]
        before, behind = (marks, []) if self.verb == "stop" else ([], marks)  # a run that is cut off leaves the intent
        first, last = session.line.words(who), session.line.words(who, *self.titles)
        steps = [step.line for step in self.steps]
        return session.locked(
            who, [*map(shlex.join, [*before, first]), *steps, *map(shlex.join, [*behind, last])], root=self.root
        )


def deed(verb: str, labels: dict[str, str], actual: Actual, *, off: bool) -> Deed:
    """Return what to do to which jobs.

    ``labels`` are the jobs' labels by name: first the server's, last its watchdog's. ``off``: the spec keeps them off.

    Raises:
        MacstateError: the jobs are not in a state for that.
    """
    name = next(iter(labels))
    jobs = [job for each, label in labels.items() if (job := _job(each, label, actual))]
    if not jobs:
        ours = [
            each for each in actual.record.lines if each.startswith("launchd/") and each.endswith(f"/{labels[name]}")
        ]
        hidden = [why for start, why in actual.unreadable.items() for each in ours if each.startswith(start)]
        makes = f"{hint.command('plan')} shows what the next apply makes"
        absent = f"its job is not on this Mac, or macstate did not make it; {makes}"
        raise MacstateError(f"{name}: {next(iter(hidden), absent)}")
    if any(job.have.loaded is None or job.have.enabled is None for job in jobs):
        raise MacstateError(f"{name}: {Launchd.help[NO_DOMAIN]}")
    if off and (verb != "stop" or all(job.is_off for job in jobs)):
        raise MacstateError(f"{name}: the YAML says `enabled: false`; take that out, and apply")
    match verb:
        case "stop":
            todo = [job for job in reversed(jobs) if not (job.is_off and job.state != "owned")]
            them = "them" if len(todo) > 1 else "it"
            again = f"{hint.command('start', name)} or the next apply starts {them}"
            return Deed(
                verb,
                tuple(todo),
                f"stopped {_both(todo)}; {again} again" if todo else f"{name} was stopped already; {again}",
            )
        case "start":
            todo = [job for job in jobs if not job.is_on or job.state == STOPPED]
            return Deed(verb, tuple(todo), f"started {_both(todo)}" if todo else f"{name} runs already")
        case _:
            if not jobs[0].have.enabled:
                raise MacstateError(f"{name} is stopped; {hint.command('start', name)} starts it")
            return Deed(verb, (jobs[0],), f"restarted {name}")


def _job(name: str, label: str, actual: Actual) -> NamedJob | None:
    for have in actual.resources.values():
        if (
            isinstance(have, Launchd)
            and have.label == label
            and have.file
            and (line := actual.record.lines.get(have.id))
        ):
            return NamedJob(name, have, line.state)
    return None


def _both(jobs: list[NamedJob]) -> str:
    first, *others = sorted(job.name for job in jobs)
    return f"{first} and its watchdog" if others else first


def _stop(job: NamedJob) -> Iterator[Step]:
    yield from job.have.off().converge(job.have)
    told = "launchd did not keep that it is disabled, and would start it at the next boot"
    yield Run(("sh", "-c", HELD, "sh", job.have.domain, job.have.label), refusal=("it comes back", told))


def _start(job: NamedJob) -> Iterator[Step]:
    if not job.is_on:
        file, path = job.have.file or {}, job.have.path or ""
        on = {"enabled": True, "loaded": launchctl.as_printed(file, path), "running": job.stays or None}
        yield from job.have.model_copy(update=on).converge(job.have)
        yield from _proof(job)


def _restart(job: NamedJob) -> Iterator[Step]:
    if job.have.loaded:
        words, ends = ("launchctl", "kickstart", "-k", job.have.target), (job.have.file or {}).get("ExitTimeOut")
        patience = ends if isinstance(ends, int) and ends > 0 else STOP
        yield Run(words, accept=(0, launchctl.TIMED_OUT), seconds=launchctl.KICK + patience)
        yield from _proof(job)
    else:
        yield from _start(job)


def _proof(job: NamedJob) -> Iterator[Step]:
    if job.stays:
        told = f"{job.name} was started, and does not stay up; {hint.command('logs', job.name)} shows why"
        yield Run(("sh", "-c", RUNS, "sh", job.have.target, str(job.have.pid or "")), refusal=("it does not run", told))


DEEDS = {"stop": _stop, "start": _start, "restart": _restart}
