"""Routes of Tailscale Serve. They live in one JSON document, which is written whole and once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import AfterValidator

from macstate.entry import Entry
from macstate.facts import Node
from macstate.outputs import Outputs
from macstate.resource import Resource
from macstate.resources import serve_document
from macstate.resources.launchd import Launchd
from macstate.resources.serve_document import ETAG, READ, SOCKET, STATUS, URL, Document
from macstate.resources.serve_hands import changes_hands
from macstate.steps import Run, Same, Step
from macstate.types import LONGEST_PATH, Port

if TYPE_CHECKING:
    from macstate.change import Change
    from macstate.found import Found

AS_USER = 'PATH=${MACSTATE_ROOT-}/usr/local/bin:${MACSTATE_ROOT-}/opt/homebrew/bin:$PATH exec env SHLVL=1 "$@"'
"""Where the app's `tailscale` may lie: it is run by the person it belongs to, never by root."""
MOVED = "somebody has changed Serve since the plan was made; nothing was written, run again to see what is left"


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
    probes: ClassVar[tuple[str, ...]] = (STATUS, "tailscale status --json", READ, "user")
    script: ClassVar[str] = f"""
section "{STATUS}" {STATUS}
[ ! -e "$root{SOCKET}" ] || section "{READ}" {READ}
"""
    optional: ClassVar[tuple[str, ...]] = ("tailscale status --json", READ, "user")

    target: str | None = None
    """The URL that Serve proxies to."""
    funnel: bool | None = None
    """Whether the internet reaches it: a property of the whole port."""

    @property
    def public(self) -> bool:
        """Whether Funnel is on for its port."""
        return bool(self.funnel)

    def unguarded(self, wishes: Mapping[str, Resource]) -> str:
        """Name the server of ours that Funnel would lead straight to, past the gateway."""
        port = re.search(r"(?:127\.0\.0\.1|localhost|\[::1\]):(\d+)(/|$)", self.target or "")
        servers = (each for each in wishes.values() if isinstance(each, Launchd) and not each.refresh)
        return next((each.label for each in servers if self.public and port and int(port[1]) in each.ports), "")

    @classmethod
    def to(cls, https: int, mount: str, target: str, *, funnel: bool) -> Self:
        """Wish for a route from an HTTPS port and a mount to a URL on loopback."""
        return cls(key=f"{https}{mount or '/'}", target=target, funnel=funnel)

    def interrupts(self, was: Self | None) -> str:
        """Tell that it is closed while what it leads to changes."""
        return "" if was is None or was is self else "nobody reaches it from the first step of this run to the last"

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read every handler and forward of the node's own configuration."""
        if STATUS not in outputs and READ not in outputs:
            return
        document, name = serve_document.found_in(outputs), _name(outputs)
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
    def disturbed(cls, changes: Sequence[Change], found: Found) -> tuple[Self, ...]:
        """Give all routes of ours where a port behind them changes hands: for a while they would lead elsewhere."""
        if not changes_hands(changes, found):
            return ()
        ours = (was for was in found.resources.values() if isinstance(was, cls) and was.id in found.record.lines)
        return tuple(sorted(ours, key=lambda was: was.id))

    @classmethod
    def write(cls, outputs: Outputs, wished: Sequence[Self], gone: Sequence[Self]) -> Iterator[Step]:
        """Put routes in and take routes out of the document that was found; what is not ours stays as it is."""
        text = serve_document.as_stored(cls._changed(outputs, wished, gone))
        if etag := ETAG.search(outputs.get(READ, "")):
            words = ("curl", "-qsS", "--fail", "--unix-socket", SOCKET, "-X", "POST", "-H", f"If-Match: {etag[1]}")
            yield Run((*words, "--data-binary", "@-", URL), stdin=text, refusal=("error: 412", MOVED))
        else:  # the app builds have no such socket, and their command takes no ETag
            as_user = ("sudo", "-H", "-u", outputs.get("user", "").strip(), "--", "sh", "-c", AS_USER, "sh")
            yield Same((*as_user, *STATUS.split()), outputs.get(STATUS, ""), MOVED)
            yield Run((*as_user, "tailscale", "serve", "set-raw"), stdin=text)

    @classmethod
    def written(cls, outputs: Outputs, gone: Sequence[Self]) -> Outputs:
        """Give what would be read after these were taken out."""
        now = serve_document.after(cls._changed(outputs, (), gone))
        return {**outputs, **{name: text for name, text in now.items() if name in outputs}}

    @classmethod
    def _changed(cls, outputs: Outputs, wished: Sequence[Self], gone: Sequence[Self]) -> Document:
        document, name = serve_document.found_in(outputs), _name(outputs)
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
        return document


def _take_out(document: Document, name: str, route: Serve) -> None:
    port, _, mount = route.key.partition("/")
    host = f"{name}:{port}"
    handlers = document.get("Web", {}).get(host, {}).get("Handlers", {})
    for spelling in [spelling for spelling in handlers if canonical(spelling) == f"/{mount}"]:
        del handlers[spelling]
    if host in document.get("Web", {}) and not handlers:
        del document["Web"][host]
        document.get("TCP", {}).pop(port, None)
        (document.get("AllowFunnel") or {}).pop(host, None)


def _name(outputs: Outputs) -> str:
    return Node.read(outputs.get("tailscale status --json", "")).name
