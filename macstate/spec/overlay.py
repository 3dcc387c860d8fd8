"""Merge the layers of a spec: write short forms out, and lay each Mac's own sections over the common ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from macstate.errors import near
from macstate.language import meant
from macstate.language.document import Document, Mistake, Path
from macstate.language.document.fields import model_of
from macstate.language.document.masked import LIKE_A_KEY, masked
from macstate.language.entry import Entry

Kinds = Mapping[str, type[Entry]]
"""The model of each section's entries."""


@dataclass
class Layers(Document):
    """A spec in which each Mac has all its entries at ``macs.NAME.SECTION``; beside them, entries that no Mac gets.

    A mistake is reported where it was written: in the Mac's own section, or in the common one.
    """

    chosen: dict[str, frozenset[str]] = field(default_factory=dict)
    """The sections of which a Mac lists the entries that it gets, by Mac."""

    def at(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Return line and column of a value (or of its key); if it was not written, those of the nearest parent."""
        for length in range(len(path), 0, -1):
            own, common = path[:length], path[2:length] if path[0] == "macs" else ()
            found = self.keys if key else self.places
            if place := found.get(own) or found.get(common) if common else found.get(own):
                return place
            key = True
        return 1, 1

    def is_written(self, path: Path) -> bool:
        """Return whether a value stands in the spec itself."""
        return path in self.places or (path[:1] == ("macs",) and path[2:] in self.places)

    def moved(self, before: Any, after: Any, path: Path) -> None:
        """Remember the places of values that move in the long form, such as items of a list that become keys."""
        if isinstance(after, dict) and isinstance(before, list):
            for index, item in enumerate(before):
                spot = (*path, index)
                for name in item if isinstance(item, dict) else [item]:
                    if isinstance(name, str) and name in after:
                        inner = (*spot, name) if isinstance(item, dict) else spot
                        self.keys.setdefault((*path, name), self.keys.get(inner) or self.places[spot])
                        self.places.setdefault((*path, name), self.places[inner])
        elif isinstance(after, dict) and isinstance(before, dict):
            for name, value in before.items():
                if value is not after.get(name):
                    self.moved(value, after.get(name), (*path, name))


def layers(document: Document, kinds: Kinds, alone: Kinds) -> Layers:
    """Lay every Mac's own sections over the common ones; a Mac cannot have the sections of ``alone``."""
    laid = Layers(None, dict(document.places), dict(document.keys), list(document.mistakes), document.words)
    data: dict[str, Any] = dict(document.data)
    for section, kind in {**kinds, **alone}.items():
        if data.get(section) is not None:
            data[section] = _written_out(kind, data[section], (section,), laid)
    macs = data.get("macs")
    if isinstance(macs, dict):
        macs = data["macs"] = {name: _mac(name, mac, data, kinds, laid) for name, mac in macs.items()}
        laid.chosen = {name: _lists(mac) for name, mac in document.data["macs"].items()}
    whole = [mac for mac in macs.values() if isinstance(mac, dict)] if isinstance(macs, dict) else []
    laid.data = data | {
        section: _unused(kind, data[section], [mac[section] for mac in whole if section in mac])
        for section, kind in kinds.items()
        if section in data
    }
    return laid


def _lists(mac: object) -> frozenset[str]:
    pairs = mac.items() if isinstance(mac, dict) else ()
    return frozenset(section for section, own in pairs if isinstance(own, list))


def _unused(kind: type[Entry], value: Any, given: list[Any]) -> Any:
    """Return the entries of a common section that no Mac gets; they are checked too."""
    if kind.named and isinstance(value, dict):
        names = {name for section in given if isinstance(section, dict) for name in section}
        return _completed(kind, {name: each for name, each in value.items() if name not in names})
    return None if isinstance(value, dict) and given else _completed(kind, value)


def _mac(name: str, mac: Any, common: Mapping[str, Any], kinds: Kinds, laid: Layers) -> Any:
    """Return a Mac with all sections that it gets."""
    if not isinstance(mac, dict):
        return mac
    whole = {field: value for field, value in mac.items() if field not in kinds}
    for section, kind in kinds.items():
        there, path = common.get(section), ("macs", name, section)
        if section not in mac:
            found = there if isinstance(there, dict) else None  # other values are reported at their own place
        elif isinstance(mac[section], list) and kind.named:
            found = dict(_chosen(mac[section], there, path, laid))
        elif mac[section] is None:
            found = None
        elif kind.named and isinstance(mac[section], str) and mac[section] in (there or ()):
            said = f"{section}: {mac[section]} is neither a list nor a mapping; type `[{mac[section]}]`"
            laid.mistakes.append(Mistake(*laid.at(path), said))
            found = None
        else:
            own = _written_out(kind, mac[section], path, laid)
            _nothing_to_take_out(kind, mac[section], there, path, laid)
            _names_to_take_out(kind, mac[section], there, path, laid)
            found = _laid_over(there, own, mac[section])
        if found is not None:
            whole[section] = _completed(kind, found)
    return whole


def _chosen(names: list[Any], there: Any, path: Path, laid: Layers) -> Iterator[tuple[str, Any]]:
    """Yield the common entries that a list names."""
    section = path[-1]
    for index, name in enumerate(names):
        if not isinstance(name, str):
            said = f"{section}: a list only chooses from what all Macs have, by name; {_instead(name)}"
            laid.mistakes.append(Mistake(*laid.at((*path, index)), said))
        elif isinstance(there, dict) and name in there:
            yield name, there[name]
        elif there is None or isinstance(there, dict):
            said = f"{name}: {section} has no such entry; add it there, or take it out here{near(name, there or ())}"
            laid.mistakes.append(Mistake(*laid.at((*path, index)), said))


def _instead(item: Any) -> str:
    changes = isinstance(item, dict) and len(item) == 1 and isinstance(next(iter(item.values())), dict)
    return f"to change one, type a mapping: `{meant.typed(masked(item))}`" if changes else "type names"


def _nothing_to_take_out(kind: type[Entry], own: Any, there: Any, path: Path, laid: Layers) -> None:
    """Report entries that a Mac takes out although they do not exist."""
    for name, value in own.items() if kind.named and isinstance(own, dict) else ():
        if value is None and (there is None or (isinstance(there, dict) and name not in there)):
            said = f"{name}: nothing stands behind it, and {path[-1]} has no such entry that it could take out; "
            said += f"take the line out{near(name, there or ())}"
            laid.mistakes.append(Mistake(*laid.at((*path, name), key=True), said))


def _names_to_take_out(kind: type[Entry], own: Any, there: Any, path: Path, laid: Layers) -> None:
    """Report names that a Mac takes out of a mapping that lacks them: a slip would go unnoticed.

    A field that the common section leaves out may be null; its model decides whether it can stand there at all.
    """
    if not (isinstance(own, dict) and isinstance(there, dict)):
        return
    field = path[4:] if kind.named else path[3:]  # the path after macs, the Mac, the section and the entry
    free = bool(field) and model_of(kind, field) is None
    for name, value in own.items():
        if value is not None:
            _names_to_take_out(kind, value, there.get(name), (*path, name), laid)
        elif free and name not in there and (field[-1] != "models" or near(name, there)):
            added = f", and to add it `{meant.typed(name)}: {{}}`" if field[-1] == "models" else ""
            shown = "this" if LIKE_A_KEY.fullmatch(name) else name
            said = f"{shown}: {field[-1]} of all Macs has no such name that it could take out"
            hint = near(name, there) or "; take the line out"
            laid.mistakes.append(Mistake(*laid.at((*path, name), key=True), f"{said}{hint}{added}"))


def _laid_over(common: Any, own: Any, typed: Any) -> Any:
    """Return ``own`` laid over ``common``; ``typed`` is ``own`` as it was typed, where null takes a name out."""
    if not (isinstance(common, dict) and isinstance(own, dict)):
        return own
    merged = dict(common)
    for name, value in own.items():
        inner = typed.get(name, value) if isinstance(typed, dict) else typed
        if inner is None and (name in common or value is None):
            merged.pop(name, None)
        else:
            merged[name] = _laid_over(common.get(name), value, inner)
    return merged


def _written_out(kind: type[Entry], value: Any, path: Path, laid: Layers) -> Any:
    if kind.named and isinstance(value, dict):
        out: Any = {name: kind.written_out(name, each) for name, each in value.items()}
    else:
        out = value if kind.named else kind.written_out(kind.section, value)
    laid.moved(value, out, path)
    return out


def _completed(kind: type[Entry], value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if not kind.named:
        return kind.completed(kind.section, value)
    return {name: kind.completed(name, each) if isinstance(each, dict) else each for name, each in value.items()}
