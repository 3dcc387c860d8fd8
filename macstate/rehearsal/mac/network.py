"""`lsof` and `netstat`: who listens where."""

from __future__ import annotations

from . import launchd, ports
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    Row = tuple[int, str, str, str, int]

HEADER = "COMMAND    PID     USER   FD   TYPE             DEVICE SIZE/OFF NODE NAME"
WIDTH = 9
"""lsof cuts the name of a program here (recorded)."""


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
    rows = [row for row in rows if mac.as_root or row[2] == mac.user]  # others' are not shown to a user (measured)
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
            out(f"{name:<9} {pid:>5} {user:<5} {'3u':>4}  IPv4 {device}      0t0  TCP {host}:{number} (LISTEN)")
    else:
        for pid, command, _, host, number in rows:
            out(f"p{pid}\nc{command}\nf3\nn{host}:{number}")  # p, c, f, n: the f line is always there
    return 0


def _netstat(rows: list[Row]) -> int:
    out("Active Internet connections (including servers)")
    out("Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)      rxbytes  txbytes  process:pid")
    for pid, command, _, host, port in rows:
        out(f"tcp4       0      0  {f'{host}.{port}':<22} {'*.*':<22} {'LISTEN':<12} {0:>8} {0:>8} {command}:{pid}")
    return 0
