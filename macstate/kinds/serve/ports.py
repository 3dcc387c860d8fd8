"""What Serve's document says of a whole port, on which a route is only one part: its handler, and Funnel.

The record keeps what a port was before macstate's first route there, as ``NAME+https+funnel``: the name under which
our routes stand, ``https`` if the port served sites already, ``funnel`` or ``private`` if the document had Funnel on or
off. When the last of our routes goes, the port becomes that again.
"""

from __future__ import annotations

import copy
from collections.abc import Collection

from macstate.kinds.serve.document import Document, kind_of_port

UNKNOWN = "-"
"""The memory if a record line tells nothing, as those that older versions wrote."""


def memory(document: Document, name: str, port: str, mounts: Collection[str], *, funnel: bool) -> str:
    """Return what a port was before our routes, as the record keeps it: its memory.

    ``mounts`` are our desired mounts, which may be there already; ``funnel`` is whether they are for the internet.
    If others have routes on the port, these must be reached as before once ours are gone.
    """
    words, site, here = [name], f"{name}:{port}", copy.deepcopy(document)
    there = (((document.get("Web") or {}).get(site) or {}).get("Handlers") or {}).keys()
    if drop(here, site, mounts) and any(_spelled(each) in mounts for each in there):
        return name  # the port is ours already, and nobody else's
    if kind_of_port((document.get("TCP") or {}).get(port)) == "https":
        words.append("https")
    on, shared = (document.get("AllowFunnel") or {}).get(site), bool((here.get("Web") or {}).get(site)) and not funnel
    if on is not None and not (on and shared):
        words.append("funnel" if on else "private")
    return "+".join(words)


def name_in(remembered: str) -> str:
    """Return the name under which a route was written; empty if an older version wrote the record."""
    name = remembered.partition("+")[0]
    return name if "." in name else ""


def renamed(remembered: str, name: str) -> str:
    """Return the same memory under the node's new name."""
    return "+".join((name, *remembered.split("+")[1:]))


def open_port(document: Document, name: str, port: str, *, funnel: bool) -> None:
    """Make a port serve sites by HTTPS, with Funnel on or off."""
    tcp, site = document.setdefault("TCP", {}), f"{name}:{port}"
    if kind_of_port(tcp.get(port)) != "https":
        tcp[port] = {"HTTPS": True}
    allowed = document.get("AllowFunnel") or {}
    if funnel:
        allowed[site] = True
    elif allowed.get(site):
        del allowed[site]
    document["AllowFunnel"] = allowed


def leave(document: Document, name: str, port: str, remembered: str = UNKNOWN) -> None:
    """Make a port what it was before our first route; this opens no route of others to the internet."""
    words, site = remembered.split("+")[1:], f"{name}:{port}"
    allowed = document.get("AllowFunnel") or {}
    have = allowed.pop(site, None)
    if "private" in words or ("funnel" in words and (have or site not in (document.get("Web") or {}))):
        allowed[site] = "funnel" in words
    document["AllowFunnel"] = allowed
    if "https" not in words:
        close_empty(document, port)


def close_empty(document: Document, port: str) -> None:
    """Take a port's handler away if no site is left on it."""
    if not any(site.rpartition(":")[2] == port for site in document.get("Web") or {}):
        (document.get("TCP") or {}).pop(port, None)


def drop(document: Document, site: str, mounts: Collection[str]) -> bool:
    """Take mounts off a site, in whatever spelling; return whether that leaves nothing of the site."""
    web = document.get("Web") or {}
    if site not in web:
        return False
    handlers = (web[site] or {}).get("Handlers") or {}
    for spelling in [each for each in handlers if _spelled(each) in mounts]:
        del handlers[spelling]
    if not handlers:
        del web[site]
    return not handlers


def _spelled(mount: str) -> str:
    return mount.rstrip("/") or "/"


def end(sessions: dict[str, Document], port: str) -> None:
    """Take a port from all processes in the foreground; tailscaled ends a process that has no port left."""
    for session, held in list(sessions.items()):
        here = {name: held.get(name) or {} for name in ("TCP", "Web", "AllowFunnel")}
        left = {
            name: {place: each for place, each in part.items() if place.rpartition(":")[2] != port}
            for name, part in here.items()
        }
        if any(left.values()):
            sessions[session] = left if left != here else held
        elif any(here.values()):
            del sessions[session]
