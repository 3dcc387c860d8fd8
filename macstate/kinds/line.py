"""One line of macstate's at the head of a person's own file; every other byte of the file stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Self

from macstate.kernel.outputs import Outputs, runs_of
from macstate.kernel.resource import Resource
from macstate.kernel.steps import HeadLine, Step

OURS = r"(?:Include|if \[ -r) \"[^\"]*/\.config/macstate/[^\"]*\".*"
"""What our lines look like. The folder is the mark, since an ssh configuration takes no comment behind a word."""


def includes(path: str) -> str:
    """Return the line by which ssh reads a further file."""
    return f'Include "{path}"'


def sources(path: str) -> str:
    """Return the line by which zsh and bash read a further file, if it is there."""
    return f'if [ -r "{path}" ]; then . "{path}"; fi # macstate'


class Line(Resource):
    """A line at the head of a file; its key is the path without the first slash."""

    kind: ClassVar[str] = "line"
    laptop: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = ("grep",)
    absent: ClassVar[tuple[int, ...]] = (1,)
    script: ClassVar[str] = """
line_in() { # PATH
  [ ! -e "$1" ] || reply "grep $1" grep -F '/.config/macstate/' "$1"
}
keys "${user_line-}" /
both "${list_line-}" "$keys"
each "$both" line_in
"""

    text: str | None = None

    @property
    def root(self) -> bool:
        """False: the file is the user's own."""
        return False

    @property
    def exists(self) -> bool:
        """Whether the file has such a line."""
        return bool(self.text)

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read our line from the lines that mention our folder."""
        for path, text in runs_of(outputs, "grep"):
            found = next((line for line in text.splitlines() if re.fullmatch(OURS, line)), "")
            yield cls(key=path.lstrip("/"), text=found)

    def brief(self, *, going: bool = False) -> str:
        """Return the line."""
        return "macstate's line goes, and all else in the file stays" if going else f"the first line: {self.text}"

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Put it first, in place of an older one of ours."""
        yield HeadLine(f"/{self.key}", have.text or "" if have else "", self.text or "")

    def remove(self) -> Iterator[Step]:
        """Take it out."""
        yield HeadLine(f"/{self.key}", self.text or "", "")
