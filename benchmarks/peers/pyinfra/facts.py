"""What is read of the Mac before a command changes it."""

from __future__ import annotations

import json
import re
from typing import Any

from pyinfra.api import FactBase


class Power(FactBase[dict[str, str]]):
    """What `pmset -g` lists: what is in use, on AC on a desktop."""

    def command(self) -> str:
        return "pmset -g"

    def process(self, output: list[str]) -> dict[str, str]:
        return dict(re.findall(r"^\s+(\w+)\s+(\d+)\b", "\n".join(output), re.MULTILINE))


class FirewallOn(FactBase[bool]):
    """Whether the application firewall is on."""

    def command(self, tool: str) -> str:
        return f"{tool} --getglobalstate"

    def process(self, output: list[str]) -> bool:
        return "enabled" in output[0]


class FirewallAllows(FactBase[list[str]]):
    """The programs that may accept connections."""

    def command(self, tool: str) -> str:
        return f"{tool} --listapps"

    def process(self, output: list[str]) -> list[str]:
        return re.findall(r": (\S+)\s+\(Allow", "\n".join(output))


class Overrides(FactBase[dict[str, str]]):
    """Which of launchd's system jobs are enabled, and which are not."""

    def command(self) -> str:
        return "launchctl print-disabled system"

    def process(self, output: list[str]) -> dict[str, str]:
        return dict(re.findall(r'"(.+)" => (\w+)', "\n".join(output)))


class Served(FactBase[dict[str, Any]]):
    """What Tailscale Serve has."""

    def command(self) -> str:
        return "tailscale serve status --json"

    def process(self, output: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads("\n".join(output))
        return found


class TailscalePrefs(FactBase[dict[str, Any]]):
    """What `tailscale set` has set."""

    def command(self) -> str:
        return "tailscale debug prefs"

    def process(self, output: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads("\n".join(output))
        return found


class Models(FactBase[list[str]]):
    """The models that Ollama has; none while its server does not run."""

    default = list

    def command(self) -> str:
        return "ollama list || true"

    def process(self, output: list[str]) -> list[str]:
        return [line.split()[0] for line in output[1:]]
