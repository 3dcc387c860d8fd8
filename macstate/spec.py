"""The spec: from YAML to wishes, with every mistake at once, each with file, line and column."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from macstate import check, files, overlay
from macstate.document import Mistake, read
from macstate.document.mistakes import mistakes as mistakes_of
from macstate.document.mistakes import near
from macstate.entry import Entry
from macstate.errors import MacstateError
from macstate.scope import MacView
from macstate.services.client import Clients
from macstate.spec_model import ENTRIES, Root, view
from macstate.wishes import Wishes, entries, place

DEFAULT = "group_data/macs.yml"
LARGEST = 500_000
"""Bytes; nobody's spec is a tenth of that."""
MOST = 100
"""Mistakes that are told; a file with more is none that somebody mends line by line."""


KINDS = {entry.section: entry for entry in ENTRIES}
"""What each section is made of."""


@dataclass(frozen=True)
class Spec:
    """A spec without mistakes."""

    file: str
    root: Entry
    doubts: tuple[check.Doubt, ...] = ()
    """What a person may mean, and mostly does not."""
    text: str = ""
    chosen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The sections of which a Mac names what it gets, by the Mac."""

    @property
    def macs(self) -> Mapping[str, Any]:
        """The Macs by name."""
        macs: Mapping[str, Any] = self.root.macs  # type: ignore[attr-defined]
        return macs

    def for_host(self, name: str) -> Wishes:
        """Give what this Mac shall be: its own where it names its own, else everything.

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
        whole, accept = tuple(entries(mac)), self._accepted(name)
        return Wishes(whole, warnings, macs=(mac,), elsewhere=frozenset({"clients"}), accept=accept)

    def for_laptop(self) -> Wishes:
        """Give what this laptop shall have."""
        macs = tuple(map(self._view, self.macs))
        own = (("clients", self.clients.local),) if self.clients else ()
        elsewhere = frozenset(place(*pair) for mac in macs for pair in entries(mac))
        return Wishes(own, macs=macs, laptop=True, elsewhere=elsewhere | {"clients"}, accept=self._accepted())

    def _view(self, name: str) -> MacView:
        return replace(view(self.root, name), chosen=self.chosen.get(name, frozenset()))

    def _accepted(self, name: str = "") -> tuple[str, ...]:
        """Give the names of the warnings that are not told of a Mac."""
        own = self.macs[name].accept if name else ()
        return (*self.root.accept, *own)  # type: ignore[attr-defined]

    @property
    def warnings(self) -> tuple[Mistake, ...]:
        """What is doubtful in it, of whatever Mac, and not accepted."""
        told = (doubt.mistake for doubt in self.doubts if doubt.name not in self._accepted(doubt.mac))
        return tuple(dict.fromkeys(told))

    @property
    def clients(self) -> Any:
        """What the laptop's side shall be, if the spec says it."""
        return self.root.clients  # type: ignore[attr-defined]

    @property
    def digest(self) -> str:
        """SHA-256 of its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def say(self, mistake: Mistake) -> str:
        """Print one finding with its place."""
        return f"{self.file}:{mistake.line}:{mistake.column}: {mistake.text}"


def path() -> Path:
    """Say which file is the spec: ``MACSTATE_SPEC``, else ``group_data/macs.yml`` here."""
    return Path(os.environ.get("MACSTATE_SPEC") or DEFAULT)


def load() -> Spec:
    """Read the spec, once a run.

    Raises:
        MacstateError: it cannot be read, or has mistakes: one line each.
    """
    return _load(path())


def contents(file: Path) -> str:
    """Read a spec's file.

    Raises:
        MacstateError: it is none.
    """
    try:
        return files.read(file, LARGEST).decode()
    except OSError as error:
        raise MacstateError(f"{file}: {error.strerror}; run this where {DEFAULT} is, or set MACSTATE_SPEC") from None
    except UnicodeDecodeError as error:
        raise MacstateError(f"{file}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None


@cache
def _load(file: Path) -> Spec:
    return parse(contents(file), str(file))


def parse(text: str, file: str) -> Spec:
    """Read a spec's text.

    Raises:
        MacstateError: it has mistakes.
    """
    document, root = read(text), None
    if not isinstance(document.data, dict):
        what = "is empty" if document.data is None else "has no sections"
        said = f"the spec {what}; begin with `macs: {{mini: {{hostname: mini, user: me}}}}`"
        laid = overlay.Layers(mistakes=document.mistakes or [Mistake(1, 1, said)])
    else:
        laid = overlay.layers(document, KINDS, {"clients": Clients})
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
    spec = Spec(file, root or Entry(), tuple(sorted(doubts)), text, laid.chosen)
    if mistakes:
        first = {(mistake.line, mistake.column): mistake for mistake in reversed(mistakes)}
        lines = [spec.say(mistake) for mistake in sorted(first.values())]
        more = [f"{file}: and {len(lines) - MOST:,} more mistakes"] if len(lines) > MOST else []
        raise MacstateError(*lines[:MOST], *more)
    return spec
