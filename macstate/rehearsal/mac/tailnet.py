"""tailscaled's state: whether it runs, its serve configuration, and who may change it."""

from __future__ import annotations

import json

from . import processes
from .machine import Failure, Mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SOCKET = "/var/run/tailscaled.socket"
LABEL = "system/com.tailscale.tailscaled"
IPS = ("100.64.0.1", "fd7a:115c:a1e0:ab12:4843:cd96:6240:1")
SESSION = "0000"
"""The prefix of sessions that belong to a process, followed by its number; `set-raw` can bring others."""
REFUSED = "sending serve config: updating config: "
SANDBOXED = "The Tailscale SSH server does not run in sandboxed Tailscale GUI builds."
KNOWN: dict[str, Any] = {
    "TCP": {"*": {"HTTPS": None, "HTTP": None, "TCPForward": None, "TerminateTLS": None, "ProxyProtocol": None}},
    "Web": {
        "*": {"Handlers": {"*": {"Path": None, "Proxy": None, "Text": None, "AcceptAppCaps": None, "Redirect": None}}}
    },
    "Services": None,
    "AllowFunnel": None,
    "Foreground": None,
}
"""The fields of ipn.ServeConfig; any other field is dropped silently (measured)."""


def spelled(document: Any, indent: int | None = None) -> str:
    """Return a document as Go's JSON: plain letters, but characters that HTML reserves are escaped (measured)."""
    text = json.dumps(document, ensure_ascii=False, indent=indent, separators=(",", ": " if indent else ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def is_running(mac: Mac) -> bool:
    """Return whether tailscaled answers: the open-source one is a job of launchd, the apps bring their own."""
    tailscale = mac.state["tailscale"]
    if tailscale["stopped"]:
        return False
    job = mac.state["launchd"]["jobs"].get(LABEL)
    return tailscale["variant"] != "oss" or (job is not None and job["pid"] is not None)


def need_root(mac: Mac, words: list[str], denied: str) -> None:
    """Refuse a write by anyone but root and the operator; the app belongs to whoever started it (inferred)."""
    gui = mac.state["tailscale"]["variant"] != "oss"
    if not gui and not mac.as_root and mac.state["tailscale"]["prefs"].get("OperatorUser") != mac.user:
        raise Failure(
            1,
            f"{denied}\n\nUse 'sudo tailscale {' '.join(words)}'.\n"
            "To not require root, use 'sudo tailscale set --operator=$USER' once.",
        )


def config(mac: Mac) -> dict[str, Any]:
    """Return the whole serve configuration; a foreground session ends with its process."""
    found: dict[str, Any] = mac.state["tailscale"]["serve"] or {}
    sessions = found.get("Foreground", {})
    for session in [each for each in sessions if each.startswith(SESSION) and not processes.began(int(each, 16))]:
        del sessions[session]
    if not sessions:
        found.pop("Foreground", None)
    return found


def take(mac: Mac, wanted: dict[str, Any]) -> None:
    """Store a serve configuration, or refuse it (validateServeConfigUpdate in ipn/ipnlocal/serve.go of 1.102.5)."""
    here, sessions = config(mac), config(mac).get("Foreground", {})
    held = {port: handler for each in sessions.values() for port, handler in each.get("TCP", {}).items()}
    known = here.get("TCP", {}) | held
    for session, part in wanted.get("Foreground", {}).items():
        taken = [port for port in part.get("TCP", {}) if session not in sessions and port in known]
        if taken:
            raise Failure(1, f"{REFUSED}listener already exists for port {taken[0]}")
    for port, handler in (wanted.get("TCP") or {}).items():
        if port in held:
            raise Failure(1, f"{REFUSED}foreground listener already exists for port {port}")
        was, now = _serve_type(known.get(port, handler)), _serve_type(handler)
        if was != now:
            raise Failure(1, f'{REFUSED}want to serve "{now}", but port {port} is already serving "{was}"')
    store(mac, wanted)


def _serve_type(handler: dict[str, Any]) -> str:
    if handler.get("HTTP") or handler.get("HTTPS"):
        return "http" if handler.get("HTTP") else "https"
    return "tls-terminated-tcp" if handler.get("TerminateTLS") else "tcp"


def store(mac: Mac, wanted: dict[str, Any]) -> None:
    """Store a serve configuration without unknown and empty fields."""
    known = _known(wanted, KNOWN)
    mac.state["tailscale"]["serve"] = {key: known[key] for key in KNOWN if known.get(key)}


def _known(value: Any, fields: dict[str, Any] | None) -> Any:
    if fields is None or not isinstance(value, dict):
        return value
    return {
        key: _known(part, fields.get(key, fields.get("*")))
        for key, part in sorted(value.items())
        if key in fields or "*" in fields
    }


def parse(text: str) -> dict[str, Any]:
    """Return a JSON object; errors have the words of Go's encoding/json."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if not text[error.pos :].strip():
            raise Failure(1, "invalid JSON: unexpected end of JSON input") from None
        where = {
            "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
            "Expecting value": "looking for beginning of value",
            "Expecting ',' delimiter": "after object key:value pair",
            "Expecting ':' delimiter": "after object key",
            "Extra data": "after top-level value",
        }.get(error.msg, "in string literal")
        raise Failure(1, f"invalid JSON: invalid character '{text[error.pos]}' {where}") from None
    if not isinstance(found, dict):
        raise Failure(
            1, f"invalid JSON: json: cannot unmarshal {type(found).__name__} into Go value of type ipn.ServeConfig"
        )
    return found


def install(mac: Mac, variant: str) -> None:
    """Put the files of a build in place and remove those of others: a socket, an app, the App Store's receipt."""
    app = mac.file("/Applications/Tailscale.app/Contents")
    receipt = app / "_MASReceipt"
    socket = mac.file(SOCKET)
    if receipt.exists():
        receipt.rmdir()
    if app.exists():
        app.rmdir()
        app.parent.rmdir()
    if variant != "oss":
        (receipt if variant == "appstore" else app).mkdir(parents=True)
    socket.touch() if variant == "oss" else socket.unlink(missing_ok=True)
