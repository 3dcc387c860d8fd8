"""`tailscale`, the open-source build 1.102.5: reading is free, writing needs root (measured)."""

from __future__ import annotations

import sys

from . import tailnet, tailscale_prefs, tailscale_serve, tailscale_show
from .machine import Failure, Mac, out

VERSION = "1.102.5"


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `tailscale`."""
    text = sys.stdin.read() if "set-raw" in words else ""  # before the first use of the state, which takes the lock
    socket = tailnet.SOCKET
    words = list(words)
    while words and words[0].startswith("--socket"):
        option = words.pop(0)
        socket = option.partition("=")[2] or words.pop(0)
    command, *rest = words or [""]
    if command in {"version", "--version"}:
        out(f"{VERSION}\n  tailscale commit: 0000000000000000000000000000000000000000\n  go version: go1.27.3")
        return 0
    commands = {
        "status": (tailscale_show.status, "status"),
        "serve": (_serve, "serve-config"),
        "funnel": (_serve, "serve-config"),
        "set": (tailscale_prefs.change, "prefs"),
        "up": (tailscale_prefs.up, "status"),
        "down": (_down, "prefs"),
        "debug": (tailscale_prefs.show, "prefs"),
        "ip": (_ip, "status"),
        "whois": (_whois, "whois"),
    }
    if command not in commands:
        raise Failure(1, f"tailscale: unknown subcommand: {command}")
    play, api = commands[command]
    if not tailnet.is_running(mac) or mac.absolute(socket) != tailnet.SOCKET:
        prefix = "getting serve config: " if api == "serve-config" else ""
        raise Failure(
            1,
            f"{prefix}Failed to connect to local Tailscale daemon for /localapi/v0/{api}; not running? "
            f"Error: dial unix {tailnet.SOCKET}: connect: no such file or directory",
        )
    return play(mac, [command, *rest, text] if "set-raw" in rest else [command, *rest])


def _serve(mac: Mac, words: list[str]) -> int:
    subcommand = [*words, ""][1]
    plays = {
        "status": tailscale_show.serve_status,
        "get-config": tailscale_show.get_config,
        "reset": tailscale_serve.reset,
        "set-raw": tailscale_serve.set_raw,
    }
    return plays.get(subcommand, tailscale_serve.serve)(mac, words)


def _down(mac: Mac, words: list[str]) -> int:
    tailnet.need_root(mac, words, "Access denied: prefs write access denied")
    mac.state["tailscale"]["prefs"]["WantRunning"] = False
    return 0


def _ip(_mac: Mac, words: list[str]) -> int:
    if "-6" not in words:
        out(tailnet.IPS[0])
    if "-4" not in words and "-1" not in words:
        out(tailnet.IPS[1])
    return 0


def _whois(mac: Mac, words: list[str]) -> int:
    if words[-1].partition(":")[0] not in tailnet.IPS:
        raise Failure(1, "peer not found")  # no recording
    out(f"Machine:\n  Name:          {mac.state['dns_name']}\n  ID:            TESTCTRL00000001")
    out(f"  Addresses:     [{tailnet.IPS[0]}/32 {tailnet.IPS[1]}/128]")
    out("User:\n  Name:     user-123@fake-control.example.net\n  ID:       123")
    return 0
