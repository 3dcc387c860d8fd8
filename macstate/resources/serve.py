"""Routes of Tailscale Serve. They live in one JSON document, which is written whole and once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator

from macstate.entry import Entry
from macstate.facts import Node
from macstate.outputs import Outputs, UnreadableError
from macstate.resource import Resource
from macstate.steps import Run, Same, Step
from macstate.types import LONGEST_PATH, Port

MOVED = "somebody has changed Serve since the plan was made; nothing was written, run again to see what is left"
URL = "http://local-tailscaled.sock/localapi/v0/serve-config"
SOCKET = "/var/run/tailscaled.socket"
READ = f"curl -si --unix-socket {SOCKET} {URL}"
STATUS = "tailscale serve status --json"


def _mount(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", value) or not value.startswith("/"):
        raise ValueError(f"{value!r} is not a path to serve at; type it from the root, in plain letters: /vllm")
    if any(part in {".", ".."} for part in value.split("/")):
        raise ValueError(f"{value!r} has dots for a folder; type the path itself: /vllm")
    if len(value) > LONGEST_PATH:
        raise ValueError(f"a path has at most {LONGEST_PATH} characters here, and this has {len(value)}")
    return canonical(value)


def canonical(mount: str) -> str:
    """Spell a mount in one way: Serve takes ``/x`` and ``/x/`` for the same (measured)."""
    return mount.rstrip("/") or "/"


class Route(Entry):
    """Where Tailscale Serve answers with HTTPS."""

    https: Port = 443
    """The HTTPS port on the Mac's tailnet name."""
    path: Annotated[str, AfterValidator(_mount)] = "/"
    """The path below which everything goes to this endpoint; ``/x`` and ``/x/`` are one."""
    keep_path: bool = False
    """Whether the server gets the path with the mount (Serve itself takes the mount off)."""


def short(value: object) -> object:
    """Read ``/path`` as short for ``{https: 443, path: /path}``."""
    return {"path": value} if isinstance(value, str) else value


class Serve(Resource):
    """One route; its key is ``PORT/MOUNT``, after ``NAME:`` where it is not under the Mac's own name."""

    kind: ClassVar[str] = "serve"
    document: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = (STATUS, "tailscale status --json", READ)
    script: ClassVar[str] = f"""
section "{STATUS}" {STATUS}
[ ! -e "$root{SOCKET}" ] || section "{READ}" {READ}
"""
    optional: ClassVar[tuple[str, ...]] = ("tailscale status --json", READ)

    target: str | None = None
    """The URL that Serve proxies to."""
    funnel: bool | None = None
    """Whether the internet reaches it: a property of the whole port."""

    @property
    def public(self) -> bool:
        """Whether Funnel is on for its port."""
        return bool(self.funnel)

    @classmethod
    def to(cls, https: int, mount: str, target: str, *, funnel: bool) -> Self:
        """Wish for a route from an HTTPS port and a mount to a URL on loopback."""
        return cls(key=f"{https}{mount or '/'}", target=target, funnel=funnel)

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read every handler and forward of the node's own configuration."""
        if STATUS not in outputs and READ not in outputs:
            return
        document, name = _document(outputs), _name(outputs)
        funnel = document.get("AllowFunnel") or {}
        for host, web in (document.get("Web") or {}).items():
            owner, _, port = host.rpartition(":")
            prefix = "" if owner == (name or owner) else f"{owner}:"
            for mount, handler in (web.get("Handlers") or {}).items():
                target = handler.get("Proxy") or json.dumps(handler, sort_keys=True)
                yield cls(key=f"{prefix}{port}{canonical(mount)}", target=target, funnel=bool(funnel.get(host)))
        for port, forward in (document.get("TCP") or {}).items():
            if target := forward.get("TCPForward"):
                yield cls(key=f"tcp:{port}", target=target, funnel=bool(funnel.get(f"{name}:{port}")))

    @classmethod
    def write(cls, outputs: Outputs, wished: list[Self], gone: list[Self]) -> Iterator[Step]:
        """Put routes in and take routes out of the document that was found; what is not ours stays as it is."""
        document, name = json.loads(json.dumps(_document(outputs))), _name(outputs)
        for route in gone:
            _take_out(document, name, route)
        for route in wished:
            _take_out(document, name, route)
            port, _, mount = route.key.partition("/")
            host = f"{name}:{port}"
            document.setdefault("TCP", {})[port] = {"HTTPS": True}
            web = document.setdefault("Web", {}).setdefault(host, {})
            web.setdefault("Handlers", {})[f"/{mount}"] = {"Proxy": route.target}
            document.setdefault("AllowFunnel", {}).pop(host, None)
            document["AllowFunnel"] |= {host: True} if route.funnel else {}
        text = json.dumps({key: value for key, value in document.items() if value}, sort_keys=True)
        if etag := re.search(r"(?im)^etag: *(\S+)\s*$", outputs.get(READ, "")):
            words = ("curl", "-sS", "--fail", "--unix-socket", SOCKET, "-X", "POST", "-H", f"If-Match: {etag[1]}")
            yield Run((*words, "--data-binary", "@-", URL), stdin=text, refusal=("error: 412", MOVED))
        else:  # the app builds have no such socket, and their command takes no ETag
            yield Same(tuple(STATUS.split()), outputs.get(STATUS, ""), MOVED)
            yield Run(("tailscale", "serve", "set-raw"), stdin=text)


def _take_out(document: dict[str, Any], name: str, route: Serve) -> None:
    port, _, mount = route.key.partition("/")
    host = f"{name}:{port}"
    handlers = document.get("Web", {}).get(host, {}).get("Handlers", {})
    for spelling in [spelling for spelling in handlers if canonical(spelling) == f"/{mount}"]:
        del handlers[spelling]
    if host in document.get("Web", {}) and not handlers:
        del document["Web"][host]
        document.get("TCP", {}).pop(port, None)
        (document.get("AllowFunnel") or {}).pop(host, None)


def _document(outputs: Outputs) -> dict[str, Any]:
    body = re.split(r"\r?\n\r?\n", outputs.get(READ, ""), maxsplit=1)[1:] or [outputs.get(STATUS, "")]
    try:
        document = json.loads(body[0])
    except ValueError:
        document = False
    document = {} if document is None else document  # null on a node that never served (measured)
    if not isinstance(document, dict):  # the app's command prints errors with exit status 0
        raise UnreadableError(f"`{STATUS}` printed no JSON: {body[0][:200].strip()!r}")
    return document


def _name(outputs: Outputs) -> str:
    return Node.read(outputs.get("tailscale status --json", "")).name
