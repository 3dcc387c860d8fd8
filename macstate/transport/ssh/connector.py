"""``@mac/NAME``: a Mac of the spec, over Tailscale SSH, or over plain OpenSSH if its ``via`` says so.

pyinfra's own SSH connector offers keys and passwords only; tailscaled wants authentication "none", because it knows the
asker by the connection (measured: "No authentication methods available").
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import gevent
from paramiko import PKey, SSHException
from paramiko.agent import Agent
from platformdirs import user_cache_path
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.ssh_util import get_private_key

from macstate import spec
from macstate.errors import MacstateError, lacking
from macstate.kernel import scripts
from macstate.transport import terminal
from macstate.transport.ssh import tailnet
from macstate.transport.ssh.auth import CHECK, Login
from macstate.transport.ssh.client import OPTIONS, EagerClient
from macstate.transport.ssh.refusal import why
from macstate.transport.ssh.runner import Runner

if TYPE_CHECKING:
    from pyinfra.connectors.util import CommandOutput

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # otherwise its tracebacks appear beside our line
SSH_PORT = 22
BEGUN = 0.01
"""Seconds after which a login has sent its first words, and waits."""
KEEP_ALIVE = 15
"""Seconds between keep-alive messages, so that no router drops the connection during a long change."""


def _make_ahead(host: Host) -> None:
    """Load what the run needs next, and have it ready: by name, since it uses this room."""
    import_module("macstate.transport.ahead").make(host)


class MacConnector(SSHConnector):
    """A Mac of the spec."""

    client: EagerClient | None
    is_made_ahead: ClassVar[bool] = False
    """Whether what the run needs is made already, or at once: the first login does it for all."""

    @property
    def in_tailnet(self) -> bool:
        """Whether the connection goes through the tailnet."""
        return bool(spec.load().macs[self.host.name].login == "tailscale")

    @property
    def tailnet_login(self) -> str:
        """The tailnet login of this laptop; empty outside a tailnet."""
        return tailnet.login() if self.in_tailnet else ""

    @staticmethod
    def make_names_data(name: str | None = None) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """Yield the host under the Mac's name in the spec."""
        own, mac = terminal.named(name)
        yield own, {"ssh_hostname": mac.hostname, "ssh_user": mac.user}, ["macs"]

    def say(self, text: str) -> None:
        """Print a line about this Mac."""
        terminal.tell(self.host, text, logging.WARNING)

    def identity(self) -> PKey | None:
        """Return the private key that the spec names; None if it names none or the file does not exist."""
        named = spec.load().macs[self.host.name].identity_file
        file = os.path.expanduser(named or "")  # noqa: PTH111 - pathlib's fails where a user is unknown
        try:
            return get_private_key(self.state, file, "") if os.path.isfile(file) else None  # noqa: PTH113 - the same
        except (OSError, ValueError, PyinfraError) as error:
            raise MacstateError(f"identity_file: {file}: {error}") from None

    def keys(self) -> Iterator[PKey]:
        """Yield the spec's key, then the agent's keys."""
        if own := self.identity():
            yield own
        yield from Agent().get_keys()

    @cached_property
    def runners(self) -> dict[tuple[str, ...], Runner]:
        """What stays on the Mac and carries out changes, by the words of sudo before it."""
        return {}

    def connect(self) -> None:
        """Log in.

        Raises:
            ConnectError: the login failed; one line says why and what to do.
            MacstateError: the same, if this is the only Mac of the run.
        """
        try:
            self._log_in()
        except MacstateError as error:
            if sum(self.state.is_host_in_limit(host) for host in self.state.inventory) == 1:
                raise error.on(self.host.name) from None  # pyinfra would add that no hosts are left
            raise ConnectError(error.message) from None

    def _log_in(self) -> None:
        mac = spec.load().macs[self.host.name]
        options = super().make_paramiko_kwargs()
        name = options.pop("hostname")
        if mac.login == "tailscale":
            options |= self._pinned(mac.hostname, name, options.get("port", SSH_PORT))
        elif own := self.identity():
            options["pkey"] = own
        options["_pyinfra_ssh_strict_host_key_checking"] = "yes"
        if not MacConnector.is_made_ahead:
            MacConnector.is_made_ahead = True
            gevent.spawn_later(BEGUN, _make_ahead, self.host)
        self.client = client = EagerClient()
        try:
            client.log_in(name, options)
        except MacstateError:
            raise
        except (SSHException, OSError, EOFError, PyinfraError) as error:
            raise MacstateError(why(error, name, mac)) from None
        if transport := client.get_transport():
            transport.set_keepalive(KEEP_ALIVE)

    def _pinned(self, mac: str, name: str, port: int) -> dict[str, Any]:
        """Pin the host keys that the tailnet reports; the laptop's own SSH configuration is ignored."""
        found = tailnet.status()
        peer = tailnet.peer(mac, found)
        for warning in tailnet.warnings(found, peer, datetime.now(UTC)):
            self.say(warning)
        label = name if port == SSH_PORT else f"[{name}]:{port}"
        file = user_cache_path("macstate") / "known_hosts" / self.host.name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(f"{label} {key}\n" for key in peer.host_keys))
        except OSError as error:
            raise MacstateError(f"the Mac's host keys cannot be pinned: {lacking(error)}") from None
        login = Login(self.data["ssh_user"] or "", self.say, self.keys)
        return {
            "_pyinfra_ssh_config_file": self.data["ssh_config_file"] or "/dev/null",
            "_pyinfra_ssh_known_hosts_file": str(file),
            OPTIONS: {"auth_strategy": login, "auth_timeout": CHECK},
        }

    def run_payload(
        self, before: tuple[str, ...], first: list[str], lines: list[str], seconds: float
    ) -> tuple[bool, CommandOutput]:
        """Have ``apply.sh`` carry out a payload, behind the words of sudo, if any, which reads the lines ``first``.

        It is started once as root and once as the user, and stays until the run ends or it has died.
        """
        runner = self.runners.get(before)
        if runner is None or not runner.is_there:
            if self.client is None:
                raise SSHException("not connected")
            runner = self.runners[before] = Runner(self.client, before, scripts.apply(), first)
        return runner.run(lines, seconds)

    def disconnect(self) -> None:
        """Close the connection, since pyinfra leaves it open."""
        super().disconnect()
        if self.client:
            self.client.close()
