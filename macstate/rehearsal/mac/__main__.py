"""Run one simulated tool: ``python -I -S …/macstate/rehearsal/mac/__main__.py TOOL WORD…``."""

from __future__ import annotations

import os
import sys
from importlib import import_module

MODULES = {
    "launchctl": "launchctl",
    "pmset": "pmset",
    "caffeinate": "caffeinate",
    "ioreg": "pmset_show",
    "socketfilterfw": "socketfilterfw",
    "tailscale": "tailscale",
    "curl": "curl",
    "sudo": "sudo",
    "id": "accounts",
    "whoami": "accounts",
    "who": "accounts",
    "dscl": "accounts",
    "sysadminctl": "accounts",
    "stat": "stat",
    "chown": "ownership",
    "realpath": "ownership",
    "shasum": "ownership",
    "plutil": "plutil",
    "PlistBuddy": "plistbuddy",
    "defaults": "defaults",
    "lsof": "network",
    "netstat": "network",
    "scutil": "system",
    "hostname": "system",
    "sw_vers": "system",
    "uname": "system",
    "sysctl": "system",
    "logger": "system",
    "df": "disk",
    "ps": "ps",
    "sfltool": "sfltool",
    "systemsetup": "settings",
    "fdesetup": "settings",
    "system_profiler": "settings",
    "ollama": "ollama",
    "nginx": "programs",
    "caddy": "programs",
    "rehearse": "rehearse",
    "supervise": "supervisor",
}
"""Each simulated tool, and the module that plays it."""


def main() -> int:
    """Play the tool named by the first word."""
    # -I keeps the script's own folder out, whose modules must not stand in for the standard library's
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - a tool is run often: pathlib is late
    sys.path.append(os.path.dirname(folder))  # noqa: PTH120
    tool, *words = sys.argv[1:]
    machine = import_module("mac.machine")
    code: int = machine.play(import_module(f"mac.{MODULES[tool]}"), tool, words)
    return code


if __name__ == "__main__":
    sys.exit(main())
