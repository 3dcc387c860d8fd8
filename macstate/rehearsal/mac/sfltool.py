"""`sfltool dumpbtm`: what System Settings > Login Items knows about the jobs in launchd's folders."""

from __future__ import annotations

import hashlib

from . import launchctl_load, launchd
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = 24 * "="
SYSTEM = "FFFFEEEE-DDDD-CCCC-BBBB-AAAAFFFFFFFE"
BARE = 27
"""The first macOS that prints a path; older ones print a URL."""


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `sfltool dumpbtm`, in the layout of public captures of macOS 14 to 26; no recording."""
    if words != ["dumpbtm"]:
        raise Failure(1, "Usage: sfltool resetbtm|dumpbtm")  # no recording
    if not mac.as_root:
        raise Failure(1, "Error: not authorized")  # no recording: the real one asks for a password on the screen
    user = f"/Users/{mac.state['user']}/Library/LaunchAgents"
    for uid, uuid, folder in ((-2, SYSTEM, "/Library/LaunchDaemons"), (mac.state["uid"], _uuid("user"), user)):
        out(f"{LINE}\n Records for UID {uid} : {uuid}\n{LINE}\n")
        out(" ServiceManagement migrated: true\n LaunchServices registered: false\n\n Items:\n")
        for number, plist in enumerate(sorted(mac.file(folder).glob("*.plist")), start=1):
            for line in _item(mac, plist, number):
                out(line)
    return 0


def _item(mac: Mac, file: Path, number: int) -> Iterator[str]:
    path = mac.outside(file)
    plist = launchctl_load.read(mac, path) or {"Label": file.stem, "Program": "(null)"}
    daemon = path.startswith("/Library/LaunchDaemons/")
    program = launchd.program({"plist": plist})
    off = launchctl_load.is_disallowed(mac, plist)
    shown = path if int(mac.state["version"]["ProductVersion"].partition(".")[0]) >= BARE else f"file://{path}"
    fields = {
        "UUID": _uuid(path),
        "Name": program.rpartition("/")[2],
        "Developer Name": "(null)",
        "Type": "legacy daemon (0x10010)" if daemon else "legacy agent (0x10008)",
        "Flags": "[ legacy ] (0x1)",
        "Disposition": "[enabled, disallowed, notified] (0x9)" if off else "[enabled, allowed, notified] (0xb)",
        "Identifier": f"{16 if daemon else 8}.{plist['Label']}",
        "URL": shown,
        "Executable Path": program,
        "Generation": "1",
        "Parent Identifier": "Unknown Developer",
    }
    yield f" #{number}:"
    yield from (f"{name:>21}: {value}" for name, value in fields.items())
    yield ""


def _uuid(text: str) -> str:
    digits = hashlib.sha256(text.encode()).hexdigest().upper()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
