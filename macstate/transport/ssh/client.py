"""paramiko's client without the waits that a command can do without: one round trip for each, where it has three."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

import gevent
from paramiko import Channel, ChannelException, Message, SSHException, Transport
from paramiko.channel import ChannelFile, ChannelStderrFile, ChannelStdinFile
from paramiko.common import cMSG_CHANNEL_REQUEST
from pyinfra.connectors.sshuserclient.client import SSHClient

PAUSES = (0.05, 0.1, 0.2, 0.5, 1, 2)
"""Seconds between tries to open a channel, while commands before it end on the Mac."""
OPTIONS = "_pyinfra_ssh_paramiko_connect_kwargs"
"""pyinfra's name for what goes to paramiko as it is."""


def _undelayed(sock: Any, **options: Any) -> Transport:
    """Return a transport that sends at once; to wait for acknowledgements costs the login and each command 40 ms."""
    if isinstance(sock, socket.socket):  # else it is a proxy's
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Transport(sock, **options)


def _opened(transport: Transport) -> Channel | None:
    """Return a new channel; None if there is none, which is told once it is needed."""
    try:
        return transport.open_session()
    except (SSHException, OSError, EOFError):
        return None


class EagerClient(SSHClient):
    """A client for short commands.

    paramiko sends a command's input only once the server has said that it takes the command. Here it follows at once;
    if the server refuses the command, the channel is closed, and the command has no answer. Whoever runs a second
    command runs more of them, so from then on the next one's channel is opened while one runs.
    """

    _spare: gevent.Greenlet[..., Channel | None] | None = None
    _commands = 0

    def __init__(self) -> None:
        """Make a client that is not connected."""
        super().__init__()
        self.staying: list[Channel] = []
        """The channels of commands that stay, but may be closed between two others."""

    def log_in(self, hostname: str, options: dict[str, Any]) -> None:
        """Log in, with the options of pyinfra's own client.

        Raises:
            SSHException: the Mac refuses it, or speaks otherwise; OSError, EOFError: it cannot be reached.
        """
        further = {**(options.pop(OPTIONS, None) or {}), "transport_factory": _undelayed}
        self.connect(hostname, **{**options, OPTIONS: further})  # type: ignore[no-untyped-call]

    def exec_command(
        self, command: str, *more: Any, **options: Any
    ) -> tuple[ChannelStdinFile, ChannelFile, ChannelStderrFile]:
        """Begin a command, and return its input, output and errors.

        Raises:
            SSHException: the connection was lost.
        """
        transport = self.get_transport()
        if more or any(options.values()) or transport is None:  # a terminal, say
            return super().exec_command(command, *more, **options)
        channel = self._spare.get() if self._spare is not None else None  # one that has ended is false
        if channel is None or channel.closed:
            channel = self._new(transport)
        request = Message()
        request.add_byte(cMSG_CHANNEL_REQUEST)
        request.add_int(channel.remote_chanid)
        request.add_string("exec")
        request.add_boolean(True)
        request.add_string(command)
        # Channel.exec_command does the same, and waits
        transport._send_user_message(request)  # type: ignore[attr-defined] # noqa: SLF001
        self._commands += 1
        self._spare = gevent.spawn(_opened, transport) if self._commands > 1 else None
        return channel.makefile_stdin("wb", -1), channel.makefile("r", -1), channel.makefile_stderr("r", -1)

    def _new(self, transport: Transport) -> Channel:
        """Open a channel; if the Mac lets no more be open at once (MaxSessions of its sshd), instead of what stays."""
        for pause in PAUSES:
            with suppress(ChannelException):
                return transport.open_session()
            for each in self.staying:
                each.close()
            self.staying.clear()
            gevent.sleep(pause)
        return transport.open_session()
