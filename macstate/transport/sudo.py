"""How one remote command runs as root: with sudo, with or without a password."""

from __future__ import annotations

import sys

from pyinfra.api.host import Host
from pyinfra.connectors.util import CommandOutput

from macstate.errors import MacstateError
from macstate.kernel.session import Session
from macstate.transport import connect, terminal

QUIET = ("sh", "-c", '"$@" 2>&1 | cat', "sh", "sudo", "-H")
"""sudo without its exit status: where pyinfra sees it fail for want of a password, it asks and runs again.

``-H``: a Mac's sudo keeps HOME, in which programs of root's would find what their user has put there (``~/.curlrc``).
"""
ROOT = "macstate: root"
"""What the check of a password prints."""


def as_root(host: Host, session: Session, words: tuple[str, ...], stdin: list[str]) -> tuple[bool, CommandOutput]:
    """Run one remote command as root: through sudo, with a password if it must be.

    Raises:
        MacstateError: the connection is gone, nobody can be asked, or the password is wrong.
    """
    if session.actual.facts.sudo:
        return connect.send(host, (*QUIET, "-n", *words), stdin)
    if session.password is None:
        session.password = _ask(host, session.actual.facts.user)
    return connect.send(host, (*QUIET, "-S", "-k", "-p", "", *words), [session.password, *stdin])


def _ask(host: Host, user: str) -> str:
    """Ask once a Mac, on a terminal only, and check the answer before the first change."""
    if not sys.stdin.isatty():
        raise MacstateError(
            "sudo on this Mac asks for a password, and there is no terminal to type it in; run this in a terminal"
        )
    password = terminal.ask(f"{host.name}: password of {user} for sudo: ")
    _, output = connect.send(host, (*QUIET, "-S", "-k", "-p", "", "echo", ROOT), [password])
    if ROOT not in output.stdout_lines:
        raise MacstateError("sudo did not accept the password; nothing was changed")
    return password
