"""Does every endpoint answer? All are asked at once, as the guide's health commands ask one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from macstate import hint
from macstate.endpoint.entry import Endpoint
from macstate.gateway.entry import Gateway
from macstate.gateway.servers import SERVERS
from macstate.kernel.record import STOPPED
from macstate.kernel.resource import Actual
from macstate.kinds.launchd import Launchd
from macstate.kinds.model.names import full
from macstate.spec.declared import Declared, location

SERVER_ERROR = 500


@dataclass(frozen=True)
class Health:
    """The health of one endpoint."""

    name: str
    state: str
    """``up``, ``starting`` (within its ``ready_within``), ``waiting`` (for its disk), ``off`` (by the spec),
    ``stopped`` (by `macstate stop`), ``down``, or ``wrong``: it runs, but not as the spec says."""
    text: str
    label: str = ""
    """The launchd label of its job."""
    missing: frozenset[str] = frozenset()
    """The ids of the models that it does not serve, if nothing else is wrong."""

    @property
    def fine(self) -> bool:
        """Whether nobody has to do anything."""
        return self.state in {"up", "starting", "waiting", "off"}


def lists(declared: Declared, *, usage: bool = False) -> Iterator[tuple[str, str]]:
    """Yield what the probe is to ask: each endpoint's health, as ``NAME PORT PATH TARGET``, and its engine's questions.

    With ``usage``, also what is in memory, and what the gateway has answered.
    """
    for name, entry in _endpoints(declared):
        if entry.is_off:
            continue
        yield "health", f"{name} {entry.port} {entry.health_path} {entry.domain}/{entry.job_label(name)}"
        yield from entry.made_by.questions(name, entry, usage=usage)
    if usage and (labels := [entry.label for _, entry in declared.entries if isinstance(entry, Gateway)]):
        yield from (("requests", label) for label in labels)
        yield from (("counted", server.counted) for server in SERVERS.values())  # the log may be another server's


def healths(declared: Declared, actual: Actual) -> list[Health]:
    """Return the health of every endpoint of the run."""
    off = Health("", "off", "enabled: false")
    judged = (
        (replace(off, name=name) if entry.is_off else _judge(name, entry, actual), entry.job_label(name))
        for name, entry in _endpoints(declared)
    )
    return [replace(health, label=label) for health, label in judged]


def _endpoints(declared: Declared) -> Iterator[tuple[str, Endpoint]]:
    for name, entry in declared.entries:
        if isinstance(entry, Endpoint) and (not declared.only or location(name, entry) in declared.only):
            yield name, entry


def _judge(name: str, endpoint: Endpoint, actual: Actual) -> Health:
    job = next((job for job in _jobs(actual) if job.label == endpoint.job_label(name)), None)
    if job is None or job.pid is None:
        return _stopped(name, endpoint.waits_for, job, actual)
    if wrong := next(_wrong(endpoint, job, actual), None):
        return Health(name, "wrong", wrong)
    if down := next(_down(name, endpoint, actual), None):
        age = running(name, actual)
        young = age is not None and age < endpoint.ready_within
        return Health(name, "starting" if young else "down", f"{down} yet" if young else down)
    where, here = f"process {job.pid} on 127.0.0.1:{endpoint.port}", endpoint.made_by.serves(name, endpoint, actual)
    if isinstance(here, str):
        return Health(name, "up", f"{where}; which models it serves is not known: {here}")
    if missing := [model for model in endpoint.all_models if model not in here]:
        ids = frozenset(f"model/{name}/{full(model)}" for model in missing)
        return Health(name, "wrong", f"it does not serve {', '.join(missing)}", missing=ids)
    return Health(name, "up", where)


def running(name: str, actual: Actual) -> int | None:
    """Return for how many seconds an endpoint's process has run; None if it does not run, or that is not known."""
    return _seconds(actual.answers.get(f"age {name}", ""))


def _stopped(name: str, waits_for: str | None, job: Launchd | None, actual: Actual) -> Health:
    if job and job.is_off and (line := actual.record.lines.get(job.id)) and line.state == STOPPED:
        return Health(name, "stopped", f"by `macstate stop`; {hint.command('start', name)} or the next apply starts it")
    if job and waits_for and actual.facts.machine.is_away(waits_for):
        return Health(name, "waiting", f"it waits for {waits_for}, which is not mounted")
    if job is None or not job.loaded:
        return Health(name, "down", "launchd has not loaded its job" if job else "not set up yet")
    return Health(name, "down", f"its job is not running{f' ({job.last_failure})' if job.last_failure else ''}")


def ill_gateway(declared: Declared, actual: Actual) -> Health | None:
    """Return the health of a gateway that does not run; None if it runs, or there is none."""
    scope = declared.scope(actual.facts)
    gateway = scope.one(Gateway)
    if gateway is None or (declared.only and "gateway" not in declared.only):
        return None
    job = next((job for job in _jobs(actual) if job.label == gateway.label), None)
    if job and job.pid is not None:
        return None
    holders = ((port, holder) for port in gateway.listens_on(scope) for holder in actual.facts.machine.at(port))
    if held := next(holders, None):
        return Health("gateway", "down", f"{held[0]} is in use by {held[1]}", gateway.label)
    return _stopped("gateway", None, job, actual)


def _wrong(endpoint: Endpoint, job: Launchd, actual: Actual) -> Iterator[str]:
    for listener in actual.facts.machine.at(endpoint.port):
        if job.pid not in {listener.pid, listener.group}:
            yield f"port {endpoint.port} is in use by {listener}"
        if not listener.on_loopback:
            yield f"it listens on {listener.host}, not on loopback alone"


def _down(name: str, endpoint: Endpoint, actual: Actual) -> Iterator[str]:
    if not actual.facts.machine.at(endpoint.port):
        yield f"it does not listen on port {endpoint.port}"
    status = actual.answers.get(f"health {name}", "").rpartition("\n")[2]
    if not re.fullmatch("[0-9]{3}", status) or not 0 < int(status) < SERVER_ERROR:
        yield f"it does not answer{f': HTTP {status}' if status.strip('0') else ''}"


def _jobs(actual: Actual) -> Iterator[Launchd]:
    yield from (have for have in actual.resources.values() if isinstance(have, Launchd))


def _seconds(text: str) -> int | None:
    """Return the seconds that ``ps -o etime=`` prints as [[DD-]HH:]MM:SS; None for any other text."""
    parts = re.fullmatch(r"\s*(?:(?:([0-9]{1,9})-)?([0-9]{1,9}):)?([0-9]{1,9}):([0-9]{1,9})\s*", text)
    if parts is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
