"""The steps that change a Mac. What is printed of a step is what runs; its ``line`` is how ``apply.sh`` gets it."""

from __future__ import annotations

import shlex
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Literal

CHECK = "/var/db/macstate/check"
"""Where ``Check`` puts its files: a folder in root's own, for as long as the command runs."""


@dataclass(frozen=True)
class Run:
    """A command. Its first word is found on the Mac's PATH, or below the rehearsal's root when it is absolute."""

    words: tuple[str, ...]
    accept: tuple[int, ...] = (0,)
    """Exit statuses that are no failure. Success is proven by reading back, never by the status."""
    stdin: str = ""
    refusal: tuple[str, str] = ("", "")
    """(what its output holds, what to say then): a failure with a meaning of its own."""
    seconds: int = 0
    """After so many it is ended, with status 124; 0 lets it take its time."""

    def __str__(self) -> str:
        return shlex.join(self.words)

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        within = ("within", str(self.seconds)) if self.seconds else ()
        given = b64encode(self.stdin.encode()).decode()
        return shlex.join(("run", " ".join(map(str, self.accept)), given, *self.refusal, *within, *self.words))


@dataclass(frozen=True)
class Wait:
    """Repeat a read command until it exits with ``status``; after ``seconds`` the change has failed."""

    words: tuple[str, ...]
    status: int
    seconds: int

    def __str__(self) -> str:
        return f"{shlex.join(self.words)}  # until it exits with {self.status}"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        return shlex.join(("wait_for", str(self.status), str(self.seconds), *self.words))


@dataclass(frozen=True)
class Same:
    """A read command must still print what the plan was made from; else the change fails before it has begun."""

    words: tuple[str, ...]
    output: str
    hint: str

    def __str__(self) -> str:
        return f"{shlex.join(self.words)}  # must print what the plan was made from"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        seen = b64encode(self.output.encode("utf-8", "surrogateescape")).decode()
        return shlex.join(("same", seen, self.hint, *self.words))


@dataclass(frozen=True)
class Write:
    """A whole file: written beside its target with the final owner and mode, then renamed over it."""

    path: str
    content: bytes = field(repr=False)
    mode: str = "0644"
    owner: str = ""
    """``user:group``; empty keeps whoever carries out the step."""
    valid: tuple[str, ...] = ()
    """A command that must accept the new file, whose name stands as ``{}``, before it takes the old one's place."""
    secret: bool = False
    """Whether not even its length is shown, which a plan without the keys does not know."""

    def __str__(self) -> str:
        size = "secret" if self.secret else f"{len(self.content)} bytes"
        owner = f" {self.owner}" if self.owner else ""
        valid = f", if `{shlex.join(self.valid)}`" if self.valid else ""
        return f"write {shlex.quote(self.path)}  # {size}, {self.mode}{owner}{valid}"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        words = ("write", self.path, self.mode, self.owner, *_poured(self.content))
        return shlex.join((*words, *(word.replace("{}", f"{self.path}.macstate") for word in self.valid)))


@dataclass(frozen=True)
class Check:
    """A command must accept files that lie in ``CHECK``, before any of them takes the place of another."""

    command: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...] = field(repr=False)
    """(name, content); what they hold is never shown."""
    owner: str

    def __str__(self) -> str:
        names = ", ".join(name for name, _ in self.files)
        return f"{shlex.join(self.command)}  # must accept the new {names}; else nothing is written"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        files = [word for name, content in self.files for word in (name, *_poured(content))]
        return shlex.join(("check", self.owner, str(len(self.files)), *files, *self.command))


@dataclass(frozen=True)
class Preserve:
    """What a file of secrets holds is kept beside root's record, behind what is kept there already."""

    path: str
    kept: str

    def __str__(self) -> str:
        return f"keep what {shlex.quote(self.path)} holds in {shlex.quote(self.kept)}  # root's, 0600"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        return shlex.join(("preserve", self.path, self.kept))


@dataclass(frozen=True)
class Prove:
    """The gate must let each key of a file in, and none that is only in what was kept; then that goes."""

    url: str
    host: str
    keys: str
    kept: str
    config: str
    """The digest of the configuration that it must have taken in, which it tells whoever has a key."""

    def __str__(self) -> str:
        return f"curl {shlex.quote(self.url)}  # 204 for each key in {self.keys}, 401 for those that were there before"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        return shlex.join(("prove", self.url, self.host, self.keys, self.kept, self.config))


@dataclass(frozen=True)
class Delete:
    """A file that goes; one that is gone already is no failure."""

    of: str
    """The id that it is a part of: what the Mac's own record does not name stays."""
    path: str

    def __str__(self) -> str:
        return f"delete {shlex.quote(self.path)}"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        return shlex.join(("delete", self.of, self.path))


@dataclass(frozen=True)
class Aside:
    """A file of somebody else's that is in the way: it keeps its content under another name."""

    of: str
    """The id that it is a part of, which the run must have been allowed to take over."""
    path: str
    by: Literal["mv", "cp"] = "mv"
    """``cp`` where a new file takes its place at once, or not at all."""

    def __str__(self) -> str:
        path = shlex.quote(self.path)
        return f"{self.by} {path} {path}.before-macstate  # or .before-macstate.2 and so on, where that is taken"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        return shlex.join(("aside", self.of, self.path, self.by))


@dataclass(frozen=True)
class HeadLine:
    """One line in a person's own file: ``old`` is taken out, ``new`` put first; every other byte stays."""

    path: str
    old: str
    new: str

    def __str__(self) -> str:
        if self.new:
            return f"put first in {shlex.quote(self.path)}: {self.new}"
        return f"take out of {shlex.quote(self.path)}: {self.old}"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        return shlex.join(("head_line", self.path, self.old, self.new))


def _poured(content: bytes) -> tuple[str, str]:
    """Return how many bytes there are, by which a write that stopped halfway is noticed, and the bytes."""
    return str(len(content)), b64encode(content).decode()


Step = Run | Wait | Same | Write | Check | Preserve | Prove | Delete | Aside | HeadLine
