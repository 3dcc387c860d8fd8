"""Jobs that macstate did not make, and that are in the way of those it shall make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from macstate.facts.machine import Machine
    from macstate.resources.launchd import Launchd

PORT = re.compile("[0-9]{1,5}")
OLLAMA = "11434"
"""Where `ollama serve` listens unless OLLAMA_HOST says otherwise."""


def conflicts(
    wanted: Sequence[Launchd], foreign: Sequence[Launchd], places: Mapping[str, Launchd], machine: Machine
) -> Iterator[tuple[Launchd, None, str]]:
    """Give (job, None, why) of every foreign job that cannot stay beside the wished ones.

    ``places``: what lies where a wished plist goes, by the target that launchd knows it by.
    """
    reasons = {was.id: why for was in foreign if (why := _why(was, wanted, places.get(was.target), machine))}
    labels = {wish.label for wish in wanted} | {was.label for was in foreign if was.id in reasons}
    for was in foreign:  # what restarts one of these would bring it back, or disturb ours
        if was.id not in reasons and (named := sorted(label for label in labels if _names(was, label))):
            reasons[was.id] = f"handles {named[0]}"
    yield from ((was, None, reasons[was.id]) for was in foreign if was.id in reasons)


def _why(was: Launchd, wanted: Sequence[Launchd], place: Launchd | None, machine: Machine) -> str:
    if place:
        return f"is loaded from {place.path}, where the plist of {place.key} goes"
    held = {
        listener.port
        for listener in machine.listeners
        if was.pid is not None and was.pid in {listener.pid, listener.group}
    }
    for wish in wanted:
        if wish.target == was.target:
            return f"has the label of {wish.key}, in another file: {was.path}"
        if wish.label == was.label:
            return f"has the label of {wish.key}, in another domain"
        for port in wish.ports:
            if port in held:
                return f"uses port {port}, which {wish.key} needs"
            if port in claims(was):
                return f"would take port {port}, which {wish.key} needs"
    return ""


def claims(was: Launchd) -> set[int]:
    """Give the ports that a job's own words tell of."""
    told = was.file or was.loaded or {}
    environment = told.get("EnvironmentVariables") or told.get("environment")
    named = environment if isinstance(environment, dict) else {}  # a plist of somebody else's may hold anything
    command = " ".join(_words(was))
    ports = re.findall(r"(?:--port|--listen-port|-p)[ =](\d{1,5})\b", command)
    ports += [value for name, each in named.items() if name.endswith("PORT") and PORT.fullmatch(value := str(each))]
    if re.search(r"ollama serve\b", command):
        port = re.search(r":(\d{1,5})$", str(named.get("OLLAMA_HOST", "")))
        ports.append(port[1] if port else OLLAMA)
    return {int(port) for port in ports}


def _words(was: Launchd) -> list[str]:
    told = was.file or was.loaded or {}
    words = told.get("ProgramArguments") or told.get("arguments")
    return [str(word) for word in words] if isinstance(words, list) else []


def _names(was: Launchd, label: str) -> bool:
    return any(re.search(rf"(?<![\w.-]){re.escape(label)}(?![\w.-])", word) for word in _words(was))
