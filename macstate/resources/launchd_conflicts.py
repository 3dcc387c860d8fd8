"""Jobs that macstate did not make, and that are in the way of those it shall make."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from macstate.facts.machine import Machine
    from macstate.resources.launchd import Launchd

OLLAMA = 11434
"""Where `ollama serve` listens unless OLLAMA_HOST says otherwise."""


def conflicts(wanted: Sequence[Launchd], foreign: Sequence[Launchd], machine: Machine) -> Iterator[tuple[Launchd, str]]:
    """Give (job, why) of every foreign job that cannot stay beside the wished ones."""
    reasons = {was.id: why for was in foreign if (why := _why(was, wanted, machine))}
    labels = {wish.label for wish in wanted} | {was.label for was in foreign if was.id in reasons}
    for was in foreign:  # what restarts one of these would bring it back, or disturb ours
        if was.id not in reasons and (named := sorted(label for label in labels if _names(was, label))):
            reasons[was.id] = f"handles {named[0]}"
    yield from ((was, reasons[was.id]) for was in foreign if was.id in reasons)


def _why(was: Launchd, wanted: Sequence[Launchd], machine: Machine) -> str:
    held = {
        listener.port
        for listener in machine.listeners
        if was.pid is not None and was.pid in {listener.pid, listener.group}
    }
    for wish in wanted:
        if wish.label == was.label:
            return f"has the label of {wish.key}, in another domain"
        for port in wish.ports:
            if port in held:
                return f"holds port {port}, which {wish.key} needs"
            if port in claims(was):
                return f"would take port {port}, which {wish.key} needs"
    return ""


def claims(was: Launchd) -> set[int]:
    """Give the ports that a job's own words tell of."""
    told = was.file or was.loaded or {}
    words = told.get("ProgramArguments") or told.get("arguments") or []
    environment = told.get("EnvironmentVariables") or told.get("environment") or {}
    command = " ".join(map(str, words))
    ports = {int(port) for port in re.findall(r"(?:--port|--listen-port|-p)[ =](\d+)\b", command)}
    if re.search(r"ollama serve\b", command):
        port = re.search(r":(\d+)$", str(environment.get("OLLAMA_HOST", "")))
        ports.add(int(port[1]) if port else OLLAMA)
    return ports


def _names(was: Launchd, label: str) -> bool:
    told = was.file or was.loaded or {}
    words = told.get("ProgramArguments") or told.get("arguments") or []
    return bool(re.search(rf"(?<![\w.-]){re.escape(label)}(?![\w.-])", json.dumps(words)))
