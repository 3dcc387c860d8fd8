"""The whole spec as one model, built from the entries of all kinds and services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, create_model

from macstate import kinds
from macstate.endpoint.entry import Endpoint
from macstate.gateway.entry import Gateway
from macstate.kernel.declaration import Declaration
from macstate.kinds.file import FileEntry
from macstate.kinds.gpu_memory import GpuMemory
from macstate.kinds.launchd.job import Job
from macstate.kinds.log_rotation import LogRotation
from macstate.kinds.power import PowerEntry
from macstate.kinds.remote_login import RemoteLoginEntry
from macstate.language.entry import Entry
from macstate.language.mac import MacEntry
from macstate.language.scope import MacView
from macstate.language.types import Accept, Name, short
from macstate.laptop.entry import Clients

ENTRIES: tuple[type[Declaration], ...] = (*kinds.ENTRIES, Job, Gateway, Endpoint, GpuMemory, LogRotation)


def _optional(annotation: Any) -> Any:
    return (annotation | None, None)


def _one(entry: type[Entry]) -> Any:
    return Annotated[entry, short(entry.short | entry)] if entry.short else entry


def _whole(entry: Any) -> Any:
    return dict[entry.named, entry] if entry.named else _one(entry)


def view(root: Root, name: str) -> MacView:
    """Return one Mac with all entries that it gets."""
    mac = root.macs[name]
    sections = ((entry, each) for entry in ENTRIES if (each := getattr(mac, entry.section)))
    pairs = (pair for entry, each in sections for pair in (each.items() if entry.named else [(entry.section, each)]))
    return MacView(tuple(pairs), name, mac, clients=bool(root.clients))


def by_itself(root: Root, name: str = "") -> Root:
    """Return the spec reduced to one Mac; without a name, to the entries that no Mac gets."""
    if not name:
        return root.model_copy(update={"macs": {}})
    mac = root.macs[name]
    sections = {entry.section: getattr(mac, entry.section) for entry in ENTRIES}
    return root.model_copy(update={**sections, "macs": {name: mac}})


class Whole(Entry):
    """What the Macs shall be."""

    sample: ClassVar[str] = "{macs: {mini: {hostname: mini, user: me}}}"
    former: ClassVar[Mapping[str, str]] = {
        "models": "they belong to an endpoint; type `endpoints: {ollama: {engine: ollama, "
        "command: [/opt/homebrew/bin/ollama, serve], port: 11434, models: VALUE}}`"
    }


if TYPE_CHECKING:

    class Sections(Entry):
        """The sections that a rule asks for by name."""

        power: PowerEntry | None
        remote_login: RemoteLoginEntry | None
        files: Mapping[str, FileEntry] | None
        launchd: Mapping[str, Job] | None
        endpoints: Mapping[str, Endpoint] | None
        gateway: Gateway | None

    class Mac(MacEntry, Sections):
        """One Mac with what it gets."""

    class Root(Whole, Sections):
        """The whole spec."""

        macs: Mapping[str, Mac]
        accept: tuple[str, ...]
        clients: Clients | None

else:
    SECTIONS = {entry.section: _optional(_whole(entry)) for entry in ENTRIES}
    Mac = create_model("Mac", __base__=MacEntry, __doc__=MacEntry.__doc__, **SECTIONS)
    Root = create_model(
        "Spec",
        __base__=Whole,
        __doc__=Whole.__doc__,
        macs=(Annotated[dict[Name, Mac], Field(min_length=1)], ...),
        **SECTIONS,
        accept=(
            Accept,
            Field(default=(), description="Warnings to silence for all Macs, by the name at the end of each."),
        ),
        clients=(_one(Clients) | None, Field(default=None, description="The laptop's side.")),
    )
