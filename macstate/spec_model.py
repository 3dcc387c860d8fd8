"""The whole spec as one model, put together from what each kind and service brings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, create_model

from macstate.entry import Entry
from macstate.resources import KINDS
from macstate.scope import MacView
from macstate.services import SERVICES
from macstate.services.client import Clients
from macstate.types import Host, Name, User, Word

ENTRIES: tuple[type[Entry], ...] = (*(kind.entry for kind in KINDS if kind.entry), *SERVICES)


def _not_root(value: str) -> str:
    if value == "root":
        raise ValueError("root runs no servers and reads no Mac here; type the user whose Mac it is, who may use sudo")
    return value


class MacEntry(Entry):
    """One Mac: how to reach it, and what it gets when that is not everything."""

    hostname: Host
    """Its name in the tailnet, or any name or address that SSH reaches."""
    user: Annotated[User, AfterValidator(_not_root)]
    """Who logs in, and who runs the jobs."""
    ssh: Literal["tailscale", "openssh"] = "tailscale"
    """How to log in: Tailscale SSH, or its Remote Login with known hosts, keys and agent as for any SSH server."""
    identity_file: Word | None = None
    """A private key on the laptop; Tailscale SSH needs none."""


def _optional(annotation: Any) -> Any:
    return (annotation | None, None)


def _collection(entry: Any) -> Any:
    return dict[entry.named, entry]


def chosen(root: Any, mac: Any, section: str) -> dict[str, Entry]:
    """Give the entries of a collection that go to a Mac: those it names, else all."""
    own = getattr(mac, section)
    return {name: each for name, each in (getattr(root, section) or {}).items() if own is None or name in own}


def alone(root: Any, mac: Any, section: str) -> Any:
    """Give the entry of a section without names: the Mac's own, else everybody's."""
    return getattr(mac, section) or getattr(root, section)


def view(root: Any, name: str) -> MacView:
    """Give one Mac with all that goes to it."""
    mac = root.macs[name]
    found = {
        entry.section: chosen(root, mac, entry.section) if entry.named else alone(root, mac, entry.section)
        for entry in ENTRIES
    }
    return MacView(name, mac, {section: each for section, each in found.items() if each}, bool(root.clients))


Names = Annotated[
    tuple[str, ...], Strict(strict=False), Field(description="Which of them this Mac gets, by name; default: all.")
]
Mac = create_model(
    "Mac",
    __base__=MacEntry,
    __doc__=MacEntry.__doc__,
    **{entry.section: _optional(Names if entry.named else entry) for entry in ENTRIES},
)
Root = create_model(
    "Spec",
    __base__=Entry,
    __doc__="What the Macs shall be.",
    macs=(Annotated[dict[Name, Mac], Field(min_length=1)], ...),
    **{entry.section: _optional(_collection(entry) if entry.named else entry) for entry in ENTRIES},
    clients=(Clients | None, Field(default=None, description="The laptop's side.")),
)
