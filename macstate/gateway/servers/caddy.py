"""Caddy, as Homebrew builds it; only other builds have the module that limits requests."""

from __future__ import annotations

import re
from typing import ClassVar

from macstate.gateway.server import Server

FIRST = (2, 11, 7)
"""The first version that was tried: it reloads on SIGUSR1, and evaluates nothing that stands in a path."""
MODULE = "http.handlers.rate_limit"


class Caddy(Server):
    """Caddy writes every log line as JSON, and rotates its logs itself."""

    name: ClassVar[str] = "caddy"
    order: ClassVar[int] = 2
    formula: ClassVar[str] = "caddy"
    file: ClassVar[str] = "Caddyfile"
    run: ClassVar[str] = "run --adapter caddyfile --config {config}"
    check: ClassVar[str] = "validate --adapter caddyfile --config {config}"
    signal: ClassVar[str] = "SIGUSR1"
    about: ClassVar[tuple[str, ...]] = ("version", "list-modules")
    # it logs the time in seconds since 1970; requests are counted by spans of 100 seconds
    counted: ClassVar[str] = (
        r's/^\{.*"ts":([0-9]{8})[0-9]{2}\..*"uri":"(\/[^" ]*)".*"status":[23][0-9]{2},.*"door":"([a-z]+\/[0-9]+)".*'
        r"/\1 \3 \2/p"
    )
    rotates: ClassVar[bool] = True
    signed: ClassVar[str] = "Caddy"
    limits: ClassVar[str] = "rate_limit of Caddy"

    def refused(self, about: str, *, limited: bool) -> str:
        """Return that it is too old, or lacks the module that limits requests if it must."""
        version = re.search(r"(?m)^v(\d+)\.(\d+)\.(\d+)", about)  # a warning of it may stand before
        if not version or tuple(map(int, version.groups())) < FIRST:
            return (
                f"gateway: this Caddy is older than {'.'.join(map(str, FIRST))}, the first that is known to be safe "
                "here; type `brew upgrade caddy` on the Mac"
            )
        if limited and MODULE not in about:
            return (
                "gateway.rate_limit: this Caddy has no module for it; type `caddy add-package "
                "github.com/mholt/caddy-ratelimit` on the Mac, or set `server: nginx`, which has one built in"
            )
        return ""


SERVER = Caddy()
