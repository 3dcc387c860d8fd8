"""A whole file on the Mac, owned by root."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from macstate.kernel.declaration import Declaration
from macstate.kernel.outputs import Outputs, runs_of
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Aside, Delete, Step, Write
from macstate.language import meant
from macstate.language.types import AbsolutePath

if TYPE_CHECKING:
    from macstate.kernel.resource import Actual
    from macstate.language.scope import Scope


def permissions(text: str) -> str | None:
    """Return owner and mode as ``stat -f '%u %Lp'`` prints them; None for any other text."""
    match = re.fullmatch(r"(\d+ [0-7]{1,4})\s*", text)
    return match[1] if match else None


class FileEntry(Declaration):
    """A file with this text, owned by root; keyed by its absolute path."""

    sample: ClassVar[str] = "{content: text}"
    section: ClassVar[str] = "files"
    named: ClassVar[Any] = AbsolutePath

    content: str
    """The whole text. No secret: the plan shows it."""
    mode: Annotated[str, Field(pattern=r"^0[0-7]{3}$")] = "0644"
    """Who may read and write it, as chmod takes it, quoted: '0644'."""

    @classmethod
    def instead(cls, name: str, value: Any) -> str:
        """Return a text alone as the file's content."""
        is_text = isinstance(value, str) and value
        return f"{{content: {meant.typed(value)}}}" if is_text else super().instead(name, value)

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the file, and the folders above it, which only root should be able to change."""
        yield "file", name
        yield "way", name

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the one file."""
        del scope
        yield File(key=name.lstrip("/"), content=self.content, permissions=f"0 {int(self.mode, 8):o}")


class File(Resource):
    """A regular file; its key is the path without the first slash."""

    kind: ClassVar[str] = "file"
    probes: ClassVar[tuple[str, ...]] = ("stat", "cat")
    script: ClassVar[str] = """
keys "${root_file-}" /
both "${list_file-}" "$keys"
files '' "$both" "$keys"
"""

    not_compared: ClassVar[frozenset[str]] = Resource.not_compared | {"valid", "source", "replaces"}
    not_kept: ClassVar[frozenset[str]] = Resource.not_kept | {"source", "replaces"}

    content: str | None = None
    permissions: str | None = None
    """Owner (user number) and mode."""
    valid: tuple[str, ...] = ()
    """A command that must accept a new content before it takes the old one's place; ``{}`` stands for its path."""
    replaces: bool = False
    """Whether somebody else's text is in its place, and is kept beside it; desired only."""

    owner: ClassVar[str] = "root:wheel"
    """Owner and group of the written file; if empty, whoever carries out the step."""
    source: Literal["", "spec", "macstate"] = ""
    """Where its text comes from, as ``made`` says it; desired only."""

    @property
    def made(self) -> str:
        """``spec`` (made from the spec) or ``macstate`` (a script of macstate's); empty for a person's own text."""
        return self.source

    def brief(self, *, going: bool = False) -> str:
        """Return what sort of text it is."""
        if going:
            return "the file is deleted"
        count = len((self.content or "").splitlines())
        lines = f"{count} line{'s' * (count != 1)}"
        if self.source == "macstate":
            return "a script of macstate's"
        return f"made from the spec, {lines}" if self.source else f"{lines}, {(self.permissions or '').split()[-1]}"

    @property
    def path(self) -> str:
        """Its absolute path."""
        return f"/{self.key}"

    @property
    def contents(self) -> tuple[bytes, ...]:
        """Its text."""
        return () if self.content is None else (self.content.encode("utf-8", "surrogateescape"),)

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest of its text, unless not everybody may read that: everybody can read the record."""
        return super().digests if int((self.permissions or "0 0").split()[1], 8) & 4 else ()

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Yield the files that exist, with owner, mode and content."""
        for path, text in runs_of(outputs, "stat"):
            yield cls(
                key=path.lstrip("/"),
                content=outputs.get(f"cat {path}"),
                permissions=permissions(text),
                unreadable="" if f"cat {path}" in outputs else f"{path} cannot be read",
            )

    def beside(self, actual: Actual, desired: Mapping[str, Resource]) -> Self:
        """Return it with ``replaces``: whether somebody else's text is in its place."""
        del desired
        have = actual.resources.get(self.id)
        theirs = self.id not in actual.record.lines and isinstance(have, File) and have.content != self.content
        return self.model_copy(update={"replaces": theirs})

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Write the whole file; somebody else's text is kept beside it."""
        del have
        if self.replaces:
            yield Aside(self.id, self.path, "cp")
        mode = int((self.permissions or "").split()[1], 8)
        yield Write(self.path, b"".join(self.contents), mode=f"{mode:04o}", owner=self.owner, valid=self.valid)

    def remove(self) -> Iterator[Step]:
        """Delete it."""
        yield Delete(self.id, self.path)


def text_of(resource: Resource | None) -> str:
    """Return a file's content; empty if the resource is no file, or the content is unknown."""
    return (resource.content or "") if isinstance(resource, File) else ""
