"""Serve's one JSON document: who can reach what by it, and the very bytes that tailscaled makes of it.

Facts: ipn/serve.go and ipn/ipnlocal/serve.go of tailscale 1.102.5.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from macstate.outputs import Outputs, UnreadableError

Document = dict[str, Any]
Audience = Literal["nobody", "tailnet", "internet"]
API = "http://local-tailscaled.sock/localapi/v0"
URL = f"{API}/serve-config"
SOCKET = "/var/run/tailscaled.socket"
READ = f"curl -qsi --unix-socket {SOCKET} {URL}"
STATUS = "tailscale serve status --json"
ETAG = re.compile(r"(?im)^etag: *(\S+)\s*$")


def reach(document: Mapping[str, Any]) -> dict[str, tuple[str, Audience]]:
    """Say where each address leads, and who can reach it: ``NAME:443/vllm`` or, of a forward, ``tcp:2222``.

    ``nobody`` is what stands in the document and is not served: a site on a port that forwards or has no handler, and
    what a process in the foreground covers. Funnel is on for a name's whole port, whoever has turned it on.
    """
    foreground = [("", part) for part in (document.get("Foreground") or {}).values()]
    services = [(f"{name}/", part) for name, part in (document.get("Services") or {}).items()]
    parts = [*foreground, ("", document)]
    public = {host for _, part in parts for host, on in (part.get("AllowFunnel") or {}).items() if on}
    public |= {host.rpartition(":")[2] for host in public}  # a forward is known by its port alone
    found: dict[str, tuple[str, Audience]] = {}
    covered: set[str] = set()
    for prefix, part in (*parts, *services):
        for address, host, target, served in _addresses(part):
            audience: Audience = "internet" if not prefix and host in public else "tailnet"
            hidden = not served or f"{prefix}{host.rpartition(':')[2]}" in covered
            found.setdefault(prefix + address, (target, "nobody" if hidden else audience))
        covered |= {f"{prefix}{port}" for port in part.get("TCP") or {}}
    return found


def _addresses(part: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Give (address, name and port, target, whether it is served); of a forward the port alone."""
    tcp = part.get("TCP") or {}
    for host, web in (part.get("Web") or {}).items():
        handler = tcp.get(host.rpartition(":")[2]) or {}
        for mount, each in (web.get("Handlers") or {}).items():
            target = each.get("Proxy") or json.dumps(each, sort_keys=True)
            yield f"{host}{mount.rstrip('/') or '/'}", host, target, bool(handler.get("HTTPS") or handler.get("HTTP"))
    for port, handler in tcp.items():
        if target := handler.get("TCPForward"):
            yield f"tcp:{port}", port, target, True


def found_in(outputs: Outputs) -> Document:
    """Read the document.

    Raises:
        UnreadableError: what was printed is none.
    """
    body = re.split(r"\r?\n\r?\n", outputs.get(READ, ""), maxsplit=1)[1:] or [outputs.get(STATUS, "")]
    try:
        document = json.loads(body[0])
    except ValueError:
        document = False
    document = {} if document is None else document  # null on a node that never served (measured)
    if not isinstance(document, dict):  # the app's command prints errors with exit status 0
        raise UnreadableError(f"`{STATUS}` printed no JSON: {body[0][:200].strip()!r}")
    return document


def whole(document: Document) -> Document:
    """Leave out what is empty, as tailscaled does."""
    return {key: value for key, value in document.items() if value}


def as_stored(document: Document, indent: int | None = None) -> str:
    """Spell a document as tailscaled prints one whose order of keys is its own: Go's JSON."""
    separators = (",", ": " if indent else ":")
    text = json.dumps(whole(document), ensure_ascii=False, indent=indent, separators=separators)
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


def after(document: Document) -> Outputs:
    """Give what reading prints once this document was written: taking out leaves the order of keys as it is.

    The ETag is the SHA-256 of the JSON. Where a tailscaled has another, the next write is refused, and a further run
    makes it.
    """
    text = as_stored(document)
    etag = hashlib.sha256(text.encode()).hexdigest()
    return {READ: f"HTTP/1.1 200 OK\r\nEtag: {etag}\r\n\r\n{text}", STATUS: f"{as_stored(document, 2)}\n"}
