"""Check before a run what keeps the spec from working on this Mac. An error stops its part, a warning nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from macstate.kernel.change import Plan
from macstate.kernel.resource import Actual
from macstate.laptop.entry import Client
from macstate.review.preflight import capacity, jobs
from macstate.review.preflight.finding import Finding, Flight
from macstate.spec.declared import Declared

OLDEST = 14
"""The first macOS with a GPU memory limit, and the oldest whose tools' texts macstate knows."""
CLOCK = 60
"""Seconds by which the Mac's clock may be wrong: certificates and tailnet keys are checked against it."""


def findings(declared: Declared, actual: Actual, plan: Plan) -> list[Finding]:
    """Return the findings of all rules."""
    if declared.laptop:
        scope = declared.scope(actual.facts)
        clients = declared.all(Client).items()
        pairs = ((where, warning) for where, client in clients for warning in client.warnings(scope))
        return [_named(Finding(where, text, "warning", name), declared) for where, (name, text) in pairs]
    flight = Flight(declared, actual, plan)
    return [_named(finding, declared) for rule in RULES for finding in rule(flight)]


def _named(finding: Finding, declared: Declared) -> Finding:
    """Return a finding; a warning has its name added, or is ``accepted`` if the spec accepts it."""
    if finding.level != "warning":
        return finding
    if finding.name in declared.accept:
        return replace(finding, level="accepted")
    return replace(finding, text=f"{finding.text} (accept: {finding.name})")


def version(flight: Flight) -> Iterator[Finding]:
    """Check that the version of macOS is one whose tools are known."""
    found = flight.actual.facts.version
    major = found.partition(".")[0]
    if not re.fullmatch("[0-9]{1,4}", major) or int(major) < OLDEST:
        yield Finding(
            "macOS",
            f"{found or 'unknown'}: the output of versions before {OLDEST} may be misread",
            "warning",
            "macos",
        )
    else:
        yield Finding("macOS", found)


def filevault(flight: Flight) -> Iterator[Finding]:
    """Check that the Mac starts by itself after a power cut."""
    if flight.actual.facts.machine.filevault:
        yield Finding(
            "FileVault",
            "it is on: after a power cut nothing here starts until somebody enters the password (from macOS 26 on by "
            "SSH from the same network, with Remote Login on); for a planned restart, type `sudo fdesetup authrestart`",
            "warning",
            "filevault",
        )
    else:
        yield Finding("FileVault", "off: daemons start on their own after a power cut")


def clock(flight: Flight) -> Iterator[Finding]:
    """Check that the Mac's clock is right."""
    there, (begun, ended) = flight.actual.facts.machine.clock, flight.actual.asked_at
    off = 0 if there is None else round(min(there - begun, 0) + max(there - ended, 0))
    if abs(off) > CLOCK:
        word = "ahead of" if off > 0 else "behind"
        text = f"it is {abs(off)} s {word} this laptop's, and certificates are checked against it; type "
        yield Finding("clock", f"{text}`sudo sntp -sS time.apple.com` on the Mac", "warning", "clock")
    else:
        yield Finding("clock", "the same as the laptop's")


def sudo(flight: Flight) -> Iterator[Finding]:
    """Tell whether sudo asks for a password."""
    facts = flight.actual.facts
    how = "without a password" if facts.sudo else "asks for a password, once a run"
    yield Finding("sudo", how)


def record(flight: Flight) -> Iterator[Finding]:
    """Check that no line of the record is damaged."""
    for where in flight.actual.record.damaged:
        text = "a line is damaged: what it stood for is no longer macstate's, and stays; "
        hint = "`--data allow=adopt` takes it back where it matches the spec"
        yield Finding("record", f"{where}: {text}{hint}", "warning", "record")


def tailscale(flight: Flight) -> Iterator[Finding]:
    """Check that the Mac is a node of a tailnet."""
    node = flight.actual.facts.node
    if node.name:
        yield Finding("Tailscale", f"{node.name}, {node.variant} build")
    else:
        yield Finding("Tailscale", node.problem or "no answer", "warning", "tailscale")


RULES: tuple[Callable[[Flight], Iterator[Finding]], ...] = (
    version,
    filevault,
    clock,
    sudo,
    record,
    tailscale,
    *jobs.RULES,
    *capacity.RULES,
)
