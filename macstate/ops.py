"""Carry out changes and prove them: the only module that changes a host."""

from __future__ import annotations

import getpass
import shlex
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from paramiko import SSHException
from pyinfra import logger
from pyinfra.api.command import FunctionCommand, QuoteString, StringCommand
from pyinfra.api.operation import operation

from macstate import probe
from macstate.errors import MacstateError
from macstate.plan import Batch, plan
from macstate.record import FOLDERS, SETTING

if TYPE_CHECKING:
    from pyinfra.api.host import Host
    from pyinfra.api.state import State
    from pyinfra.connectors.util import CommandOutput

    from macstate.plan import Change, Plan
    from macstate.probe import Found
    from macstate.spec import Wishes

DONE = "macstate: done: "
FAILED = "macstate: failed: "
NOTICE = "macstate: notice: "
LOST = (OSError, SSHException, EOFError, TimeoutError)
"""How pyinfra's connectors say that the connection is gone."""
TIMEOUT = 300
"""Seconds for one change: the slowest stop of a job, and the wait for another run's."""
LOCK_WAIT = 60
"""Seconds to wait for a run that holds the lock; ``--data lock_wait=N`` sets another."""
LAST = (99, 0)
"""verify's place: behind every change."""


class Run:
    """What one run knows of one Mac: its plan, the password, and the record's checksums as this run left them."""

    def __init__(self, found: Found, plan: Plan) -> None:
        """Begin with what the probe found."""
        self.found, self.plan = found, plan
        self.sums = dict(found.record.sums)
        self.password: str | None = None
        self.settings = dict(plan.settings)


@contextmanager
def row(host: Host, order: tuple[int, int], title: str) -> Iterator[None]:
    """Give pyinfra's table one row a change: pyinfra knows operations by call stack and loop position, not by name."""
    host.loop_position.extend([*order, *title.encode()])
    try:
        yield
    finally:
        host.loop_position.clear()


@contextmanager
def one_mac(state: State, host: Host) -> Iterator[None]:
    """Keep one Mac's trouble to one line and to that Mac.

    Raises:
        MacstateError: it was the last Mac.
    """
    try:
        yield
    except MacstateError as error:
        said = MacstateError("\n".join(f"{host.name}: {line}" for line in error.message.splitlines()))
        state.failed_hosts.add(host)
        state.active_hosts -= {host}  # fail_hosts() would ask on the terminal, and has a text of its own
        if not state.active_hosts:
            raise said from None
        said.show()


@operation()
def apply(run: Run, batch: Batch) -> Iterator[FunctionCommand]:
    """Carry out one batch with one remote command."""
    yield FunctionCommand(_apply, (run, batch), {})


@operation()
def verify(run: Run, wishes: Wishes) -> Iterator[FunctionCommand]:
    """Read the Mac again: nothing may be left to change."""
    yield FunctionCommand(_verify, (run, wishes), {})


def show(state: State, host: Host, warnings: Iterable[str], lines: Iterable[str]) -> None:
    """Print one Mac's plan at once, with the Mac's name in front where there are several."""
    err = "--json" in sys.argv and "plan" not in sys.argv  # there, standard output is pyinfra's
    prefix = f"[{host.name}] " if len(state.inventory) > 1 else ""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo("\n".join(line if line.startswith("No changes.") else prefix + line for line in lines), err=err)


def look(host: Host, wishes: Wishes) -> Found:
    """Probe the Mac: one remote command.

    Raises:
        MacstateError: the connection is gone, or the answer is not whole.
    """
    lists = probe.stdin(wishes.lists)
    ok, output = _run(host, StringCommand("sh", "-c", QuoteString(probe.script())), lists)
    try:
        return probe.found(output.stdout_lines)
    except (ValueError, KeyError) as error:
        said = output.stderr.strip() or ("no answer" if ok else "the connection was lost")
        raise MacstateError(f"cannot read the Mac: {error} ({said}); run again") from None


def payload(run: Run, batch: Batch, who: str, wait: int) -> list[str]:
    """Give what stands on the script's standard input."""
    folder = FOLDERS[batch.root] if batch.root else f"{run.found.facts.home}/{FOLDERS[False]}"
    lines = [("lock", folder, str(wait), who), ("expect", run.sums[batch.root])]
    begun, ended = [], []
    for change in batch.changes:
        if not _owned(change):
            begun.append(("record", SETTING, change.id, _settings(run, change)))
            continue
        if batch.steps:
            begun.append(("record", "pending", change.id, "-"))
        ended.append(("record", "owned" if change.wish else "gone", change.id, change.wish.fingerprint if change.wish else "-"))
    left = [("record", SETTING if stay else "gone", name, stay) for name, stay in run.settings.items()] if batch.root else []
    steps = [step.line for step in batch.steps]
    return ["PAYLOAD", *map(shlex.join, [*lines, *left, *begun]), *steps, *map(shlex.join, ended), "END"]


def _owned(change: Change) -> bool:
    resource = change.wish or change.was
    return resource is None or resource.owned


def _settings(run: Run, change: Change) -> str:
    line = run.found.record.lines.get(change.id)
    known = run.plan.settings.get(change.id, line.fingerprint if line else "").split(",")
    return ",".join(sorted({*known, *(field for field, _, _ in change.fields)} - {""}))


def _apply(state: State, host: Host, run: Run, batch: Batch) -> bool:
    del state
    try:
        who = f"{getpass.getuser()}@{socket.gethostname()}"
        lines = payload(run, batch, who, int(host.data.get("lock_wait", LOCK_WAIT)))
        words = ["sh", "-c", QuoteString(probe.shell("apply.sh"))]
        if batch.root and run.found.facts.uid != 0:
            if run.found.facts.sudo:
                words = ["sudo", "-n", *words]
            else:
                lines = [_password(host, run), *lines]
                words = ["sudo", "-S", "-k", "-p", QuoteString(""), *words]
        _, output = _run(host, StringCommand(*words), lines)
        _notices(host, output)
        run.sums[batch.root] = _sum(output)
    except MacstateError as error:
        logger.error(f"{host.print_prefix}{batch.title}: {error}")
        return False
    return True


def _notices(host: Host, output: CommandOutput) -> None:
    for line in output.stdout_lines:
        if line.startswith(NOTICE):
            logger.warning(f"{host.print_prefix}{line.removeprefix(NOTICE)}")


def _sum(output: CommandOutput) -> str:
    for line in reversed(output.stdout_lines):
        if line.startswith(DONE):
            return line.removeprefix(DONE)
        if line.startswith(FAILED):
            raise MacstateError(line.removeprefix(FAILED))
    said = " ".join(output.output.split())[-300:]
    raise MacstateError(f"the connection was lost{f' ({said})' if said else ''}; run again: what was begun is taken up then")


def _password(host: Host, run: Run) -> str:
    """Ask once a Mac, on a terminal only, and check it before the first change.

    Raises:
        MacstateError: nobody can be asked, or the password is wrong.
    """
    if run.password is None:
        if not sys.stdin.isatty():
            raise MacstateError("sudo on this Mac wants a password, and there is no terminal to ask on; run it in one, or allow sudo without")
        password = getpass.getpass(f"{host.name}: password of {run.found.facts.user} for sudo: ")
        ok, _ = _run(host, StringCommand("sudo", "-S", "-k", "-p", QuoteString(""), "true"), [password])
        if not ok:
            raise MacstateError("sudo did not take the password; nothing was changed")
        run.password = password
    return run.password


def _verify(state: State, host: Host, run: Run, wishes: Wishes) -> bool:
    del state, run
    waits = iter((0.5, 1, 2, 4, 8))  # pmset and launchd take a moment until they show what they were told
    try:
        while True:
            found = look(host, wishes)
            left = plan(wishes.expand(found.facts), found).changes
            if not left:
                logger.info(f"{host.print_prefix}verified: nothing is left to change")
                return True
            pause = next(waits, None)
            if pause is None:
                shown = ", ".join(f"{each.id} {' '.join(field for field, _, _ in each.fields)}".strip() + (f" ({each.why})" if each.why else "") for each in left)
                raise MacstateError(f"not as the spec says after the run: {shown}")
            time.sleep(pause)
    except MacstateError as error:
        logger.error(f"{host.print_prefix}verify: {error}")
        return False


def _run(host: Host, command: StringCommand, stdin: list[str]) -> tuple[bool, CommandOutput]:
    try:
        result: tuple[bool, CommandOutput] = host.run_shell_command(
            command, print_output=False, print_input=False, _stdin=stdin, _timeout=TIMEOUT
        )
    except LOST as error:
        raise MacstateError(f"the connection was lost ({error or type(error).__name__}); run again: what was begun is taken up then") from None
    return result

