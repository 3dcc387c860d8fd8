"""Make a new rehearsal Mac, and update its tools to this version of macstate."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import sys

from . import fresh, fresh_parts, launchd, launchers, quick_json, time_zone
from .machine import LINES, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
"""The PATH on the Mac: that of non-interactive SSH, and the folder of what an owner installs."""

FOLDERS = (
    "Applications Library/LaunchAgents Library/LaunchDaemons Library/Logs Library/Preferences "
    "System/Library/LaunchDaemons Users/Shared bin opt/homebrew/bin private/etc/newsyslog.d private/tmp private/var/db "
    "private/var/log private/var/root private/var/run sbin usr/bin usr/libexec usr/local/bin usr/local/etc usr/sbin"
)
OPEN = {"Users/Shared": 0o1777, "private/tmp": 0o1777}
"""Folders in which every user may make files."""
LINKS = {"etc": "private/etc", "tmp": "private/tmp", "var": "private/var"}
HOME_FOLDERS = (
    ".ssh",
    "Library/Application Support",
    "Library/Caches",
    "Library/LaunchAgents",
    "Library/Logs",
    "Library/Preferences",
)
SCREEN_SHARING = {
    "Label": "com.apple.screensharing",
    "ProgramArguments": [
        "/System/Library/CoreServices/RemoteManagement/screensharingd.bundle/Contents/MacOS/screensharingd"
    ],
    "Sockets": {"Listener": {"SockServiceName": "vnc-server"}},
}
SSH = {
    "Label": "com.openssh.sshd",
    "Program": "/usr/libexec/sshd-keygen-wrapper",
    "ProgramArguments": ["/usr/sbin/sshd", "-i"],
    "Sockets": {"Listeners": {"SockServiceName": "ssh"}},
}
TAILSCALED = {"Label": "com.tailscale.tailscaled", "ProgramArguments": ["/usr/local/bin/tailscaled"], "RunAtLoad": True}

LARGEST = 20_000_000
"""Most bytes of the state file; with jobs, models and lists it grows to some 100 KB."""


class DamagedError(ValueError):
    """The folder is not a rehearsal any more."""


def create(root: Path, *, user: str, dns_name: str, programs: Iterable[str]) -> None:
    """Make a new Mac in a folder that is empty or does not exist, whole or not at all.

    Raises:
        DamagedError: the folder holds something else.
    """
    root = root.absolute()
    root.parent.mkdir(parents=True, exist_ok=True)
    if root.exists() and next(root.iterdir(), None):
        raise DamagedError
    draft = root.parent / f".{root.name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _fill(draft, user, dns_name, programs)
        draft.rename(root)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _fill(draft: Path, user: str, dns_name: str, programs: Iterable[str]) -> None:
    for folder in (*FOLDERS.split(), ".mac", *(f"Users/{user}/{name}" for name in HOME_FOLDERS)):
        (draft / folder).mkdir(parents=True)
    for each in [draft, *draft.rglob("*")]:  # independent of the laptop's umask
        each.chmod(OPEN.get(str(each.relative_to(draft)), 0o755))
    for name, target in LINKS.items():
        (draft / name).symlink_to(target)
    state = fresh.state(user, dns_name)
    _write_json(draft, state)
    _plist(draft, "System/Library/LaunchDaemons/com.apple.screensharing.plist", SCREEN_SHARING, 0o644)
    _plist(draft, "System/Library/LaunchDaemons/ssh.plist", SSH, 0o644)
    # `tailscaled install-system-daemon` makes it readable for root alone
    _plist(draft, "Library/LaunchDaemons/com.tailscale.tailscaled.plist", TAILSCALED, 0o700)
    (draft / "private/var/run/tailscaled.socket").touch()
    for path in [*fresh_parts.FIREWALL, "/usr/local/bin/tailscaled"]:
        _script(draft / path.lstrip("/"), "#!/bin/sh\nexit 0\n")
    refresh(draft, programs=programs, python=sys.executable)
    mac = Mac(draft, as_root=True)
    launchd.load(mac, "system", "/Library/LaunchDaemons/com.tailscale.tailscaled.plist", TAILSCALED)
    mac.save()


def check(root: Path) -> None:
    """Check that the tools can read the Mac's state.

    Raises:
        DamagedError: the state file is cut off, empty, or something else.
    """
    file = root / ".mac/state.json"
    if not file.is_file() or file.stat().st_size > LARGEST:
        raise DamagedError
    try:
        found = json.loads(file.read_text())
    except (ValueError, RecursionError):
        raise DamagedError from None
    if not _is_like(found, fresh.state("", "")):
        raise DamagedError


def _is_like(found: Any, new: Any, levels: int = 2) -> bool:
    """Return whether a state has the parts of a new Mac's state; details inside them are the tools' own matter."""
    if not isinstance(new, (dict, list, str)):
        return True
    if not isinstance(found, type(new)):
        return False
    inside = new.items() if isinstance(new, dict) and levels else ()
    return all(key in found and _is_like(found[key], part, levels - 1) for key, part in inside)


def refresh(root: Path, *, programs: Iterable[str], python: str, ports: dict[str, int] | None = None) -> None:
    """Write tools that differ, and install programs that the spec newly names; removed programs stay removed.

    ``ports`` are the ports, by label, of jobs whose command does not tell them.
    """
    for place, text in launchers.scripts(python):
        _script(root / place, text)
    time_zone.begin(str(root))
    mac = Mac(root)
    mac.state["ports"] = ports or {}
    installed: list[str] = mac.state["installed"]
    for path in programs:
        file = mac.file(path)
        if path not in installed and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            _script(file, launchers.program(python, path))
        elif file.is_file() and file.name in launchers.PROGRAMS:  # the same program, perhaps with another Python
            _script(file, launchers.program(python, path))
        if path not in installed:
            installed.append(path)
    mac.save()


def environment(root: Path) -> dict[str, str]:
    """Return the environment of a command that a user runs over SSH, without anything of the laptop's."""
    root = root.resolve()
    user = json.loads((root / ".mac/state.json").read_text())["user"]
    return {
        "HOME": f"{root}/Users/{user}",
        "LC_ALL": "C",
        "LOGNAME": user,
        "MACSTATE_ROOT": str(root),
        "PATH": ":".join(f"{root}{folder}" for folder in PATH),
        "SHELL": "/bin/zsh",
        "SSH_CLIENT": "100.64.0.2 52814 22",
        "SSH_CONNECTION": "100.64.0.2 52814 100.64.0.1 22",
        "TMPDIR": str(root / "tmp"),
        "USER": user,
    }


def _script(file: Path, text: str) -> None:
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        draft.write_text(text)
        draft.chmod(0o755)
        draft.replace(file)


def _plist(root: Path, place: str, content: dict[str, Any], mode: int) -> None:
    file = root / place
    file.write_bytes(plistlib.dumps(content, sort_keys=False))
    file.chmod(mode)


def _write_json(root: Path, state: dict[str, Any]) -> None:
    (root / ".mac/state.json").write_text(quick_json.dumps(state, LINES))
