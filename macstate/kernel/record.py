"""The ownership record on the Mac: what macstate made, so that it may take it away again, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

FOLDERS = {True: "/var/db/macstate", False: ".local/state/macstate"}
"""Where it lies, for what needs root and for what the user does alone (below the home)."""
STATES = {"pending", "owned", "stopped", "set"}
SETTING, STOPPED = "set", "stopped"


@dataclass(frozen=True)
class Recorded:
    """What is known of one id."""

    state: str
    """``pending``: a change of it has begun; ``owned``: ours; ``stopped``: ours, and off by `macstate stop`;
    ``set``: a setting whose fields we have set."""
    fingerprint: str
    """What was carried out last; of a setting the fields, with commas."""
    root: bool = True


@dataclass(frozen=True)
class Record:
    """Both files of a Mac. Their checksums notice that another run was here meanwhile."""

    lines: Mapping[str, Recorded] = field(default_factory=dict)
    sums: Mapping[bool, str] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()
    """Where a line stands that is none of ours, as ``/var/db/macstate/owned:3``: what it named is nobody's now."""

    @property
    def fingerprints(self) -> dict[str, str]:
        """What was carried out last, by id."""
        return {name: line.fingerprint for name, line in self.lines.items()}

    def of(self, known: Callable[[str], bool | None]) -> Record:
        """Keep what ``known`` says root (True) or the user (False) carries out, and whose record it stands in.

        What stands in the user's record steers nothing but the user's own; and a Mac may be somebody's laptop too.
        """
        return replace(self, lines={name: line for name, line in self.lines.items() if known(name) is line.root})

    @classmethod
    def read(cls, texts: Mapping[bool, str], sums: Mapping[bool, str]) -> Record:
        """Read ``STATE<TAB>ID<TAB>FINGERPRINT`` lines; what is no such line is not ours."""
        lines: dict[str, Recorded] = {}
        damaged: list[str] = []
        for root, text in texts.items():
            for number, line in enumerate(text.split("\n"), start=1):
                state, name, fingerprint = (*line.split("\t", 2), "", "")[:3]
                if name and state in STATES and not re.search("[\ud800-\udfff]", line):  # UTF-8
                    lines[name] = Recorded(state, fingerprint, root)
                elif line:
                    damaged.append(f"{'' if root else '~/'}{FOLDERS[root]}/owned:{number}")
        return cls(lines, sums, tuple(damaged))
