"""Carry out changes and prove them: the only module that changes a host."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager, suppress

from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State
from pyinfra.connectors.util import CommandOutput

from macstate.errors import MacstateError
from macstate.kernel import scripts
from macstate.kernel.change import Batch
from macstate.kernel.session import Session
from macstate.language import secrets
from macstate.language.scope import Keys
from macstate.review import planned, report
from macstate.review.health import healths
from macstate.spec.declared import Declared
from macstate.transport import connect, sudo, terminal

DONE, FAILED, NOTICE, RECORD = (f"macstate: {word}: " for word in ("done", "failed", "notice", "record"))
LAST = (99, 0, 0)
"""The place of ``verify`` in pyinfra's order: after every change."""
PAUSES = (0.5, 1, 2, 4, 8)
"""Seconds between readings: pmset and launchd show a change only after a moment."""


@contextmanager
def one_mac(state: State, host: Host) -> Iterator[None]:
    """Turn an error of one Mac into one line, and let the other Macs go on.

    Raises:
        MacstateError: no other Mac is left.
    """
    try:
        yield
    except MacstateError as error:
        said = error.on(host.name)
        state.failed_hosts.add(host)
        state.active_hosts -= {host}  # fail_hosts() would ask on the terminal, and prints its own text
        if not state.active_hosts:
            raise said from None
        said.show()


@contextmanager
def row(host: Host, order: tuple[int, int, int], title: str) -> Iterator[None]:
    """Give each change its row in the table: pyinfra knows operations by call stack and loop position, not by name."""
    host.loop_position.extend([*order, *title.encode()])
    try:
        yield
    finally:
        host.loop_position.clear()


@operation()
def apply(session: Session, batch: Batch) -> Generator[FunctionCommand, None, None]:
    """Carry out one batch with one payload."""
    yield FunctionCommand(_apply, (session, batch), {})


@operation()
def verify(session: Session, declared: Declared, keys: Keys) -> Generator[FunctionCommand, None, None]:
    """Read the Mac again, and check that nothing is left to change."""
    yield FunctionCommand(_verify, (session, declared, keys), {})


def _apply(state: State, host: Host, session: Session, batch: Batch) -> bool:
    del state
    try:
        if any(change.kind.sensitive for change in batch.changes):
            secrets.keep(connect.key_folder(host), connect.say)
        session.sums[batch.root] = sent(host, session, session.payload(batch, connect.me(host)), root=batch.root)
        session.line.done.extend(batch.titles)
    except MacstateError as error:
        session.failed.update(change.id for change in batch.changes)
        terminal.fail(host, report.title(batch), error)
        return False
    return True


def sent(host: Host, session: Session, lines: list[str], *, root: bool) -> str:
    """Have the Mac carry out a session's lines, and return the record's new checksum.

    Raises:
        MacstateError: a line failed, or the connection was lost and the outcome is unknown.
    """
    ended, output = _carried_out(host, session, lines, root=root)
    session.sums.update((root, line.removeprefix(RECORD)) for line in output.stdout_lines if line.startswith(RECORD))
    return _outcome(host, output, ended=ended)


def _carried_out(host: Host, session: Session, lines: list[str], *, root: bool) -> tuple[bool, CommandOutput]:
    """Have ``apply.sh`` carry out a payload: the one that stays there, where the way to the Mac lets a command stay."""
    if run := getattr(host.connector, "run_payload", None):
        before, first = sudo.begun(host, session) if root else ((), [])
        with connect.unless_lost():
            found: tuple[bool, CommandOutput] = run(
                (*sudo.SUDO, *before) if root else (), first, lines, connect.TIMEOUT
            )
        return found
    words = ("sh", "-c", scripts.apply())
    return sudo.as_root(host, session, words, lines) if root else connect.send(host, words, lines)


def _outcome(host: Host, output: CommandOutput, *, ended: bool) -> str:
    """Return the record's new checksum from the end marker; without the marker, the change may not be done."""
    for line in output.stdout_lines:
        if line.startswith(NOTICE):
            terminal.tell(host, line.removeprefix(NOTICE), logging.WARNING)
        elif line.startswith(FAILED):
            raise MacstateError(line.removeprefix(FAILED))
        elif line.startswith(DONE):
            return line.removeprefix(DONE)
    said = " ".join(output.output.split())[-300:]
    if "sudo: " in said:
        raise MacstateError(f"sudo refused, and nothing was done ({said}); see `sudo -l` on the Mac")
    why = "the change was ended on the Mac" if said or ended else "the connection was lost"
    raise MacstateError(f"{why}{f' ({said})' if said else ''}; {connect.AGAIN}")


def _verify(state: State, host: Host, session: Session, declared: Declared, keys: Keys) -> bool:
    del state
    try:
        _check(host, session.failed, declared, keys)
    except MacstateError as error:
        terminal.fail(host, "verify", error)
        said = " ".join(f"verify: {error}".split())  # one line, as the script expects
        with suppress(MacstateError):  # the terminal has shown it already
            sent(host, session, session.verdict(connect.me(host), said), root=session.root)
        return False
    return True


def _check(host: Host, failed: Collection[str], declared: Declared, keys: Keys) -> None:
    from macstate.review.health import routes  # noqa: PLC0415 - an HTTP client, which a plan does without

    for pause in (*PAUSES, 0):
        actual = connect.look(host, declared, healths=True)
        todo, _ = planned(declared, actual, keys)
        waits = {change.id for change in todo.changes}.difference(failed)  # a failed change does not appear by itself
        ill = list(routes.ill(declared, actual, {*todo.left, *failed}, ask=connect.reaches(host) and not waits))
        if not (waits or ill):
            break
        time.sleep(pause)
    if lines := report.wanting(todo, ill, failed):
        raise MacstateError(*lines)
    terminal.tell(host, f"verified: {report.proven(todo, healths(declared, actual))}")
