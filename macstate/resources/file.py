"""A whole file on the Mac, owned by root."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field

from macstate.entry import Entry
from macstate.outputs import Outputs, each
from macstate.resource import Resource
from macstate.steps import Delete, Step, Write
from macstate.types import AbsolutePath

if TYPE_CHECKING:
    from macstate.scope import Scope


def permissions(text: str) -> str | None:
    """Read owner and mode as ``stat -f '%u %Lp'`` prints them; any other form says nothing."""
    match = re.fullmatch(r"(\d+ [0-7]{1,4})\s*", text)
    return match[1] if match else None


class FileEntry(Entry):
    """A file with this text, owned by root; keyed by its absolute path."""

    section: ClassVar[str] = "files"
    named: ClassVar[Any] = AbsolutePath

    content: str
    """The whole text. No secret: the plan shows it."""
    mode: Annotated[str, Field(pattern=r"^0[0-7]{3}$")] = "0644"
    """Who may read and write it, as chmod takes it, quoted: '0644'."""

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Have the file looked at, and who can change the folders above it."""
        yield "file", name
        yield "way", name

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Give the one file."""
        del scope
        yield File(key=name.lstrip("/"), content=self.content, permissions=f"0 {int(self.mode, 8):o}")


class File(Resource):
    """A regular file; its key is the path without the first slash."""

    kind: ClassVar[str] = "file"
    entry: ClassVar[type[Entry] | None] = FileEntry
    probes: ClassVar[tuple[str, ...]] = ("stat", "cat")
    script: ClassVar[str] = """
{ listed file; recorded "$roots" file | sed 's,^,/,'; } | sort -u | while IFS= read -r path; do
  [ ! -e "$root$path" ] || {
    section "stat $path" stat -f '%u %Lp' "$root$path"
    section "cat $path" text "$root$path"
  }
done
"""

    not_compared: ClassVar[frozenset[str]] = Resource.not_compared | {"valid"}

    content: str | None = None
    permissions: str | None = None
    """Owner (user number) and mode."""
    valid: tuple[str, ...] = ()
    """A command that must accept a new content before it takes the old one's place; ``{}`` is where it lies."""

    @property
    def path(self) -> str:
        """Where it lies."""
        return f"/{self.key}"

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read owner, mode and content of what exists."""
        for path, text in each(outputs, "stat"):
            yield cls(
                key=path.lstrip("/"),
                content=outputs.get(f"cat {path}"),
                permissions=permissions(text),
                unreadable="" if f"cat {path}" in outputs else f"{path} cannot be read",
            )

    def converge(self, was: Self | None) -> Iterator[Step]:
        """Write it whole."""
        del was
        mode = int((self.permissions or "").split()[1], 8)
        content = (self.content or "").encode("utf-8", "surrogateescape")
        yield Write(self.path, content, mode=f"{mode:04o}", owner="root:wheel", valid=self.valid)

    def remove(self) -> Iterator[Step]:
        """Delete it."""
        yield Delete(self.id, self.path)
