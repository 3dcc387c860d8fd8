"""`macstate stop`, `start` and `restart`: one job, by the machinery that applies changes."""

from __future__ import annotations

import sys

import click
from pyinfra.api.host import Host
from pyinfra.api.state import State

from macstate import spec
from macstate.cli import hand, jobs
from macstate.cli.target import limited, on_each
from macstate.cli.words import about, worded
from macstate.endpoint.entry import Endpoint
from macstate.spec.declared import Declared
from macstate.transport import connect, ops, terminal

HELP = {
    "stop": "Stop NAME until it is started, or the next apply.\n\nAn endpoint's watchdog is stopped first. A reboot "
    "does not bring them back.",
    "start": "Start NAME, which was stopped.\n\nIt waits until launchd says that the job runs; an endpoint's watchdog "
    "comes last.",
    "restart": "Restart NAME.\n\nRequests that run end. What was stopped is started by `macstate start`.",
}
NAME = "NAME is an endpoint, `gateway`, or any other job that the YAML declares; TARGET is needed where several Macs "
NAME += "have it."


def _command(verb: str) -> click.Command:
    @worded("NAME", lambda: jobs.everywhere(jobs.named))
    @limited
    def command(words: tuple[str | None, str], *, limit: tuple[str, ...]) -> None:
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
            terminal.say(f"{host.name}: " if len(state.inventory) > 1 else "", deed.said)

        sys.exit(not on_each(target, limit, (), do))

    return click.command(verb, help=f"{HELP[verb]}\n\n{NAME}")(command)


def _with_watchdog(name: str, label: str, known: dict[str, str]) -> dict[str, str]:
    dog = f"{label}.watchdog"
    return {name: label, f"{name}.watchdog": dog} if dog in known.values() else {name: label}


def _is_off(label: str, declared: Declared) -> bool:
    """Return whether the spec keeps an endpoint off to which this job or watchdog belongs."""
    return any(label in entry.job_labels(name) and entry.is_off for name, entry in declared.all(Endpoint).items())


COMMANDS = tuple(map(_command, hand.DEEDS))
