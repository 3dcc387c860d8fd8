"""Rotate the logs of all jobs that the spec declares, by rotate.sh.

newsyslog renames a log. launchd holds a job's log open and has no way to open it anew, so the server would write to
the renamed file for ever, and the new one would stay empty. Therefore rotate.sh copies a log, and empties it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from macstate.kernel import scripts
from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Resource
from macstate.kinds.file import File
from macstate.kinds.launchd import Launchd
from macstate.kinds.launchd.job import of_root
from macstate.language.scope import no_keys
from macstate.language.types import Seconds, Size

if TYPE_CHECKING:
    from macstate.language.scope import Scope

LABEL = "macstate.log-rotation"
PROGRAM = "/Library/macstate/bin/rotate"
"""Where rotate.sh lies on a Mac."""
LOGS = ("StandardOutPath", "StandardErrorPath")


@cache
def program() -> str:
    """Return the program that rotates logs."""
    shared = map(scripts.bare, ("digits.sh", "bytes.sh", "way.sh"))
    return "\n".join((scripts.whole("rotate.sh", __name__), *shared, 'each_log "$@"\n'))


class LogRotation(Declaration):
    """Rotates the logs of all jobs of the spec, copy by copy; a line written while one is emptied may be lost."""

    sample: ClassVar[str] = "{size: 10MB}"
    section: ClassVar[str] = "log_rotation"
    short: ClassVar[Any] = bool
    becomes: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("size", "keep"), f"a word of the job {LABEL}, which runs {PROGRAM}"),
        "every": f"StartInterval in the plist of {LABEL}",
    }

    size: Size = 10_000_000
    """A log larger than this is rotated; default: ``10MB``. Not in a folder that everybody may write to, as /tmp."""
    keep: Annotated[int, Field(ge=1, le=99)] = 5
    """How many older ones are kept, compressed, beside it: LOG.1.gz is the newest."""
    every: Annotated[Seconds, Field(ge=60)] = 3600
    """How often the sizes are looked at; default: ``1h``. Until then a log may grow beyond its size."""

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield its job and its program."""
        del name
        yield "label", LABEL
        yield "file", PROGRAM

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the program, and the job that runs it on the logs of all jobs."""
        del name
        yield File(key=PROGRAM.lstrip("/"), content=program(), permissions="0 755", source="macstate")
        own = f"/var/log/{LABEL}.log"
        logs = sorted({own, *self._logs(scope)})
        command = (PROGRAM, str(self.size), str(self.keep), *logs)
        yield of_root(LABEL, scope.facts, command, interval=self.every)

    def _logs(self, scope: Scope) -> Iterator[str]:
        keyless = replace(scope, key=no_keys)  # where a job writes does not depend on a key
        for name, entry in scope.entries:
            if entry.section == self.section:
                continue
            for resource in entry.expand(name, keyless) if isinstance(entry, Declaration) else ():
                if isinstance(resource, Launchd) and resource.file:
                    yield from (resource.file[key] for key in LOGS)
                    yield from resource.logs
