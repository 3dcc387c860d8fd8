"""``@rehearsal/NAME``: run pyinfra's commands inside a simulated Mac instead of on a real one."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from platformdirs import user_cache_path
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.connectors.local import LocalConnector

from macstate import spec
from macstate.endpoint.entry import Endpoint
from macstate.errors import MacstateError, lacking
from macstate.gateway.entry import Gateway
from macstate.kernel.declaration import Declaration
from macstate.kinds.firewall import FirewallEntry
from macstate.kinds.launchd.job import Job
from macstate.rehearsal.mac import birth
from macstate.transport import terminal

if TYPE_CHECKING:
    from pyinfra.connectors.util import CommandOutput

Named = Iterable[tuple[str, Declaration]]
ABSOLUTE = re.compile(r"^\s*(?=/)")


def folder() -> Path:
    """Return the folder of all rehearsals: ``MACSTATE_REHEARSAL``, otherwise one in the user's cache folder."""
    chosen = os.environ.get("MACSTATE_REHEARSAL")
    return Path(chosen).absolute() if chosen else user_cache_path("macstate") / "rehearsal"


def programs(entries: Named) -> list[str]:
    """Return the paths of the programs that the spec expects on a Mac."""
    found = []
    for _, entry in entries:
        found += [entry.executable] if isinstance(entry, Job) else []
        found += [entry.path] if isinstance(entry, Gateway) else []
        found += entry.allow if isinstance(entry, FirewallEntry) else []
    return sorted(set(found))


def ports(entries: Named) -> dict[str, int]:
    """Return the ports of the endpoints' jobs by label, for jobs whose command does not tell the port."""
    return {entry.job_label(name): entry.port for name, entry in entries if isinstance(entry, Endpoint)}


class RehearsalConnector(LocalConnector):
    """A Mac of the spec, simulated by a folder."""

    rehearsed = True

    @staticmethod
    def make_names_data(name: str | None = None) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """Yield the host under the Mac's name in the spec."""
        own, _ = terminal.named(name)
        yield own, {}, ["macs"]

    def connect(self) -> None:
        """Make the Mac if it is new; update its tools and programs to this macstate and the spec.

        Raises:
            MacstateError: the Mac's folder cannot be written, or is damaged.
        """
        self.key_folder = folder() / ".keys" / self.host.name  # a rehearsal does not touch the laptop's keys
        self.root = folder() / self.host.name
        try:
            self._begin()
        except OSError as error:
            raise MacstateError(f"{self.host.name}: this rehearsal cannot be kept: {lacking(error)}") from None
        except birth.DamagedError:
            anew = "delete that folder, and the next run begins with a new Mac"
            raise MacstateError(f"{self.host.name}: the rehearsal in {self.root} is damaged; {anew}") from None

    def _begin(self) -> None:
        known = spec.load()
        mac, entries = known.macs[self.host.name], known.for_host(self.host.name).entries
        if not (self.root / ".mac").is_dir():
            birth.create(self.root, user=mac.user, dns_name=mac.hostname, programs=programs(entries))
        birth.check(self.root)
        birth.refresh(self.root, programs=programs(entries), python=sys.executable, ports=ports(entries))

    def run_shell_command(
        self,
        command: StringCommand,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> tuple[bool, CommandOutput]:
        """Run a command in the simulated Mac's environment alone, without the laptop's PATH."""
        variables = birth.environment(self.root)
        raw = ABSOLUTE.sub(shlex.quote(str(self.root.resolve())), command.get_raw_value(), count=1)
        words = [QuoteString(f"{name}={value}") for name, value in variables.items()]
        inside = StringCommand(
            "cd", QuoteString(variables["HOME"]), "&& exec env -i", *words, "/bin/sh", "-c", QuoteString(raw)
        )
        arguments.pop("_env", None)
        return super().run_shell_command(inside, print_output, print_input, **arguments)

    def put_file(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse, since the file would land on the laptop."""
        raise MacstateError("a rehearsal takes no files; write them with `exec -- '…'`")

    get_file = put_file
