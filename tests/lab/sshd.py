"""A real sshd of a local user's own, on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import build
from lab.tailnet import listens, wait_for
from ports import free_port

CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
Subsystem sftp internal-sftp
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
PidFile none
{more}
"""


@dataclass(frozen=True)
class Sshd:
    """Where it listens, and what it is known by."""

    port: int
    host_key: str
    log: Path

    def channels(self) -> tuple[int, int]:
        """Count the channels for commands that were opened, and the commands; its `LogLevel` has to be DEBUG1."""
        log = self.log.read_text()
        return log.count("server_input_channel_open: ctype session"), log.count(" request exec ")


def keygen(file: Path) -> str:
    """Make a key pair; return its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file], check=True)
    return file.with_name(f"{file.name}.pub").read_text()


@contextmanager
def sshd(folder: Path, user: str, public: str, *, more: str = "") -> Iterator[Sshd]:
    """Yield a server that lets the owner of a key in as the user; what it needs lies in a new folder.

    ``more`` are further lines of its configuration.
    """
    folder.mkdir()
    kept = build.sshd()
    for file in (kept / "usr/sbin/sshd", *kept.glob("**/libwrap.so*")):  # to where the user can read it
        shutil.copy(file, folder)
    host_key = keygen(folder / "host")
    (folder / "authorized_keys").write_text(public)
    port = free_port()
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder, more=more))
    subprocess.run(["chown", "-R", f"{user}:", folder], check=True)
    words = ["runuser", "-u", user, "--", f"{folder}/sshd", "-D", "-E", f"{folder}/log", "-f", f"{folder}/config"]
    libraries = os.environ | {"LD_LIBRARY_PATH": str(folder)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet, cwd="/", env=libraries) as process:
        try:
            wait_for(lambda: listens(port), "sshd")
            yield Sshd(port, host_key, folder / "log")
        finally:
            process.terminate()
