"""The steps that change a Mac. A step prints what it runs; its ``line`` is what ``apply.sh`` gets."""

from __future__ import annotations

import shlex
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Literal

CHECK = "/var/db/macstate/check"
"""Where ``Check`` puts its files while its command runs: a folder in root's own."""


@dataclass(frozen=True)
class Run:
    """A command. Its first word is looked up on the Mac's PATH or, if absolute, below the rehearsal's root, if any."""

    words: tuple[str, ...]
    accept: tuple[int, ...] = (0,)
    """Exit statuses that are no failure. Only reading the Mac again proves success, never the status."""
    stdin: str = ""
    refusal: tuple[str, str] = ("", "")
    """(text, message): a failure whose output holds the text is told with the message."""
    seconds: int = 0
    """After so many seconds the command is ended, with status 124; 0 sets no limit."""

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
    """Repeat a read command until it exits with ``status``; after ``seconds`` the change fails."""

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
    """A read command must still print what the plan was made from; otherwise the change fails before it begins."""

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
    """Write a whole file beside its target, with the final owner and mode, then rename it over the target."""

    path: str
    content: bytes = field(repr=False)
    mode: str = "0644"
    owner: str = ""
    """``user:group``; if empty, whoever carries out the step."""
    valid: tuple[str, ...] = ()
    """A command that must accept the new file before it takes the old one's place; ``{}`` stands for its path."""
    secret: bool = False
    """Whether not even its length is shown; a plan without the keys does not know it."""

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
    """A command must accept the new files, which lie in ``CHECK``, before any of them replaces an old one."""

    command: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...] = field(repr=False)
    """(name, content); the content is never shown."""
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
    """Append the content of a file of secrets to ``kept``, which lies beside root's record."""

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
    """The gate must let in each key of file ``keys``, and none that is only in ``kept``; then ``kept`` is deleted."""

    url: str
    host: str
    keys: str
    kept: str
    config: str
    """The digest of the configuration that the gate must have taken in; it tells this to whoever has a key."""

    def __str__(self) -> str:
        return f"curl {shlex.quote(self.url)}  # 204 for each key in {self.keys}, 401 for those that were there before"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        return shlex.join(("prove", self.url, self.host, self.keys, self.kept, self.config))


@dataclass(frozen=True)
class Delete:
    """Delete a file; one that is gone already is no failure."""

    of: str
    """The id of the resource that it is a part of; if the Mac's own record does not name that, the file stays."""
    path: str

    def __str__(self) -> str:
        return f"delete {shlex.quote(self.path)}"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        return shlex.join(("delete", self.of, self.path))


@dataclass(frozen=True)
class Aside:
    """Keep somebody else's file, which is in the way, under another name."""

    of: str
    """The id of the resource that it is a part of; the run must be allowed to take that over."""
    path: str
    by: Literal["mv", "cp"] = "mv"
    """``cp`` if a new file takes its place at once, or not at all."""

    def __str__(self) -> str:
        path = shlex.quote(self.path)
        return f"{self.by} {path} {path}.before-macstate  # or .before-macstate.2 and so on, where that is taken"

    @property
    def line(self) -> str:
        """The payload line for ``apply.sh``."""
        return shlex.join(("aside", self.of, self.path, self.by))


@dataclass(frozen=True)
class HeadLine:
    """Take the line ``old`` out of a person's own file, and put ``new`` first; every other byte stays."""

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
    """Return the number of bytes, which shows a write that stopped halfway, and the bytes in base64."""
    return str(len(content)), b64encode(content).decode()


Step = Run | Wait | Same | Write | Check | Preserve | Prove | Delete | Aside | HeadLine
