"""The rendered guide on the Mac, which the gateway serves: a text, a page and a file for agents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, Self

from macstate.kernel.outputs import Outputs, runs_of
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Delete, Step, Write
from macstate.kinds.file import permissions

FOLDER = "/Library/macstate/guide"
ONCE = "/usr/local/share/macstate/guide"
"""Where the files lay until November 2026: a folder that belongs to a user on many Macs."""
NAMES = {"markdown": "guide.md", "agents": "llms.txt", "page": "index.html"}


class GuidePages(Resource):
    """All three forms, which are rendered from one text and change together."""

    kind: ClassVar[str] = "guide"
    probes: ClassVar[tuple[str, ...]] = ("stat", "cat", "once")
    optional: ClassVar[tuple[str, ...]] = ("once",)
    script: ClassVar[str] = f"""
pages=
for form in {" ".join(NAMES.values())}; do
  pages=$pages{FOLDER}/$form$newline
  [ ! -f "$root{ONCE}/$form" ] || [ -L "$root{ONCE}/$form" ] || once=yes
done
[ -z "${{once-}}" ] || reply once true
files {FOLDER}/ "$pages" "${{root_guide:+$pages}}"
"""
    implied_by: ClassVar[Mapping[str, str]] = {"agents": "markdown", "page": "markdown", "once": "markdown"}

    key: Literal["pages"] = "pages"
    markdown: str | None = None
    agents: str | None = None
    page: str | None = None
    permissions: str | None = None
    """Owner (user number) and mode of all three; if one differs, of that one."""
    once: bool = False
    """Whether some are left in the former folder."""

    @property
    def made(self) -> str:
        """``repeats``: the guide says what the rest of a plan says."""
        return "repeats"

    def brief(self, *, going: bool = False) -> str:
        """Return the names of the three forms."""
        forms = "a page, Markdown, and a text for agents"
        return f"all three forms are deleted: {forms}" if going else f"the guide: {forms}"

    @property
    def contents(self) -> tuple[bytes, ...]:
        """The three texts."""
        return tuple(getattr(self, field).encode() for field in NAMES)

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Self:
        """Return the desired pages with these texts, by file name."""
        return cls.model_validate({**{field: texts[name] for field, name in NAMES.items()}, "permissions": "0 644"})

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Yield the pages if any of the three forms is there."""
        modes = {permissions(text) for _, text in runs_of(outputs, "stat")}
        texts = {field: outputs.get(f"cat {name}", "") for field, name in NAMES.items()}
        if modes or "once" in outputs:
            mode = min(modes - {"0 644"}, key=str, default="0 644")
            yield cls.model_validate({**texts, "permissions": mode, "once": "once" in outputs})

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Write all three, and delete those in the former folder."""
        for name, content in zip(NAMES.values(), self.contents, strict=True):
            yield Write(f"{FOLDER}/{name}", content, mode="0644", owner="root:wheel")
        if have and have.once:
            yield from self._deleted(ONCE)

    def remove(self) -> Iterator[Step]:
        """Delete all three."""
        yield from self._deleted(FOLDER)

    def _deleted(self, folder: str) -> Iterator[Step]:
        yield from (Delete(self.id, f"{folder}/{name}") for name in NAMES.values())
