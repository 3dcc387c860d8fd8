"""Does what macstate made run? What `macstate doctor` says about it, with the command that shows its log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from macstate import hint
from macstate.endpoint.entry import Endpoint
from macstate.kernel.change import Plan
from macstate.kernel.record import STOPPED
from macstate.kernel.resource import Actual
from macstate.kinds.launchd import Launchd
from macstate.review import report
from macstate.review.health import Health, healths
from macstate.review.health import running as age
from macstate.review.preflight.finding import Finding
from macstate.spec.declared import Declared, location

OFTEN = 3
"""A job that was started so often, and has failed last, cannot run."""
YOUNG = 60
"""Seconds; a process that has run for longer was not just started again."""


def findings(declared: Declared, actual: Actual, plan: Plan) -> Iterator[Finding]:
    """Yield the endpoints that are down, the jobs that start again and again, and one line for all that are healthy."""
    if plan.changes and not actual.record.lines:
        yield Finding("spec", f"not applied yet: {report.pending(plan)}", "note")
    coming = {change.id for change in plan.changes if change.action == "create"} | {*plan.left}
    stopped = {each.id for each in plan.changes if "running" in (field for field, _, _ in each.fields)} - coming
    told: set[str] = set()
    for name, entry in declared.entries:
        label = entry.job_label(name)
        job = actual.resources.get(f"launchd/system/{label}")
        line = actual.record.lines.get(f"launchd/system/{label}")
        if not isinstance(job, Launchd) or line is None or line.state == STOPPED:
            continue
        again = _fails_again_and_again(name, job, actual)
        if again or (job.id in stopped and not isinstance(entry, Endpoint)):
            text = f"its job was started {job.runs} times" if again else "its job is not running"
            why = f"; {job.last_failure}" if job.last_failure else ""
            yield Finding(location(name, entry), f"{text}{why}; {hint.command('logs', name)} shows why", "error")
            told.add(name)
    seen = [each for each in healths(declared, actual) if not _is_to_come(each, coming)]
    for each in seen:
        if not (each.fine or each.state == STOPPED or each.name in told):
            advice = f"; {hint.command('logs', each.name)} shows why" if each.state == "down" else ""
            yield Finding(f"endpoints.{each.name}", f"{each.state}: {each.text}{advice}", "error")
    if well := [f"{each.name} {each.state}" for each in seen if each.fine or each.state == STOPPED]:
        yield Finding("endpoints", ", ".join(well))


def _is_to_come(health: Health, coming: set[str]) -> bool:
    """Return whether the next run makes an endpoint's job or the models that it lacks."""
    job = any(each.startswith("launchd/") and each.endswith(f"/{health.label}") for each in coming)
    return job or bool(health.missing and health.missing <= coming)


def _fails_again_and_again(name: str, job: Launchd, actual: Actual) -> bool:
    failed = not re.match(r"0\b|\(never", job.last_exit or "0")
    since = age(name, actual)
    return failed and job.runs >= OFTEN and (job.pid is None or (since is not None and since < YOUNG))
