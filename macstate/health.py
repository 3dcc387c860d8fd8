"""Does every endpoint answer? What the guide's health commands ask, asked of all at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from macstate.found import Found
from macstate.names import full
from macstate.resources.launchd import Launchd
from macstate.resources.model import Model
from macstate.wishes import Wishes

SERVER_ERROR = 500


@dataclass(frozen=True)
class Health:
    """How one endpoint is."""

    name: str
    state: str
    """``up``, ``starting`` (within its ``ready_within``), ``down``, or ``wrong``: it runs, but not as the spec says."""
    text: str

    @property
    def fine(self) -> bool:
        """Whether nobody has to do anything."""
        return self.state in {"up", "starting"}


def lists(wishes: Wishes) -> Iterator[tuple[str, str]]:
    """Have the probe ask every endpoint, as ``NAME PORT PATH TARGET``."""
    for name, entry in _endpoints(wishes):
        yield "health", f"{name} {entry.port} {entry.health_path} {entry.domain}/{entry.job_label(name)}"


def healths(wishes: Wishes, found: Found) -> list[Health]:
    """Judge every endpoint."""
    return [_judge(name, entry, found) for name, entry in _endpoints(wishes)]


def _endpoints(wishes: Wishes) -> Iterator[tuple[str, Any]]:
    yield from ((name, entry) for name, entry in wishes.entries if entry.section == "endpoints")


def _judge(name: str, endpoint: Any, found: Found) -> Health:
    job = next((job for job in _jobs(found) if job.label == endpoint.job_label(name)), None)
    if job is None or job.pid is None:
        said = f"its job does not run{f' ({job.last_words})' if job and job.last_words else ''}"
        return Health(name, "down", said if job and job.loaded else "launchd does not know its job")
    if wrong := next(_wrong(endpoint, job, found), None):
        return Health(name, "wrong", wrong)
    if down := next(_down(name, endpoint, found), None):
        age = _seconds(found.asked.get(f"age {name}", ""))
        young = age is not None and age < endpoint.ready_within
        return Health(name, "starting" if young else "down", f"{down} yet" if young else down)
    if missing := _missing(name, endpoint, found):
        return Health(name, "wrong", f"it does not serve {', '.join(missing)}")
    return Health(name, "up", f"process {job.pid} on 127.0.0.1:{endpoint.port}")


def _wrong(endpoint: Any, job: Launchd, found: Found) -> Iterator[str]:
    for listener in found.facts.machine.at(endpoint.port):
        if job.pid not in {listener.pid, listener.group}:
            yield f"port {endpoint.port} is held by {listener}"
        if not listener.on_loopback:
            yield f"it listens on {listener.host}, beyond loopback"


def _down(name: str, endpoint: Any, found: Found) -> Iterator[str]:
    if not found.facts.machine.at(endpoint.port):
        yield f"it does not listen on port {endpoint.port}"
    status = found.asked.get(f"health {name}", "").rpartition("\n")[2]
    if not status.isdecimal() or not 0 < int(status) < SERVER_ERROR:
        yield f"it does not answer{f': HTTP {status}' if status.strip('0') else ''}"


def _jobs(found: Found) -> Iterator[Launchd]:
    yield from (was for was in found.resources.values() if isinstance(was, Launchd))


def _missing(name: str, endpoint: Any, found: Found) -> list[str]:
    declared: Mapping[str, Any] = endpoint.models or {}
    if endpoint.engine == "ollama":
        here = {was.key for was in found.resources.values() if isinstance(was, Model) and was.there}
        return [model for model in declared if f"{name}/{full(model)}" not in here]
    if endpoint.engine == "openai":
        body = found.asked.get(f"health {name}", "").rpartition("\n")[0]
        try:
            served = {str(model["id"]) for model in json.loads(body)["data"] or ()}
        except (ValueError, KeyError, TypeError):
            return list(declared)
        return [model for model in declared if model not in served]
    return []


def _seconds(text: str) -> int | None:
    """Read ``ps -o etime=``: [[DD-]HH:]MM:SS."""
    parts = re.fullmatch(r"\s*(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)\s*", text)
    if parts is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
