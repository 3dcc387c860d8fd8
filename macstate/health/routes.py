"""Do the routes of Serve answer, asked from this laptop as any client asks?"""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from macstate.found import Found
from macstate.health import SERVER_ERROR, healths
from macstate.resources.serve import Serve
from macstate.wishes import Wishes

PATIENCE = 10
"""Seconds for a route's answer; its first one may wait for a certificate."""


@dataclass(frozen=True)
class Route:
    """One URL, and what came of asking for it."""

    url: str
    state: str
    """``answers``, ``starting`` (its endpoint is), ``silent``, or ``unknown``: the laptop itself cannot ask."""
    text: str
    """The HTTP status, or why there is none."""


def asked(wishes: Wishes, found: Found) -> list[Route]:
    """Ask for every route that macstate made, all at once."""
    starting = {each.name for each in healths(wishes, found) if each.state == "starting"}
    endpoints: dict[str, tuple[str, Any]] = {
        f"{route.https}{route.path}": (name, entry)
        for name, entry in wishes.entries
        if entry.section == "endpoints" and not entry.is_off
        for route in (getattr(entry, "serve", None), getattr(entry, "funnel", None))
        if route
    }
    young = {key for key, (name, _) in endpoints.items() if name in starting}
    open_ones = {key: entry.open_path for key, (_, entry) in endpoints.items()}
    about = wishes.ids(wishes.only, found.facts) if wishes.only else found.record.lines
    mine = [was for was in found.resources.values() if isinstance(was, Serve) and was.id in found.record.lines]
    mine = [was for was in mine if was.id in about]
    with ThreadPoolExecutor(max(len(mine), 1)) as pool:
        urls = ((was, _url(found.facts.node.name, was)) for was in mine)
        jobs = [(url, open_ones.get(was.key, ""), was.key in young) for was, url in urls]
        return list(pool.map(lambda job: _ask(job[0], job[1], young=job[2]), jobs))


def ill(wishes: Wishes, found: Found, left: Collection[str], *, ask: bool) -> Iterator[str]:
    """Say what is not well, and with ``ask`` routes too; not of endpoints whose job or whose models are ``left``."""
    labels = {identifier.rpartition("/")[2] for identifier in left}
    for each in healths(wishes, found):
        if not (each.fine or each.label in labels or (each.missing and each.missing <= {*left})):
            yield f"{each.name}: {each.text}"
    if ask:
        yield from (f"{each.url}: {each.text}" for each in asked(wishes, found) if each.state == "silent")


def _url(name: str, was: Serve) -> str:
    port, _, mount = was.key.partition("/")
    return f"https://{name}{'' if port == '443' else f':{port}'}/{mount}"


def _ask(url: str, path: str, *, young: bool) -> Route:
    """Ask for what the gateway lets through to the server: it answers for all else itself."""
    where = url if path in {"", "/"} else f"{url.rstrip('/')}{path}"
    try:
        with urllib.request.urlopen(where, timeout=PATIENCE) as answer:  # noqa: S310 - https, made above
            return Route(url, "answers", str(answer.status))
    except urllib.error.HTTPError as error:
        if error.code < SERVER_ERROR:  # 401 is the gateway that asks for a key
            return Route(url, "answers", str(error.code))
        return Route(url, "starting" if young else "silent", f"HTTP {error.code}")
    except (OSError, ValueError, HTTPException) as error:
        why = getattr(error, "reason", error)
        if isinstance(why, socket.gaierror):
            return Route(url, "unknown", "this laptop cannot resolve the name (`tailscale up --accept-dns`)")
        if isinstance(why, ssl.SSLCertVerificationError):
            return Route(url, "unknown", f"this laptop's Python does not trust the certificate: {why.verify_message}")
        return Route(url, "silent", str(why) or type(why).__name__)
