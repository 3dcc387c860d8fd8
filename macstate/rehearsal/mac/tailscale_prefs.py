"""`tailscale set`, `up` and `debug prefs`: the node's preferences."""

from __future__ import annotations

import json
import os

from . import tailnet
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FLAGS = {
    "ssh": ("RunSSH", False),
    "accept-dns": ("CorpDNS", True),
    "accept-routes": ("RouteAll", False),
    "exit-node-allow-lan-access": ("ExitNodeAllowLANAccess", False),
    "hostname": ("Hostname", ""),
    "operator": ("OperatorUser", ""),
    "shields-up": ("ShieldsUp", False),
    "login-server": ("ControlURL", "https://controlplane.tailscale.com"),
}
"""The preference and its default, by flag."""
ALL_FLAGS = (
    "Error: changing settings via 'tailscale up' requires mentioning all\n"
    "non-default flags. To proceed, either re-run your command with --reset or\n"
    "use the command below to explicitly mention the current value of\n"
    "all non-default settings:\n\n\ttailscale up {}\n"
)
TURN_OFF = "You are connected using Tailscale SSH; this action will result in your session disconnecting."
TURN_ON = (
    "You are connected over Tailscale; this action will reroute SSH traffic to Tailscale SSH and will result in your "
    "session disconnecting."
)
RISK = "{}\nTo skip this warning, use --accept-risk=lose-ssh"
DENIED = "Access denied: prefs write access denied"


def change(mac: Mac, words: list[str]) -> int:
    """Play `tailscale set`: only the named preferences change."""
    accepted = "--accept-risk=lose-ssh" in words
    wanted = _flags([word for word in words if not word.startswith("--accept-risk=")])
    _refuse_sandboxed(mac, wanted, "")
    if not accepted:
        _warn(mac, wanted)
    tailnet.need_root(mac, words, DENIED)
    _store(mac, wanted)
    return 0


def _warn(mac: Mac, wanted: dict[str, Any]) -> None:
    # without a terminal it cannot ask; it checks the address that the session came from
    has = mac.state["tailscale"]["prefs"]["RunSSH"]
    if wanted.get("ssh", has) != has and os.environ.get("SSH_CLIENT", "").startswith("100."):
        out(RISK.format(TURN_OFF if has else TURN_ON))
        raise Failure(1, "aborted, no changes made")


def up(mac: Mac, words: list[str]) -> int:
    """Play `tailscale up`, which requires a flag for everything that is not at its default."""
    wanted = _flags([word for word in words if word != "--reset"])
    prefs = mac.state["tailscale"]["prefs"]
    _refuse_sandboxed(mac, wanted, "2026/11/23 12:00:00 ")  # the program's own log line
    missing = {
        flag: prefs[name]
        for flag, (name, default) in FLAGS.items()
        if flag not in wanted and prefs.get(name, default) != default
    }
    if missing and "--reset" not in words:
        shown = [*sorted(wanted.items()), *sorted(missing.items())]
        raise Failure(1, ALL_FLAGS.format(" ".join(_flag(flag, value) for flag, value in shown)))
    tailnet.need_root(mac, words, DENIED)
    _store(mac, {flag: default for flag, (_, default) in FLAGS.items()} | wanted)
    prefs["WantRunning"], prefs["LoggedOut"] = True, False
    return 0


def show(mac: Mac, words: list[str]) -> int:
    """Play `tailscale debug prefs`; RunSSH is the SSH switch."""
    if words[1:] != ["prefs"]:
        raise Failure(1, "tailscale debug: unknown subcommand")  # no recording
    prefs = {key: value for key, value in mac.state["tailscale"]["prefs"].items() if key != "OperatorUser" or value}
    out(json.dumps(prefs, indent="\t"))
    return 0


def _flag(flag: str, value: Any) -> str:
    return f"--{flag}" if value is True else f"--{flag}={str(value).lower() if value is False else value}"


def _flags(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words[1:]:
        flag, equals, value = word.lstrip("-").partition("=")
        if flag not in FLAGS or not word.startswith("-"):
            raise Failure(2, f"flag provided but not defined: -{flag}")
        is_switch = isinstance(FLAGS[flag][1], bool)
        if is_switch and equals and value not in {"true", "false"}:
            raise Failure(2, f'invalid boolean value "{value}" for -{flag}: parse error')
        found[flag] = (value != "false") if is_switch else value
    return found


def _store(mac: Mac, wanted: dict[str, Any]) -> None:
    for flag, value in wanted.items():
        mac.state["tailscale"]["prefs"][FLAGS[flag][0]] = value


def _refuse_sandboxed(mac: Mac, wanted: dict[str, Any], prefix: str) -> None:
    if wanted.get("ssh") and mac.state["tailscale"]["variant"] != "oss":
        raise Failure(1, f"{prefix}{tailnet.SANDBOXED}")
