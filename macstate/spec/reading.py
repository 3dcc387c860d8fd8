"""A spec as it was read: from YAML to declared entries, with all mistakes at once, each with file, line and column."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from macstate.errors import MacstateError, near
from macstate.gateway.entry import Gateway
from macstate.guide.guide import GuideEntry
from macstate.kernel.declaration import Declaration
from macstate.language.document import Mistake, read
from macstate.language.document.mistakes import mistakes as mistakes_of
from macstate.language.scope import MacView
from macstate.laptop.entry import Clients
from macstate.spec import check, overlay
from macstate.spec.declared import Declared, location
from macstate.spec.model import ENTRIES, Mac, Root, view

MOST = 100
"""Most mistakes that are reported; nobody fixes more line by line."""


SECTIONS = {entry.section: entry for entry in ENTRIES}
"""The model of each section's entries."""


@dataclass(frozen=True)
class Spec:
    """A spec without mistakes."""

    file: str
    root: Root
    doubts: tuple[check.Doubt, ...] = ()
    """Doubtful places: allowed, but mostly not meant."""
    text: str = ""
    chosen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The sections of which a Mac lists the entries that it gets, by Mac."""

    @property
    def macs(self) -> Mapping[str, Mac]:
        """The Macs by name."""
        return self.root.macs

    def for_host(self, name: str) -> Declared:
        """Return what the spec declares for a Mac: the Mac's own sections, otherwise the common ones.

        Raises:
            MacstateError: the spec has no such Mac.
        """
        if name not in self.macs:
            raise MacstateError(
                f"{self.file}: no Mac is called {name!r}; the spec has {', '.join(self.macs)}{near(name, self.macs)}"
            )
        mac = self._view(name)
        told = (doubt for doubt in self.doubts if doubt.mac in {name, ""} and doubt.name not in self._accepted(name))
        warnings = tuple(dict.fromkeys(self.say(doubt.mistake) for doubt in told))
        whole, accept = (*_declared(mac), *_guide(mac)), self._accepted(name)
        return Declared(whole, warnings, macs=(mac,), elsewhere=frozenset({"clients"}), accept=accept)

    def for_laptop(self) -> Declared:
        """Return what the spec declares for this laptop."""
        macs = tuple(map(self._view, self.macs))
        own = (("clients", self.clients.local),) if self.clients else ()
        elsewhere = frozenset(location(*pair) for mac in macs for pair in _declared(mac))
        return Declared(own, macs=macs, laptop=True, elsewhere=elsewhere | {"clients"}, accept=self._accepted())

    def _view(self, name: str) -> MacView:
        return replace(view(self.root, name), chosen=self.chosen.get(name, frozenset()))

    def _accepted(self, name: str = "") -> tuple[str, ...]:
        """Return the names of the warnings that are accepted for a Mac."""
        own = self.macs[name].accept if name else ()
        return (*self.root.accept, *own)

    @property
    def warnings(self) -> tuple[Mistake, ...]:
        """The doubtful places for all Macs, without the accepted ones."""
        told = (doubt.mistake for doubt in self.doubts if doubt.name not in self._accepted(doubt.mac))
        return tuple(dict.fromkeys(told))

    @property
    def clients(self) -> Clients | None:
        """What the spec declares for laptops; None if it declares nothing."""
        return self.root.clients

    @property
    def digest(self) -> str:
        """The SHA-256 of the spec's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def say(self, mistake: Mistake) -> str:
        """Return one mistake as a line with its place."""
        return _said(self.file, mistake)


def _said(file: str, mistake: Mistake) -> str:
    return f"{file}:{mistake.line}:{mistake.column}: {mistake.text}"


def _declared(mac: MacView) -> Iterator[tuple[str, Declaration]]:
    yield from ((name, entry) for name, entry in mac.entries if isinstance(entry, Declaration))


def _guide(mac: MacView) -> Iterator[tuple[str, Declaration]]:
    """Yield the guide, which has the gateway's place in the spec."""
    if mac.one(Gateway):
        yield Gateway.section, GuideEntry()


def parse(text: str, file: str) -> Spec:
    """Return the spec of a text.

    Raises:
        MacstateError: the text has mistakes.
    """
    document, root = read(text), None
    if not isinstance(document.data, dict):
        what = "is empty" if document.data is None else "has no sections"
        said = f"the spec {what}; begin with `macs: {{mini: {{hostname: mini, user: me}}}}`"
        laid = overlay.Layers(mistakes=document.mistakes or [Mistake(1, 1, said)])
    else:
        laid = overlay.layers(document, SECTIONS, {"clients": Clients})
        try:
            root = Root.model_validate_json(json.dumps(laid.data, default=str))
        except ValidationError as error:
            wrong = [details for details in error.errors() if details["type"] != "json_invalid" or not laid.mistakes]
            laid.mistakes += mistakes_of(Root, laid, wrong)
        told = {(mistake.line, mistake.column) for mistake in laid.mistakes}
        alone = ((at, said) for at, said in document.truths if document.keys.get(at) not in told)
        laid.mistakes += [said for at, said in alone if document.places[at] not in told]
    mistakes, doubts = laid.mistakes, []
    if root and not mistakes:
        mistakes, doubts = check.spec(root, laid), check.doubts(root, laid)
    if root is None or mistakes:
        first = {(mistake.line, mistake.column): mistake for mistake in reversed(mistakes)}
        lines = [_said(file, mistake) for mistake in sorted(first.values())]
        more = [f"{file}: and {len(lines) - MOST:,} more mistakes"] if len(lines) > MOST else []
        raise MacstateError(*lines[:MOST], *more)
    return Spec(file, root, tuple(sorted(doubts)), text, laid.chosen)
