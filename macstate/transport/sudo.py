"""Run a remote command as root: through sudo, with or without a password."""

from __future__ import annotations

import sys

from pyinfra.api.host import Host
from pyinfra.connectors.util import CommandOutput

from macstate.errors import MacstateError
from macstate.kernel.session import Session
from macstate.transport import connect, terminal

SUDO = ("sudo", "-H")
"""``-H``: a Mac's sudo keeps HOME, so root's programs would read the user's own files there (``~/.curlrc``)."""
QUIET = ("sh", "-c", '"$@" 2>&1 | cat', "sh", *SUDO)
"""sudo with its exit status hidden: if pyinfra sees sudo fail for lack of a password, it asks and runs again."""
ROOT = "macstate: root"
"""The line that the check of a password prints."""


def as_root(host: Host, session: Session, words: tuple[str, ...], stdin: list[str]) -> tuple[bool, CommandOutput]:
    """Run one remote command as root, with a password if sudo needs one; return whether it succeeded, and its output.

    Raises:
        MacstateError: the connection was lost, there is no terminal to ask on, or the password is wrong.
    """
    options, first = begun(host, session)
    return connect.send(host, (*QUIET, *options, *words), [*first, *stdin])


def begun(host: Host, session: Session) -> tuple[tuple[str, ...], list[str]]:
    """Return sudo's options, and the lines that it reads before what the command itself reads.

    Raises:
        MacstateError: as above.
    """
    if session.actual.facts.sudo:
        return ("-n",), []
    if session.password is None:
        session.password = _ask(host, session.actual.facts.user)
    return ("-S", "-k", "-p", ""), [session.password]


def _ask(host: Host, user: str) -> str:
    """Ask for the password, only on a terminal, and check it before the first change."""
    if not sys.stdin.isatty():
        raise MacstateError(
            "sudo on this Mac asks for a password, and there is no terminal to type it in; run this in a terminal"
        )
    password = terminal.ask(f"{host.name}: password of {user} for sudo: ")
    _, output = connect.send(host, (*QUIET, "-S", "-k", "-p", "", "echo", ROOT), [password])
    if ROOT not in output.stdout_lines:
        raise MacstateError("sudo did not accept the password; nothing was changed")
    return password
