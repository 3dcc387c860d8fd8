"""A remote command that stays: it carries out one payload after the other, each with one round trip."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from pyinfra.connectors.util import CommandOutput, OutputLine

from macstate.kernel import scripts
from macstate.transport.ssh.client import EagerClient

ENDED = "macstate: ended: "
"""What stands before the exit status of a payload, in stay.sh."""


class Runner:
    """``stay.sh``, started on a Mac with a script, as root or as the user."""

    def __init__(self, client: EagerClient, before: Sequence[str], script: str, first: Iterable[str]) -> None:
        """Start it; ``before`` are the words of sudo, ``first`` the lines that sudo reads.

        Raises:
            SSHException, OSError, EOFError: the connection was lost.
        """
        words = (*before, "sh", "-c", scripts.bare("stay.sh"), "sh", script)
        self._input, output, _ = client.exec_command(shlex.join(words))
        self._channel = output.channel
        client.staying.append(self._channel)
        self._channel.set_combine_stderr(True)  # what sudo says
        self._output = self._channel.makefile("rb", -1)
        self._send("".join(f"{line}\n" for line in (*first, "PAYLOAD")).encode())

    def run(self, lines: Iterable[str], seconds: float) -> tuple[bool, CommandOutput]:
        """Have a payload carried out; return whether the script succeeded, and its output.

        The next one may be sent only then: ``head`` there reads ahead of what it needs. If the script does not say that
        it has ended, neither has it succeeded.

        Raises:
            SSHException, OSError, EOFError: the connection was lost, or nothing was said for so many seconds.
        """
        self._channel.settimeout(seconds)
        payload = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
        self._send(f"{len(payload)}\n".encode() + payload)
        said = [*self._said()]
        status = said.pop() if said and said[-1].startswith(ENDED) else ""
        return status == f"{ENDED}0", CommandOutput([OutputLine("stdout", line) for line in said])

    @property
    def is_there(self) -> bool:
        """Whether it takes a further payload."""
        return not (self._channel.closed or self._channel.eof_received)

    def _said(self) -> Iterator[str]:
        while line := self._output.readline():
            yield (said := line.decode("utf-8", "replace").rstrip("\r\n"))
            if said.startswith(ENDED):
                return

    def _send(self, text: bytes) -> None:
        self._input.write(text)
        self._input.flush()
