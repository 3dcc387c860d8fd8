"""A file that only its service may read. Its content is never read back, only a salted digest of it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import ClassVar, Self

from pydantic import PrivateAttr

from macstate.kernel.outputs import Outputs, runs_of
from macstate.kernel.record import FOLDERS
from macstate.kernel.reloaded import Reloaded
from macstate.kernel.steps import Check, Delete, Preserve, Step, Write
from macstate.kinds.file import permissions
from macstate.language.secrets import Secret as Value


@cache
def salt() -> str:
    """Return this run's salt, so that digests tell nothing to whoever sees, or keeps, the probe's output."""
    return secrets.token_hex(16)


def look_at(path: str) -> tuple[str, str]:
    """Return the (list, value) by which the probe looks at a file, as an entry's ``lists`` yields them."""
    return "secret", f"{salt()} {path}"


def replaced(path: str) -> str:
    """Return the path at which root keeps a file's earlier keys until they are proven to be invalid."""
    return f"{FOLDERS[True]}/{path.rpartition('/')[2]}.old"


def known_sources(recorded: Mapping[str, str]) -> set[str]:
    """Return the sources of the keys that macstate has written to a Mac, from the fingerprints of its record."""
    fingerprints = (text for name, text in recorded.items() if name.startswith("secret/"))
    return {each for text in fingerprints for each in text.rpartition(":")[2].split(",")}


class KeyFile(Reloaded):
    """A file with secrets; its key is the path without the first slash."""

    kind: ClassVar[str] = "secret"
    probes: ClassVar[tuple[str, ...]] = ("stat", "shasum", "left")
    script: ClassVar[str] = """
digest() { # SALT PATH
  { printf %s "$1"; text "$root$2"; } | shasum -a 256
}
asked_for() { # SALT PATH
  [ ! -e "$root${1#* }" ] || reply "shasum ${1#* }" digest "${1%% *}" "${1#* }"
  asked_for=$asked_for${1#* }$newline
}
permitted() { # PATH
  [ ! -e "$root$1" ] || reply "stat $1" stat -f '%u %Lp' "$root$1"
}
left() { # KEY<TAB>STATE<TAB>SALT:...
  case $1 in
    *"	owned	"*:*) salt=${1##*	owned	} path=/${1%%	*} ;;
    *) return ;;
  esac
  case ${salt%%:*} in
    '' | *[!0-9a-f]*) ;;
    *) [ ! -e "$root$path" ] || reply "left $path" digest "${salt%%:*}" "$path" ;;
  esac
}
asked_for=
each "${list_secret-}" asked_for
keys "${root_secret-}" /
both "$asked_for" "$keys"
each "$both" permitted
each "${root_secret-}" left
"""
    sensitive: ClassVar[tuple[str, ...]] = ("content",)
    not_compared: ClassVar[frozenset[str]] = Reloaded.not_compared | {"owner", "lacking", "sources", "recorded", "left"}

    content: str | None = None
    """A salted digest."""
    permissions: str | None = None
    """Owner (user number) and mode."""
    owner: str = ""
    """``user:group``."""
    lacking: str = ""
    """Why this laptop does not have its text; empty if it does; desired only."""
    sources: tuple[str, ...] = ()
    """The sources of its keys, as ``macstate.language.secrets.source`` returns them; desired only."""
    recorded: str = ""
    """The fingerprint of what macstate wrote last; desired only."""
    left: str = ""
    """A digest of the content with the salt of the record; actual only."""
    _value: Value | None = PrivateAttr(default=None)
    _check: Check | None = PrivateAttr(default=None)

    @classmethod
    def of(  # noqa: PLR0913 - each says something else about the file
        cls,
        path: str,
        text: str | None,
        user: str,
        uid: int,
        *,
        sources: Sequence[str] = (),
        lacking: str = "",
        recorded: str = "",
    ) -> KeyFile:
        """Return the desired file of a user; without a text, its content is not compared."""
        content = None if text is None else _digest(text.encode())
        want = cls(
            key=path.lstrip("/"),
            content=content,
            permissions=f"{uid} 600",
            owner=f"{user}:staff",
            sources=tuple(sources),
            lacking=lacking,
            recorded=recorded,
        )
        want._value = None if text is None else Value(text)
        return want

    def checked_by(self, check: Check) -> KeyFile:
        """Return this file, of which a server must accept a new text before it takes the old one's place."""
        self._check = check
        return self

    @property
    def text(self) -> str:
        """Its desired content; empty if this laptop does not have it."""
        return self._value.reveal() if self._value else ""

    @property
    def fingerprint(self) -> str:
        """``SALT:DIGEST:SOURCES``, from which a key is slow to guess, since everybody can read the record on the Mac.

        If this laptop lacks the text, it is the recorded fingerprint; if the text is yet to be made, only its sources.
        """
        if self._value is None:
            return self.recorded if self.lacking else f"::{','.join(self.sources)}"
        own = _slow(self.text, "macstate", 8)
        return f"{own}:{_slow(hashlib.sha256((own + self.text).encode()).hexdigest(), own)}:{','.join(self.sources)}"

    def config_loaded(self, recorded: str) -> bool:
        """Return whether the record has this content with these sources, or this laptop lacks the text."""
        return bool(self.lacking) or recorded == self.fingerprint

    def against(self, have: Self | None) -> str:
        """Return why a file whose text this laptop lacks cannot stay as it is; empty if it can."""
        if not self.lacking:
            return ""
        own, digest, sources = (*self.recorded.split(":"), "", "")[:3]
        if have is None:
            why = "there is no key file on the Mac that could stay"
        elif sources != ",".join(self.sources):
            why = "the Mac's key file was made from other references"
        elif self.unlike(have) or not have.left or _slow(have.left, own) != digest:
            why = "the Mac's key file was changed since macstate wrote it, and cannot be restored"
        else:
            return ""
        return f"{self.lacking}; {why}"

    def note(self, have: Self | None) -> str:
        """Return that the file stays although this laptop lacks its text."""
        return f"stays as macstate wrote it: {self.lacking}" if self.lacking and not self.against(have) else ""

    def brief(self, *, going: bool = False) -> str:
        """Return who can read it, and nothing of its content."""
        if going:
            return "the file is deleted; this laptop's keys stay where they are"
        return f"secret, for {self.owner.partition(':')[0]} alone"

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Yield the files that exist, with owner, mode and digests."""
        digests, left = dict(runs_of(outputs, "shasum")), dict(runs_of(outputs, "left"))
        for path, text in runs_of(outputs, "stat"):
            yield cls(
                key=path.lstrip("/"),
                content=digests.get(path, "").partition(" ")[0] or None,
                permissions=permissions(text),
                left=left.get(path, "").partition(" ")[0],
            )

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Write the whole file once its server accepts it; the old keys are kept until they are proven invalid."""
        path = f"/{self.key}"
        if self._check:
            yield self._check
        if have is not None:
            yield Preserve(path, replaced(path))
        yield Write(path, self.text.encode(), mode="0600", owner=self.owner, secret=True)

    def remove(self) -> Iterator[Step]:
        """Delete it, and the earlier keys that are kept."""
        yield Delete(self.id, f"/{self.key}")
        yield Delete(self.id, replaced(self.key))


def _digest(content: bytes) -> str:
    return hashlib.sha256(salt().encode() + content).hexdigest()


@cache
def _slow(text: str, salt: str, length: int = 16) -> str:
    """Return a digest that takes long to make: a run, which needs each several times, makes it once."""
    return hashlib.scrypt(text.encode(), salt=salt.encode(), n=2**12, r=8, p=1, dklen=length).hex()
