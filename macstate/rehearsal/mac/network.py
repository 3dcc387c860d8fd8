"""`lsof` and `netstat`: which processes listen where."""

from __future__ import annotations

from . import launchd, ports
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    Row = tuple[int, str, str, str, int]

HEADER = "COMMAND    PID     USER   FD   TYPE             DEVICE SIZE/OFF NODE NAME"
COLUMNS = (
    "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)          rxbytes      txbytes  rhiwat  "
    "shiwat          process:pid    state  options           gencnt    flags   flags1 usecnt rtncnt fltrs"
)
"""As in public captures of 2025 and 2026 (no recording); others of these years have `pid   epid`, not `process:pid`."""
ADDRESSES = {"0.0.0.0": "*", "::": "*", "localhost": "127.0.0.1"}  # noqa: S104 - shown, not bound
WIDTH = 9
"""lsof cuts a program's name to this length (recorded)."""


def main(mac: Mac, tool: str, words: list[str]) -> int:
    """Play `lsof -nP -iTCP[:PORT] -sTCP:LISTEN [-Fpcn]`, or `netstat -anv -p tcp`."""
    launchd.settle(mac)
    rows = list(ports.listeners(mac))
    if tool == "netstat":
        return _netstat(rows)
    wanted = [word for word in words if word.startswith(("-iTCP", "-i:", "-i"))]
    if not wanted:
        raise Failure(1, "lsof: the simulated one knows -iTCP[:PORT] only")
    port = wanted[0].rpartition(":")[2] if ":" in wanted[0] else ""
    rows = [row for row in rows if not port or str(row[4]) == port]
    rows = [row for row in rows if mac.as_root or row[2] == mac.user]  # a user sees no others' (measured)
    if not rows:
        return 1
    fields = next((word[2:] for word in words if word.startswith("-F")), None)
    if "-t" in words:
        out("\n".join(str(row[0]) for row in rows))
    elif fields is None:
        out(HEADER)
        for pid, command, user, host, number in rows:
            name = command.replace(" ", "\\x20")[:WIDTH]
            device = f"0x{hash((pid, number)) & (1 << 64) - 1:016x}"
            where = ADDRESSES.get(host, host)
            out(f"{name:<9} {pid:>5} {user:<5} {'3u':>4}  IPv4 {device}      0t0  TCP {where}:{number} (LISTEN)")
    else:
        for pid, command, _, host, number in rows:
            out(
                f"p{pid}\nc{command}\nf3\nn{ADDRESSES.get(host, host)}:{number}"
            )  # p, c, f, n: the f line is always there
    return 0


def _netstat(rows: list[Row]) -> int:
    out(f"Active Internet connections (including servers)\n{COLUMNS}")
    for number, (pid, command, _, host, port) in enumerate(rows, start=0xC38CA):
        local = f"{ADDRESSES.get(host, host)}.{port}"[:22]
        sizes = f"{0:>12} {0:>12} {131072:>7} {131072:>7}"
        flags = f"00100 00000006 {number:016x} 00000000 00000800 {1:>6} {0:>6} 000000"
        protocol = "tcp6" if ":" in host else "tcp4"
        process = f"{command[:16]:>16}:{pid:<6}"
        out(f"{protocol:<5} {0:>6} {0:>6}  {local:<22} {'*.*':<22} {'LISTEN':<11} {sizes} {process} {flags}")
    return 0
