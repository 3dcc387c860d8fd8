"""The machine below the services: clock, memory, disk, FileVault, and which processes listen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

LISTENING = re.compile(
    r"^tcp\d*\s+\d+\s+\d+\s+(?P<host>\S+)\.(?P<port>\d{1,5})\s+\S+\s+LISTEN"
    r"(?:\s+\d+){2,4}?\s+(?:(?P<name>(?!\d+\s)\S.*?):(?P<new>\d{1,18})|(?P<old>\d{1,18})\s+\d+)\s+0(?:x[0-9a-f]+|[0-9a-f]{4})\s",
    re.MULTILINE,
)
"""`netstat -anv -p tcp`: newer versions print ``process:pid`` (the name may hold blanks), older ones the pid alone."""
MEGABYTE, GIGABYTE = 1024**2, 1024**3
DEFAULT_SHARE = 0.75
"""The share of memory that macOS lends to the GPU of a large Mac: observed between 2/3 and 3/4."""


@dataclass(frozen=True)
class Listener:
    """A process that accepts connections."""

    port: int
    host: str
    """``127.0.0.1``, ``::1``, or ``*`` for every address."""
    pid: int
    group: int
    """Its process group: launchd makes one for each job, with the number of the job's own process."""
    program: str

    @property
    def on_loopback(self) -> bool:
        """Whether only the Mac itself can reach it."""
        return self.host in {"127.0.0.1", "::1", "localhost"}

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid})"


@dataclass(frozen=True)
class Machine:
    """The state of the machine as the probe read it; None means unknown."""

    clock: int | None = None
    """The Mac's time, in seconds since 1970."""
    memory: int | None = None
    """Main memory, in bytes."""
    wired_limit: int | None = None
    """The bytes that the GPU may take; 0 means macOS' own choice."""
    filevault: bool | None = None
    free: Mapping[str, int] | None = None
    """Available bytes of the disk that holds a folder, by folder."""
    mounts: Mapping[str, str] = field(default_factory=dict)
    """The mount point of the disk that holds, or would hold, a folder, by folder."""
    links: frozenset[str] = frozenset()
    """Paths below ``/Volumes`` that are links; the start disk is one of them."""
    missing: frozenset[str] = frozenset()
    """Programs that do not exist or cannot be run."""
    no_folders: frozenset[str] = frozenset()
    """Folders that jobs need and that do not exist."""
    no_users: frozenset[str] = frozenset()
    """Users that jobs shall run as and that do not exist on this Mac."""
    autologin: bool | None = None
    """Whether the Mac logs somebody in at the screen by itself."""
    listeners: tuple[Listener, ...] = ()
    ways: Mapping[str, str] = field(default_factory=dict)
    """The user who could change what a path means, by path: ``0`` is root alone, empty is several users."""

    def is_away(self, path: str) -> bool:
        """Return whether a path is on an external disk that is not mounted."""
        volume = "/".join(path.split("/")[:3])
        mount = self.mounts.get(volume, self.mounts.get(path))
        return path.startswith("/Volumes/") and mount not in {None, volume} and volume not in self.links

    def gpu_memory(self, wanted: int | None = None) -> int | None:
        """Return the bytes that models can take under the limit ``wanted`` (in bytes; None: the actual limit)."""
        limit = self.wired_limit if wanted is None else wanted
        if not self.memory:
            return limit or None
        return min(limit or int(self.memory * DEFAULT_SHARE), self.memory)

    @classmethod
    def read(cls, outputs: Mapping[str, str], lacking: Mapping[str, frozenset[str]]) -> Machine:
        """Read the printed sections; a missing or unreadable section leaves its field unknown."""
        sysctl = dict(re.findall(r"^([\w.]+): ([0-9]{1,18})$", outputs.get("sysctl", ""), re.MULTILINE))
        wired = sysctl.get("iogpu.wired_limit_mb")
        vault = re.search(r"FileVault is (On|Off)", outputs.get("fdesetup status", ""))
        clock = outputs.get("clock", "").strip()
        login = re.search(r"Automatic login (is OFF\.|user: \S)", outputs.get("sysadminctl -autologin status", ""))
        return cls(
            clock=int(clock) if re.fullmatch("[0-9]{1,18}", clock) else None,
            memory=int(sysctl["hw.memsize"]) if "hw.memsize" in sysctl else None,
            wired_limit=int(wired) * MEGABYTE if wired else None,
            filevault=vault[1] == "On" if vault else None,
            free={folder: count for folder, count, _ in _disks(outputs)},
            mounts={folder: mount for folder, _, mount in _disks(outputs)},
            links=frozenset(name.removeprefix("link ") for name in outputs if name.startswith("link ")),
            **lacking,
            autologin=login[1] != "is OFF." if login else None,
            ways={name[4:]: text.strip() for name, text in outputs.items() if name.startswith("way ")},
            listeners=tuple(_listeners(outputs.get("netstat -anv -p tcp", ""), outputs.get("ps", ""))),
        )

    def at(self, port: int) -> list[Listener]:
        """Return the listeners on a port."""
        return [listener for listener in self.listeners if listener.port == port]


def _disks(outputs: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """Yield (folder, available bytes, mount point) for each `df -Pk`."""
    for name, text in outputs.items():
        row = re.search(r"^\S.*?\s\d+\s+\d+\s+(\d{1,18})\s+\d+%\s+(/.*)$", text, re.MULTILINE)
        if name.startswith("df ") and row:
            yield name.removeprefix("df "), int(row[1]) * 1024, row[2]


def _listeners(netstat: str, ps: str) -> Iterator[Listener]:
    rows = re.findall(r"^\s*(\d{1,18})\s+(\d{1,18})\s+(.+)$", ps, re.MULTILINE)
    processes = {int(pid): (int(group), path) for pid, group, path in rows}
    for row in LISTENING.finditer(netstat):
        pid = int(row["new"] or row["old"])
        group, path = processes.get(pid, (pid, row["name"] or "a process"))
        yield Listener(int(row["port"]), row["host"], pid, group, path.strip())
