"""The simulated tools, and how to play one."""

from __future__ import annotations

import os
import sys
import time

from . import quick_json
from .machine import Failure, Mac, err, out

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
"""The module that plays each simulated tool."""
DAMAGED = 70
"""The exit status of a tool that cannot read the Mac's state (sysexits.h: EX_SOFTWARE)."""


def play(tool: str, words: list[str]) -> int:
    """Run a tool as a process of the Mac that the environment names, log the call, and return the exit status."""
    module = __import__(f"{__package__}.{MODULES[tool]}", fromlist=["main"])  # importlib would cost 1 ms
    mac = Mac(os.environ["MACSTATE_ROOT"], as_root=os.environ.get("MACSTATE_AS") == "root")
    try:
        with open(f"{mac.root}/.mac/calls", "a") as calls:
            calls.write(quick_json.dumps([time.time(), mac.as_root, [tool, *words]]) + "\n")
        try:
            code: int = module.main(mac, tool, words)
        finally:
            mac.save()
    except Failure as failure:
        if failure.text:
            (out if failure.stdout else err)(failure.text)
        code = failure.code
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        err(f"{tool}: this rehearsal is damaged, or its disk is ({type(error).__name__}: {error})")
        code = DAMAGED
    sys.stdout.flush()
    return code
