"""What the gateway's servers can do, and what they say themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from macstate.entry import Entry
from macstate.errors import MacstateError
from macstate.facts import Facts
from macstate.types import UNITS, Port, Rate


class Ports(Entry):
    """The gateway's loopback ports: which one a request comes in by decides what it may, and no header does."""

    becomes: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("tailnet", "funnel"), "a port that the gateway listens on (127.0.0.1), and where Serve's routes lead"
    )

    tailnet: Port = 8080
    """Where Serve's routes of the tailnet lead."""
    funnel: Port = 8081
    """Where Funnel's routes lead; this door always asks for a key."""


class RateLimit(Entry):
    """How much one client may ask for."""

    becomes: ClassVar[Mapping[str, str]] = {"per_key": "limit_req of nginx, or rate_limit of Caddy; answer 429"}

    per_key: Rate | None = None
    """Requests for each key, e.g. ``60/m``; that many at once, then evenly."""

    @property
    def count(self) -> int:
        """How many requests."""
        return int((self.per_key or "1/s").partition("/")[0])

    @property
    def unit(self) -> str:
        """In which time: ``s`` or ``m``."""
        return (self.per_key or "1/s").partition("/")[2]

    @property
    def retry_after(self) -> int:
        """How many seconds until one more request of a key is let through."""
        return -(-UNITS[self.unit] // self.count)


@dataclass(frozen=True)
class Server:
    """How one of them is run; ``{prefix}`` is where it may write, ``{config}`` its configuration."""

    run: str
    check: str
    """What it is asked whether a configuration is good."""
    signal: str
    """What makes it read its configuration again, without dropping a stream."""

    def command(self, words: str, program: str, prefix: str, config: str) -> tuple[str, ...]:
        """Fill one of both in."""
        return (program, *(word.format(prefix=prefix, config=config) for word in words.split()))


SERVERS = {
    "nginx": Server("-e stderr -p {prefix} -c {config}", "-e stderr -p {prefix} -c {config} -t -q", "SIGHUP"),
    "caddy": Server(
        "run --adapter caddyfile --config {config}", "validate --adapter caddyfile --config {config}", "SIGUSR1"
    ),
}
CADDY = (2, 11)
"""The first one that takes SIGUSR1 for a reload."""
ERRORS = {
    400: ("invalid_request_error", "the gateway does not understand this request"),
    401: ("invalid_request_error", "a valid key is missing: send it as Authorization: Bearer KEY"),
    403: ("invalid_request_error", "this is closed: it manages the server, or a page of another site asks"),
    404: ("invalid_request_error", "there is nothing here: ask the guide of this Mac for its endpoints"),
    413: ("invalid_request_error", "the request is too large"),
    429: ("rate_limit_error", "too many requests: try again a little later"),
    502: ("api_error", "the model server does not answer: it is starting, or it has stopped"),
    504: ("api_error", "the model server did not answer in time"),
}
"""The gateway's own answers, in OpenAI's shape: status -> (type, message); no quotes, for they stand in quotes."""


def check_program(gateway: Any, facts: Facts) -> None:
    """Refuse what the Mac's own program cannot do.

    Raises:
        MacstateError: it is not there, is too old, or has no rate limit.
    """
    about = facts.programs.get(gateway.path)
    if about is None:
        raise MacstateError(
            f"gateway: {gateway.path} cannot be run on this Mac; type `brew install {gateway.server}` there, or name "
            "another `program`"
        )
    if gateway.server == "caddy":
        version = re.search(r"v(\d+)\.(\d+)", about)
        if not version or (int(version[1]), int(version[2])) < CADDY:
            raise MacstateError(
                "gateway: this Caddy is older than 2.11 and cannot be told to read its configuration again; type "
                "`brew upgrade caddy` on the Mac"
            )
        if gateway.rate_limit.per_key and "http.handlers.rate_limit" not in about:
            raise MacstateError(
                "gateway.rate_limit: this Caddy has no module for it; type `caddy add-package "
                "github.com/mholt/caddy-ratelimit` on the Mac, or set `server: nginx`, which has one built in"
            )
