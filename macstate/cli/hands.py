"""`macstate stop`, `start` and `restart`: one job, by the machinery that applies changes."""

from __future__ import annotations

import sys

from pyinfra.api.host import Host
from pyinfra.api.state import State

from macstate import console, spec
from macstate.cli import hand, jobs
from macstate.cli.target import on_each
from macstate.cli.words import about
from macstate.endpoint.entry import Endpoint
from macstate.spec.declared import Declared
from macstate.transport import connect, ops


def by_hand(verb: str, words: tuple[str | None, str], *, limit: tuple[str, ...]) -> None:
    """Stop, start or restart a job."""
    target, name = about(words, limit, jobs.named), words[1]

    def do(state: State, host: Host) -> None:
        declared = spec.load().for_host(host.name)
        known = jobs.named(declared)
        label = jobs.label(name, known)
        actual = connect.look(host, declared)
        deed = hand.deed(verb, _with_watchdog(name, label, known), actual, off=_is_off(label, declared))
        if deed.jobs:
            session = deed.session(actual, spec.load().digest)
            ops.sent(host, session, deed.payload(session, connect.me(host)), root=deed.root)
        console.say(f"{host.name}: " if len(state.inventory) > 1 else "", deed.said)

    sys.exit(not on_each(target, limit, (), do))


def _with_watchdog(name: str, label: str, known: dict[str, str]) -> dict[str, str]:
    dog = f"{label}.watchdog"
    return {name: label, f"{name}.watchdog": dog} if dog in known.values() else {name: label}


def _is_off(label: str, declared: Declared) -> bool:
    """Return whether the spec keeps an endpoint off to which this job or watchdog belongs."""
    return any(label in entry.job_labels(name) and entry.is_off for name, entry in declared.all(Endpoint).items())
