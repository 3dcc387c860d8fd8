"""How a Mac is reached, and by whom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator

from macstate.language.entry import Entry
from macstate.language.types import Accept, Host, User, Word


def _not_root(value: str) -> str:
    if value == "root":
        raise ValueError("root runs no servers and reads no Mac here; type the user whose Mac it is, who may use sudo")
    return value


class MacEntry(Entry):
    """One Mac: how to reach it, and what it has otherwise than all."""

    sample: ClassVar[str] = "{hostname: NAME, user: me}"
    former: ClassVar[Mapping[str, str]] = {
        "port": "SSH's port is not chosen here: Tailscale SSH needs none, and with `via: openssh` it stands in "
        "~/.ssh/config on the laptop; take it out"
    }

    hostname: Host
    """Its name in the tailnet, or any name or address that SSH reaches."""
    user: Annotated[User, AfterValidator(_not_root)]
    """Who logs in, and who runs the jobs."""
    via: Literal["tailscale", "openssh"] | None = None
    """How to log in: Tailscale SSH (default), or its Remote Login with known hosts, keys and agent as always."""
    ssh: Literal["tailscale", "openssh"] | None = None
    """The old name of `via`."""
    identity_file: Word | None = None
    """A private key on the laptop; Tailscale SSH needs none."""
    accept: Accept = ()
    """Warnings to silence for this Mac, by the name at the end of each."""

    @classmethod
    def instead(cls, name: str, value: Any) -> str:
        """Return the fields that a login such as ``me@mini`` stands for, as text to type."""
        match = re.fullmatch(r"(?:([\w.-]+)@)?(\w(?:[\w.:-]*\w)?)", value) if isinstance(value, str) else None
        return f"{{hostname: {match[2]}, user: {match[1] or 'me'}}}" if match else super().instead(name, value)

    @property
    def login(self) -> str:
        """How to log in: ``tailscale`` or ``openssh``."""
        return self.via or self.ssh or "tailscale"
