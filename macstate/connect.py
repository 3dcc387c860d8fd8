"""How pyinfra reaches a Mac, and how one command gets there and back."""

from __future__ import annotations

import getpass
import sys
from typing import Any

import click
from paramiko import SSHException
from platformdirs import user_config_path
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host
from pyinfra.connectors.util import CommandOutput

from macstate import probe, secrets, spec
from macstate.errors import MacstateError
from macstate.found import Found
from macstate.run import Run
from macstate.scope import Keys
from macstate.secrets import Secret
from macstate.wishes import Wishes

LOST = (OSError, SSHException, EOFError, TimeoutError)
"""How pyinfra's connectors say that the connection is gone."""
TIMEOUT = 300
"""Seconds for one command: the slowest stop of a job, and the wait for another run's."""
AGAIN = "run again: what was begun is taken up then"
ROOT = "macstate: root"
QUIET = ("sh", "-c", '"$@" 2>&1 | cat', "sh", "sudo")
"""sudo without its exit status: where pyinfra sees it fail for want of a password, it asks and runs again."""


def say(line: str) -> None:
    """Tell a person something beside the plan."""
    click.echo(line, err=True)


def keys(host: Host, *, dry: bool) -> Keys:
    """Give what resolves this Mac's references to keys; a dry run makes none, and does without what it cannot get."""
    folder = getattr(host.connector, "key_folder", None) or user_config_path("macstate") / "keys" / host.name

    def key(reference: str, name: str) -> Secret | None:
        try:
            return secrets.resolve(reference, name, folder, create=not dry, say=say)
        except MacstateError:
            if dry:
                return None
            raise

    return key


def named(name: str | None) -> tuple[str, Any]:
    """Give the name and the spec's Mac behind ``@mac/NAME`` and ``@rehearsal/NAME``.

    Raises:
        MacstateError: nobody could answer a prompt, the spec has mistakes, or it has no such Mac.
    """
    check_terminal()
    known = spec.load()
    known.for_host(name or "")
    return name or "", known.macs[name or ""]


def is_dry() -> bool:
    """Say whether pyinfra's own command was given --dry."""
    context = click.get_current_context(silent=True)
    return bool(context and context.params.get("dry"))


def check_terminal() -> None:
    """Refuse a run whose prompt nobody could answer; pyinfra itself would end it in a traceback.

    Raises:
        MacstateError: a deploy without a terminal, and neither -y nor --dry.
    """
    context = click.get_current_context(silent=True)
    options = context.params if context else {}
    deploys = all(word.endswith(".py") for word in options.get("operations") or ["exec"])
    answered = any(options.get(name) for name in ("yes", "dry", "json_output", "debug_operations", "debug_facts"))
    if deploys and not answered and not sys.stdin.isatty():
        raise MacstateError("there is no terminal to ask on: add -y to carry the plan out, or --dry to look at it")


def send(host: Host, words: tuple[str, ...], stdin: list[str]) -> tuple[bool, CommandOutput]:
    """Run one remote command.

    Raises:
        MacstateError: the connection is gone.
    """
    command = StringCommand(*(QuoteString(word) for word in words))
    try:
        result: tuple[bool, CommandOutput] = host.run_shell_command(
            command, print_output=False, print_input=False, _stdin=stdin, _timeout=TIMEOUT
        )
    except LOST as error:
        raise MacstateError(f"the connection was lost ({error or type(error).__name__}); {AGAIN}") from None
    return result


def look(host: Host, wishes: Wishes) -> Found:
    """Probe the Mac: one remote command.

    Raises:
        MacstateError: the connection is gone, or the answer is not whole.
    """
    ok, output = send(host, ("sh", "-c", probe.script()), probe.stdin(wishes.lists))
    try:
        return probe.found(output.stdout_lines)
    except (ValueError, KeyError):
        said = " ".join(output.stderr.split())[-300:] or ("no answer" if ok else "the connection was lost")
        raise MacstateError(f"cannot read the Mac: its answer ends in the middle ({said}); run again") from None


def as_root(host: Host, run: Run, words: tuple[str, ...], stdin: list[str]) -> tuple[bool, CommandOutput]:
    """Run one remote command as root: as it stands where we are root, else through sudo, with a password if it must be.

    Raises:
        MacstateError: the connection is gone, nobody can be asked, or the password is wrong.
    """
    if run.found.facts.uid == 0:
        return send(host, words, stdin)
    if run.found.facts.sudo:
        return send(host, (*QUIET, "-n", *words), stdin)
    if run.password is None:
        run.password = _ask(host, run.found.facts.user)
    return send(host, (*QUIET, "-S", "-k", "-p", "", *words), [run.password, *stdin])


def _ask(host: Host, user: str) -> str:
    """Ask once a Mac, on a terminal only, and check the answer before the first change."""
    if not sys.stdin.isatty():
        raise MacstateError(
            "sudo on this Mac wants a password, and there is no terminal to ask on; run it in a terminal"
        )
    password = getpass.getpass(f"{host.name}: password of {user} for sudo: ")
    _, output = send(host, (*QUIET, "-S", "-k", "-p", "", "echo", ROOT), [password])
    if ROOT not in output.stdout_lines:
        raise MacstateError("sudo did not take the password; nothing was changed")
    return password
