"""The record on the Mac: what macstate made. Nothing else may be removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

FOLDERS = {True: "/var/db/macstate", False: ".local/state/macstate"}
"""The folders of the two records: root's, and the user's (below the home)."""
STATES = {"pending", "owned", "stopped", "set"}
SETTING, STOPPED = "set", "stopped"


@dataclass(frozen=True)
class Recorded:
    """What the record says of one id."""

    state: str
    """``pending``: a change has begun; ``owned``: macstate made it; ``stopped``: the same, and it was switched off by
    `macstate stop`; ``set``: a setting of which macstate has set fields."""
    fingerprint: str
    """The fingerprint of what was carried out last; for a setting, the names of its fields, separated by commas."""
    root: bool = True
    digests: str = ""
    """SHA-256 of the files that were written for it, separated by commas: the Mac tells such a content by its digest.

    Empty for a setting, a secret, and what an older version has written."""

    @property
    def in_record(self) -> str:
        """What stands behind its id in the record."""
        return in_record(self.fingerprint, self.digests)


def in_record(fingerprint: str, digests: str) -> str:
    """Return the part of a record's line behind the id."""
    return f"{fingerprint}\t{digests}" if digests else fingerprint


@dataclass(frozen=True)
class Record:
    """Both record files of a Mac. Their checksums show whether another run has changed them meanwhile."""

    lines: Mapping[str, Recorded] = field(default_factory=dict)
    sums: Mapping[bool, str] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()
    """The places of damaged lines, as ``/var/db/macstate/owned:3``; what such a line named is no longer macstate's."""

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of what was carried out last, by id."""
        return {name: line.fingerprint for name, line in self.lines.items()}

    def of(self, known: Callable[[str], bool | None]) -> Record:
        """Return the record with only the lines that stand in the record of whoever carries out their changes.

        ``known`` returns for an id whether root (True) or the user (False) carries out its changes; None: the id has no
        known kind. So the user's record cannot steer what root does; and a Mac may be somebody's laptop, too.
        """
        return replace(self, lines={name: line for name, line in self.lines.items() if known(name) is line.root})

    @classmethod
    def read(cls, texts: Mapping[bool, str], sums: Mapping[bool, str]) -> Record:
        """Read lines ``STATE<TAB>ID<TAB>FINGERPRINT[<TAB>DIGESTS]``; any other line is noted as damaged."""
        lines: dict[str, Recorded] = {}
        damaged: list[str] = []
        for root, text in texts.items():
            for number, line in enumerate(text.split("\n"), start=1):
                state, name, fingerprint, digests = (*line.split("\t", 3), "", "", "")[:4]
                if name and state in STATES and not re.search("[\ud800-\udfff]", line):  # UTF-8
                    lines[name] = Recorded(state, fingerprint, root, digests)
                elif line:
                    damaged.append(f"{'' if root else '~/'}{FOLDERS[root]}/owned:{number}")
        return cls(lines, sums, tuple(damaged))
