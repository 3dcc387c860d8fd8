"""The state of a Mac Studio out of the box."""

from __future__ import annotations

import time

from .fresh_parts import AC_POWER, CAPS, FIREWALL, preferences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIRST_PID = 5_000_000
"""Larger than every real process id (Linux: 4194304, macOS: 99999): a `kill` of a made-up process hits nobody."""


def state(user: str, dns_name: str) -> dict[str, Any]:
    """Return the state of a new Mac: macOS 26, sleep 1, firewall off, nobody at the console, tailscaled logged in."""
    name = dns_name.partition(".")[0]
    return {
        "born": int(time.time()),
        "user": user,
        "uid": 501,
        "dns_name": dns_name,
        "console": None,
        "autologin": None,
        "sudo_password": None,
        "filevault": False,
        "pmset_refuses": False,
        "installed": [],
        "owners": {},
        "listeners": [],
        "models": {},
        "names": {"ComputerName": name, "LocalHostName": name},  # no HostName: normal on many Macs
        "version": {"ProductName": "macOS", "ProductVersion": "26.5.2", "BuildVersion": "25F84"},
        "power": {
            "profiles": {"AC Power": dict(AC_POWER)},
            "system": {},
            "old": None,
            "holders": ["powerd"],
            "repeat": [],
            "scheduled": [],
        },
        "launchd": {
            "jobs": {},
            "stop_delay": 0.4,
            "real": False,
            "pid": FIRST_PID,
            "coalition": 4780,
            "overrides": {
                "system": {
                    "com.apple.CSCSupportd": "disabled",
                    "com.apple.ftpd": "disabled",
                    "com.apple.mdmclient.daemon.runatboot": "disabled",
                    "com.apple.screensharing": "disabled",
                    "com.apple.smbd": "disabled",
                    "com.apple.bootpd": "disabled",
                    "com.openssh.sshd": "disabled",
                },
            },
        },
        "firewall": {
            "global": False,
            "block_all": False,
            "stealth": False,
            "signed": True,
            "signed_app": True,
            "apps": dict(FIREWALL),
        },
        "sysctl": {
            "hw.model": "Mac15,14",
            "hw.memsize": "549755813888",
            "hw.ncpu": "32",
            "hw.optional.arm64": "1",
            "machdep.cpu.brand_string": "Apple M3 Ultra",
            "iogpu.wired_limit_mb": "0",
            "kern.hostname": dns_name,
            "kern.osproductversion": "26.5.2",
            "kern.osrelease": "25.5.0",
            "kern.ostype": "Darwin",
            "kern.osversion": "25F84",
            "kern.bootsessionuuid": "4D4C5E0A-0000-4000-8000-000000000001",
        },
        "sysctl_read_only": [],
        "full_disk_access": False,
        "tailscale": {
            "stopped": False,
            "variant": "oss",
            "funnel_ports": "443,8443,10000",
            "caps": list(CAPS),
            "serve": None,
            "prefs": preferences(name),
        },
    }
