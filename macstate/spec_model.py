"""The whole spec as one model, put together from what each kind and service brings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, create_model

from macstate.entry import Entry
from macstate.resources import KINDS
from macstate.scope import MacView
from macstate.services import SERVICES
from macstate.services.client import Clients
from macstate.types import Accept, Host, Name, User, Word, short

ENTRIES: tuple[type[Entry], ...] = (*(kind.entry for kind in KINDS if kind.entry), *SERVICES)


def _not_root(value: str) -> str:
    if value == "root":
        raise ValueError("root runs no servers and reads no Mac here; type the user whose Mac it is, who may use sudo")
    return value


class MacEntry(Entry):
    """One Mac: how to reach it, and what it gets when that is not everything."""

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
    """The same as `via`, which is what to type."""
    identity_file: Word | None = None
    """A private key on the laptop; Tailscale SSH needs none."""
    accept: Accept = ()
    """Warnings about this Mac that are not told, by the name at the end of each."""

    @classmethod
    def instead(cls, name: str, value: Any) -> str:
        """Read a login as ssh takes it."""
        match = re.fullmatch(r"(?:([\w.-]+)@)?(\w(?:[\w.:-]*\w)?)", value) if isinstance(value, str) else None
        return f"{{hostname: {match[2]}, user: {match[1] or 'me'}}}" if match else super().instead(name, value)

    @property
    def login(self) -> str:
        """Say how to log in."""
        return self.via or self.ssh or "tailscale"


def _optional(annotation: Any) -> Any:
    return (annotation | None, None)


def _one(entry: Any) -> Any:
    return Annotated[entry, short(entry.short | entry)] if entry.short else entry


def _whole(entry: Any) -> Any:
    return dict[entry.named, entry] if entry.named else _one(entry)


def view(root: Any, name: str) -> MacView:
    """Give one Mac with all that goes to it."""
    mac = root.macs[name]
    found = {entry.section: each for entry in ENTRIES if (each := getattr(mac, entry.section))}
    return MacView(name, mac, found, bool(root.clients))


def by_itself(root: Any, name: str = "") -> Any:
    """Give the spec as if it were about one Mac; without a name: what the spec has and no Mac gets."""
    if not name:
        return root.model_copy(update={"macs": {}})
    mac = root.macs[name]
    sections = {entry.section: getattr(mac, entry.section) for entry in ENTRIES}
    return root.model_copy(update={**sections, "macs": {name: mac}})


SECTIONS: dict[str, Any] = {entry.section: _optional(_whole(entry)) for entry in ENTRIES}
Mac = create_model("Mac", __base__=MacEntry, __doc__=MacEntry.__doc__, **SECTIONS)


class Whole(Entry):
    """What the Macs shall be."""

    sample: ClassVar[str] = "{macs: {mini: {hostname: mini, user: me}}}"
    former: ClassVar[Mapping[str, str]] = {
        "models": "they belong to an endpoint; type `endpoints: {ollama: {engine: ollama, "
        "command: [/opt/homebrew/bin/ollama, serve], port: 11434, models: VALUE}}`"
    }


Root = create_model(
    "Spec",
    __base__=Whole,
    __doc__=Whole.__doc__,
    macs=(Annotated[dict[Name, Mac], Field(min_length=1)], ...),
    **SECTIONS,
    accept=(
        Accept,
        Field(default=(), description="Warnings that are not told, of no Mac, by the name at the end of each."),
    ),
    clients=(_one(Clients) | None, Field(default=None, description="The laptop's side.")),
)
