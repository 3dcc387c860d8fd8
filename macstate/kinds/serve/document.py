"""Serve's one JSON document: who reaches what by it, and the exact bytes that tailscaled makes of it.

Source: ipn/serve.go and ipn/ipnlocal/serve.go of tailscale 1.102.5.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from macstate.kernel.outputs import Outputs, UnreadableError

Document = dict[str, Any]
Audience = Literal["nobody", "tailnet", "internet"]
Scheme = Literal["", "https", "http", "tcp", "tls"]
"""What a port speaks: sites by HTTPS or HTTP, or a forward of the TCP stream, ``tls`` with its TLS taken off."""
API = "http://local-tailscaled.sock/localapi/v0"
URL = f"{API}/serve-config"
SOCKET = "/var/run/tailscaled.socket"
READ = f"curl -qsi --unix-socket {SOCKET} {URL}"
STATUS = "tailscale serve status --json"
ETAG = re.compile(r"(?im)^etag: *(\S+)\s*$")


class Site(BaseModel, strict=True, defer_build=True):
    """A site: what is served under one name and port."""

    Handlers: dict[str, dict[str, Any] | None] | None = None


class Part(BaseModel, strict=True, defer_build=True):
    """What is served by the node itself, by a process in the foreground, or by a Service."""

    TCP: dict[str, dict[str, Any] | None] | None = None
    Web: dict[str, Site | None] | None = None
    AllowFunnel: dict[str, bool] | None = None


class Shape(Part):
    """The document, as far as macstate reads it; Go writes an empty value as null."""

    Foreground: dict[str, Part | None] | None = None
    Services: dict[str, Part | None] | None = None


@dataclass(frozen=True)
class Address:
    """One mount or forward of the document, and who reaches it."""

    part: str
    """Empty: the node's own; ``foreground``: a process holds it while it runs; otherwise a Service's name."""
    host: str
    """The DNS name of a site; empty for a forward, which is known by its port alone."""
    port: str
    mount: str
    """The mount as the document spells it; empty for a forward."""
    target: str
    scheme: Scheme
    audience: Audience


def addresses(document: Mapping[str, Any]) -> Iterator[Address]:
    """Yield all addresses of a document.

    The audience is ``nobody`` if an address is not served: a site on a port that forwards or has no handler, and what
    a process in the foreground covers. Funnel is on for a name's whole port, whoever has turned it on.
    """
    sessions = [session or {} for session in (document.get("Foreground") or {}).values()]
    public = {host for part in (*sessions, document) for host, on in (part.get("AllowFunnel") or {}).items() if on}
    public |= {host.rpartition(":")[2] for host in public}  # a forward is known by its port alone
    yield from _served([*(("foreground", session) for session in sessions), ("", document)], public)
    for name, service in (document.get("Services") or {}).items():
        yield from _served([(name, service or {})], frozenset())


def _served(parts: Sequence[tuple[str, Mapping[str, Any]]], public: Collection[str]) -> Iterator[Address]:
    """Yield the addresses of a document's parts; if two claim the same, the first part wins."""
    ports: dict[str, tuple[int, Mapping[str, Any] | None]] = {}
    for index, (_, part) in reversed(list(enumerate(parts))):
        ports |= {port: (index, handler) for port, handler in (part.get("TCP") or {}).items()}
    sites: set[str] = set()
    for index, (name, part) in enumerate(parts):
        here = part.get("Web") or {}
        for site, web in here.items():
            host, _, port = site.rpartition(":")
            scheme = kind_of_port(ports[port][1] if port in ports else None)
            hidden = scheme not in {"https", "http"} or site in sites
            audience: Audience = "nobody" if hidden else "internet" if site in public else "tailnet"
            for mount, each in ((web or {}).get("Handlers") or {}).items():
                target = (each or {}).get("Proxy") or json.dumps(each, sort_keys=True)
                yield Address(name, host, port, mount, target, scheme, audience)
        for port, handler in (part.get("TCP") or {}).items():
            target, scheme = (handler or {}).get("TCPForward") or "", kind_of_port(handler)
            bare = not any(site.rpartition(":")[2] == port for site in here)
            if target or (bare and (name or scheme != "https")):  # a held port, although nothing is served there
                hidden = scheme not in {"tcp", "tls"} or ports[port][0] != index
                audience = "nobody" if hidden else "internet" if port in public else "tailnet"
                yield Address(name, "", port, "", target, scheme, audience)
        sites |= here.keys()


def kind_of_port(handler: Mapping[str, Any] | None) -> Scheme:
    """Return what a port with this handler speaks."""
    match handler or {}:
        case {"HTTPS": True}:
            return "https"
        case {"HTTP": True}:
            return "http"
        case {"TCPForward": str(target), "TerminateTLS": str(name)} if target and name:
            return "tls"
        case {"TCPForward": str(target)} if target:
            return "tcp"
    return ""


def found_in(outputs: Outputs) -> Document:
    """Return the Serve document that was read.

    Raises:
        UnreadableError: the output is no Serve document.
    """
    body = re.split(r"\r?\n\r?\n", outputs.get(READ, ""), maxsplit=1)[1:] or [outputs.get(STATUS, "")]
    try:
        document = json.loads(body[0])
    except ValueError:
        document = False
    document = {} if document is None else document  # null on a node that never served (measured)
    if not isinstance(document, dict):  # the app's command prints errors with exit status 0
        raise UnreadableError(f"`{STATUS}` did not print JSON: {body[0][:200].strip()!r}")
    try:
        Shape.model_validate(document)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise UnreadableError(f"`{STATUS}` printed something that is not a Serve document, at {where[:200]}") from None
    return document


def whole(document: Document) -> Document:
    """Return the document without empty values, as tailscaled stores it."""
    return {key: value for key, value in document.items() if value}


def as_stored(document: Document, indent: int | None = None) -> str:
    """Return a document as Go's JSON, as tailscaled prints it; the order of its keys must be tailscaled's."""
    separators = (",", ": " if indent else ":")
    text = json.dumps(whole(document), ensure_ascii=False, indent=indent, separators=separators)
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


def after(document: Document) -> Outputs:
    """Return what the read commands print once this document was written; taking out keeps the order of keys.

    The ETag is the SHA-256 of the JSON. If a tailscaled has another one, the next write is refused, and a further run
    makes it.
    """
    text = as_stored(document)
    etag = hashlib.sha256(text.encode()).hexdigest()
    return {READ: f"HTTP/1.1 200 OK\r\nEtag: {etag}\r\n\r\n{text}", STATUS: f"{as_stored(document, 2)}\n"}
