"""How pyinfra reaches a Mac, and how one command gets there and back."""

from __future__ import annotations

import errno
import getpass
import os
import socket
import time
from dataclasses import replace
from pathlib import Path

from paramiko import SSHException
from platformdirs import user_config_path
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host
from pyinfra.connectors.util import CommandOutput

from macstate import spec
from macstate.errors import MacstateError, lacking, oneline
from macstate.kernel import probe
from macstate.kernel.probe.replies import IncompleteError
from macstate.kernel.resource import Actual
from macstate.kinds import KINDS
from macstate.kinds.key_file import known_sources
from macstate.language import secrets
from macstate.language.scope import Keys
from macstate.language.secrets import Secret
from macstate.review import Review, guard, health
from macstate.review import review as reviewed
from macstate.review.options import Options
from macstate.review.saved import Saved
from macstate.spec.declared import Declared
from macstate.transport import hosts, terminal
from macstate.transport.ssh import tailnet

LOST = (OSError, SSHException, EOFError)
"""How pyinfra's connectors say that the connection is gone, or that this laptop lacks something."""
LACKING = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.E2BIG),
    *(errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
}
"""What no connection ever ends with: a full disk, no more files or processes, a program that is not there."""
TIMEOUT = 300
"""Seconds for one command: the slowest stop of a job, and the wait for another run's."""
ANSWER = "macstate: answer"
"""What stands before and behind what a script prints."""
AGAIN = "run again: it goes on where it stopped"


def say(line: str) -> None:
    """Tell a person something beside the plan."""
    terminal.say(line, err=True)


def key_folder(host: Host) -> Path:
    """Say where this laptop keeps the keys that macstate has made for a Mac."""
    return getattr(host.connector, "key_folder", None) or user_config_path("macstate") / "keys" / host.name


def keys(host: Host, actual: Actual, *, dry: bool, anew: bool = False) -> Keys:
    """Return what resolves this Mac's references to keys; a dry run makes none.

    A key that the Mac's record knows is made a second time only ``anew``: it would lock out whoever has the first one.
    """
    folder = key_folder(host)
    known = known_sources(actual.facts.recorded)

    def key(reference: str, name: str) -> Secret | None:
        if secrets.is_to_be_made(reference, name, folder):
            if secrets.source(reference, name) in known and not anew:
                raise MacstateError(
                    f"{name}: this laptop does not have the key that was made for this Mac; copy {folder / name} from "
                    "the laptop that has it, or have a new one made, which makes the old one invalid: "
                    "`--data allow=new-key`"
                )
            if dry:
                return None
        return secrets.resolve(reference, name, folder)

    return key


def send(host: Host, words: tuple[str, ...], stdin: list[str]) -> tuple[bool, CommandOutput]:
    """Run one remote command.

    Raises:
        MacstateError: the connection is gone, or this laptop lacks something.
    """
    command = StringCommand(*(QuoteString(word) for word in words))
    try:
        result: tuple[bool, CommandOutput] = host.run_shell_command(
            command, print_output=False, print_input=False, _stdin=stdin, _timeout=TIMEOUT
        )
    except LOST as error:
        if isinstance(error, OSError) and error.errno in LACKING:
            raise MacstateError(f"this laptop cannot go on: {lacking(error)}") from None
        raise MacstateError(f"the connection was lost ({str(error) or type(error).__name__}); {AGAIN}") from None
    except UnicodeError:
        raise MacstateError("a name on this Mac, such as its user's, is not UTF-8; nothing was done") from None
    return result


def me(host: Host) -> str:
    """Say who runs this, for the lock and the journal: user, machine, and who that is in the tailnet, if anybody."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # neither a variable nor the system knows a name
        user = str(os.getuid())
    login = getattr(host.connector, "tailnet_login", "")
    return oneline(f"{user}@{socket.gethostname()}{f' ({login})' if login else ''}")


def reaches(host: Host) -> bool:
    """Say whether this laptop is in the Mac's tailnet, so that its routes can be asked from here."""
    return bool(getattr(host.connector, "in_tailnet", False))


def is_rehearsal(host: Host) -> bool:
    """Say whether the Mac is a folder."""
    return bool(getattr(host.connector, "rehearsed", False))


def look(host: Host, declared: Declared, *, healths: bool = False, usage: bool = False) -> Actual:
    """Probe the Mac: one remote command; with ``healths`` every endpoint is asked too, with ``usage`` what it does.

    Raises:
        MacstateError: the connection is gone, or the answer is not whole.
    """
    asked = health.lists(declared, usage=usage) if healths else ()
    lists, begun = (*declared.lists, *asked), time.time()
    ok, output = send(host, ("sh", "-c", probe.script(KINDS, laptop=declared.laptop)), probe.stdin(lists))
    try:
        actual = replace(probe.parse(KINDS, output.stdout_lines, laptop=declared.laptop), asked_at=(begun, time.time()))
    except IncompleteError:
        said = " ".join(output.stderr.split())[-300:] or ("no answer" if ok else "the connection was lost")
        raise MacstateError(f"cannot read the Mac: its answer is cut off ({said}); run again") from None
    if not declared.laptop:
        return actual
    laptop = replace(actual.facts.laptop, host_keys=tailnet.host_keys())
    return replace(actual, facts=replace(actual.facts, laptop=laptop))


def run_script(host: Host, script: str, *arguments: str) -> list[str]:
    """Run a short script on the Mac, and give the lines of its answer that are not empty.

    What a login script prints is none of it.

    Raises:
        MacstateError: the connection is gone, or the script has failed.
    """
    marked = f"echo; echo '{ANSWER}'; ( {script}\n) && printf '\\n%s\\n' '{ANSWER}'"
    ok, output = send(host, ("sh", "-c", marked, "sh", *arguments), [])
    lines = output.stdout_lines
    if not (ok and lines.count(ANSWER) == 2):  # noqa: PLR2004 - before and behind
        said = " ".join(output.stderr.split())[-300:] or "no answer"
        raise MacstateError(f"the Mac did not do what it was asked ({said}); run again")
    begin = lines.index(ANSWER)
    return [line for line in lines[begin + 1 : lines.index(ANSWER, begin + 1)] if line]


def review(host: Host, *, dry: bool, saved: Saved | None = None, healths: bool = False) -> Review:
    """Read a Mac with one remote command, and plan; a dry one makes no keys, and a saved one says what it is about.

    With ``healths`` every endpoint is asked for an answer too.

    Raises:
        MacstateError: it cannot be read, what is wished cannot be said of it, or an option is none.
    """
    options = Options.read(host.inventory.get_override_data())
    if saved and options.only not in {(), saved.only}:
        raise MacstateError(
            f"only={','.join(options.only)}: the saved plan says which entries it is for; leave this out"
        )
    declared = hosts.declared(host.name).narrowed(saved.only if saved else options.only)
    actual = look(host, declared, healths=healths)
    allowed = guard.named(options.allow)
    known = keys(host, actual, dry=dry, anew="new-key" in allowed)
    seen = reviewed(host.name, declared, actual, known, adopt="adopt" in allowed)
    return replace(seen, spec=spec.load().digest, options=options)
