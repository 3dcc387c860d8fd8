"""Run commands on a Mac through pyinfra's connectors, and read their replies."""

from __future__ import annotations

import errno
import getpass
import os
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from paramiko import SSHException
from platformdirs import user_config_path
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host
from pyinfra.connectors.util import CommandOutput

from macstate import console, spec
from macstate.errors import MacstateError, lacking, oneline
from macstate.kernel import probe
from macstate.kernel.probe.replies import ChangedError, IncompleteError
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
from macstate.transport import hosts
from macstate.transport.ssh import tailnet

LOST = (OSError, SSHException, EOFError)
"""The errors of pyinfra's connectors for a lost connection, or for something that this laptop lacks."""
LACKING = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.E2BIG),
    *(errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
}
"""Errors of this laptop, never of a connection: a full disk, no more files or processes, a missing program."""
TIMEOUT = 300
"""Seconds for one command: enough for the slowest stop of a job, and for waiting until another run ends."""
ANSWER = "macstate: answer"
"""The line before and behind the output of a script."""
ALONE = ("alone", "yes")
"""The list that has the probe read each file by itself."""
AGAIN = "run again: it goes on where it stopped"


def say(line: str) -> None:
    """Print a line to standard error, beside the plan."""
    console.say(line, err=True)


def key_folder(host: Host) -> Path:
    """Return the folder where this laptop keeps the keys that macstate has made for a Mac."""
    return getattr(host.connector, "key_folder", None) or user_config_path("macstate") / "keys" / host.name


def keys(host: Host, actual: Actual, *, dry: bool, anew: bool = False) -> Keys:
    """Return the function that resolves this Mac's references to keys; in a dry run it makes none.

    If a generated key is in the Mac's record, a new one is made only with ``anew``, since it would lock out all who
    have the old one.
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
    """Run one remote command; return whether it succeeded, and its output.

    Raises:
        MacstateError: the connection was lost, or this laptop lacks something.
    """
    command = StringCommand(*(QuoteString(word) for word in words))
    with unless_lost():
        result: tuple[bool, CommandOutput] = host.run_shell_command(
            command, print_output=False, print_input=False, _stdin=stdin, _timeout=TIMEOUT
        )
    return result


@contextmanager
def unless_lost() -> Iterator[None]:
    """Turn the errors of a connection into one line.

    Raises:
        MacstateError: the connection was lost, or this laptop lacks something.
    """
    try:
        yield
    except LOST as error:
        if isinstance(error, OSError) and error.errno in LACKING:
            raise MacstateError(f"this laptop cannot go on: {lacking(error)}") from None
        raise MacstateError(f"the connection was lost ({str(error) or type(error).__name__}); {AGAIN}") from None
    except UnicodeError:
        raise MacstateError("a name on this Mac, such as its user's, is not UTF-8; nothing was done") from None


def me(host: Host) -> str:
    """Return who runs this, for the lock and the journal: user, machine, and the login in the tailnet, if any."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # neither the environment nor the system knows a name
        user = str(os.getuid())
    login = getattr(host.connector, "tailnet_login", "")
    return oneline(f"{user}@{socket.gethostname()}{f' ({login})' if login else ''}")


def reaches(host: Host) -> bool:
    """Return whether this laptop is in the Mac's tailnet, so that it can try the Mac's routes."""
    return bool(getattr(host.connector, "in_tailnet", False))


def is_rehearsal(host: Host) -> bool:
    """Return whether the Mac is a simulated one."""
    return bool(getattr(host.connector, "rehearsed", False))


def look(host: Host, declared: Declared, *, healths: bool = False, usage: bool = False) -> Actual:
    """Read the Mac with the probe, in one remote command; in two if it tells a digest whose text is not known here.

    With ``healths`` every endpoint is asked for its health, with ``usage`` also for its activity.

    Raises:
        MacstateError: the connection was lost, or the reply is cut off.
    """
    lists = (*declared.lists, *(health.lists(declared, usage=usage) if healths else ()))
    begun, digest = time.time(), declared.digest
    try:
        answer = _ask(host, (*lists, ("digests", digest)), laptop=declared.laptop)
    except ChangedError:  # or the sizes are not what `stat` says: each file for itself, then
        answer = _ask(host, (*lists, ALONE), laptop=declared.laptop)
    texts = declared.texts(answer.facts) if answer.digests else {}
    if not answer.digests <= texts.keys():  # the facts or macstate's own texts have changed since
        answer = _ask(host, lists, laptop=declared.laptop)
    actual = replace(answer.actual(texts), declared=digest, asked_at=(begun, time.time()))
    if not declared.laptop:
        return actual
    laptop = replace(actual.facts.laptop, host_keys=tailnet.host_keys())
    return replace(actual, facts=replace(actual.facts, laptop=laptop))


def _ask(host: Host, lists: Collection[tuple[str, str]], *, laptop: bool) -> probe.Answer:
    """Run the probe.

    Raises:
        MacstateError: the connection was lost, or the reply is cut off; ChangedError: it should be asked for each file
            alone.
    """
    mark = probe.mark()
    ok, output = send(host, ("sh", "-c", probe.script(KINDS, laptop=laptop)), probe.stdin(lists, mark))
    try:
        return probe.Answer.read(KINDS, output.stdout_lines, mark, laptop=laptop)
    except IncompleteError as error:
        if isinstance(error, ChangedError) and ALONE not in lists:
            raise
        said = " ".join(output.stderr.split())[-300:] or ("no answer" if ok else "the connection was lost")
        raise MacstateError(f"cannot read the Mac: its answer is cut off ({said}); run again") from None


def run_script(host: Host, script: str, *arguments: str) -> list[str]:
    """Run a short script on the Mac, and return the lines of its output that are not empty.

    Output of the user's login scripts is left out.

    Raises:
        MacstateError: the connection was lost, or the script failed.
    """
    marked = f"echo; echo '{ANSWER}'; ( {script}\n) && printf '\\n%s\\n' '{ANSWER}'"
    ok, output = send(host, ("sh", "-c", marked, "sh", *arguments), [])
    lines = output.stdout_lines
    if not (ok and lines.count(ANSWER) == 2):  # noqa: PLR2004 - one before, one behind
        said = " ".join(output.stderr.split())[-300:] or "no answer"
        raise MacstateError(f"the Mac did not do what it was asked ({said}); run again")
    begin = lines.index(ANSWER)
    return [line for line in lines[begin + 1 : lines.index(ANSWER, begin + 1)] if line]


def review(host: Host, *, dry: bool, saved: Saved | None = None, healths: bool = False) -> Review:
    """Read a Mac with one remote command, and plan its changes.

    A ``dry`` review makes no keys. A ``saved`` plan says which entries it is for. With ``healths`` each endpoint is
    asked for its health.

    Raises:
        MacstateError: the Mac cannot be read, an entry cannot be expanded, or an option is invalid.
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
