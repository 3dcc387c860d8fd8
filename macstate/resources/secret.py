"""A file that nobody may read but the service it belongs to. It is never read back: only a salted digest of it is."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from functools import cache
from typing import ClassVar, Self

from pydantic import PrivateAttr

from macstate.outputs import Outputs, each
from macstate.resource import Resource
from macstate.resources.file import permissions
from macstate.secrets import Secret as Value
from macstate.steps import Delete, Step, Write


@cache
def salt() -> str:
    """Give this run's salt: a digest tells nothing to whoever sees the probe's output, or keeps it."""
    return secrets.token_hex(16)


def look_at(path: str) -> tuple[str, str]:
    """Have the probe look at a file, as an entry's ``lists`` does."""
    return "secret", f"{salt()} {path}"


class Secret(Resource):
    """A file with secrets; its key is the path without the first slash."""

    kind: ClassVar[str] = "secret"
    probes: ClassVar[tuple[str, ...]] = ("stat", "shasum")
    script: ClassVar[str] = """
digest() { # SALT PATH
  { printf %s "$1"; cat "$2"; } | shasum -a 256
}
listed secret | while read -r salt path; do
  [ ! -e "$root$path" ] || section "shasum $path" digest "$salt" "$root$path"
done
{ listed secret | cut -d ' ' -f 2-; recorded secret | sed 's,^,/,'; } | sort -u | while IFS= read -r path; do
  [ ! -e "$root$path" ] || section "stat $path" stat -f '%u %Lp' "$root$path"
done
"""
    sensitive: ClassVar[tuple[str, ...]] = ("content",)
    not_compared: ClassVar[frozenset[str]] = Resource.not_compared | {"owner"}

    content: str | None = None
    """A salted digest."""
    permissions: str | None = None
    """Owner (user number) and mode."""
    owner: str = ""
    """``user:group``."""
    _value: Value | None = PrivateAttr(default=None)

    @classmethod
    def wish(cls, path: str, text: str | None, user: str, uid: int) -> Secret:
        """Wish for a file of one user's; without a text its content is not compared."""
        content = None if text is None else _digest(text.encode())
        wish = cls(key=path.lstrip("/"), content=content, permissions=f"{uid} 600", owner=f"{user}:staff")
        wish._value = None if text is None else Value(text)
        return wish

    @property
    def fingerprint(self) -> str:
        """Give nothing: the record can be read by everybody."""
        return "-"

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read owner, mode and digest of what exists."""
        digests = dict(each(outputs, "shasum"))
        for path, text in each(outputs, "stat"):
            yield cls(
                key=path.lstrip("/"),
                content=digests.get(path, "").partition(" ")[0] or None,
                permissions=permissions(text),
            )

    def converge(self, was: Self | None) -> Iterator[Step]:
        """Write it whole."""
        del was
        text = self._value.reveal() if self._value else ""
        yield Write(f"/{self.key}", text.encode(), mode="0600", owner=self.owner, secret=True)

    def remove(self) -> Iterator[Step]:
        """Delete it."""
        yield Delete(f"/{self.key}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(salt().encode() + content).hexdigest()
