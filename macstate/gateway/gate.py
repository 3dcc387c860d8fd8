"""What every gateway does, whichever server it is made with: its ports, its limit, and what it says itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from macstate.gateway.servers import SERVERS
from macstate.language.entry import Entry
from macstate.language.types import UNITS, Port, Rate


def _doors(value: object) -> object:
    ports = map(str, [*value.keys(), *value.values()] if isinstance(value, dict) and value else [value])
    if not all(re.fullmatch(r"\d{1,5}", port) and 0 < int(port) < 65536 for port in ports):  # noqa: PLR2004 - TCP
        raise ValueError(
            f"{json.dumps(value)} is neither a port nor ports by HTTPS port; type `8080`, or `{{443: 8080}}`"
        )
    return {int(https): port for https, port in value.items()} if isinstance(value, dict) else value


Doors = Annotated[
    int | dict[int, int],
    BeforeValidator(_doors, json_schema_input_type=Port | Annotated[dict[str, Port], Field(min_length=1)]),
]
"""The loopback port of the lowest HTTPS port's door, or that of each: ``{443: 8080, 7860: 8082}``."""


class Ports(Entry):
    """The gateway's loopback ports, one for each HTTPS port: the one that a request comes in by says what it may."""

    sample: ClassVar[str] = "{tailnet: 8080}"
    becomes: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("tailnet", "funnel"), "ports that the gateway listens on (127.0.0.1), and where Serve's routes lead"
    )

    tailnet: Doors = 8080
    """Where Serve's routes of the tailnet lead: the port for the lowest HTTPS port, or ``{443: 8080, 7860: 8082}``."""
    funnel: Doors = 8081
    """Where Funnel's routes lead, likewise; these doors always ask for a key."""

    def door(self, audience: str, https: int, lowest: int) -> int:
        """Return the loopback port of the door for an audience's HTTPS port; what nobody wrote is worked out."""
        typed: int | dict[int, int] = getattr(self, audience)
        named = {lowest: typed} if isinstance(typed, int) else typed
        return named.get(https) or chosen_port(f"gateway/{audience}/{https}")

    def knows(self, port: int, https: int) -> bool:
        """Say whether a door for this HTTPS port is, or was, at a loopback port."""
        typed = [(each,) if isinstance(each, int) else each.values() for each in (self.tailnet, self.funnel)]
        worked_out = (chosen_port(f"gateway/{audience}/{https}") for audience in ("tailnet", "funnel"))
        return port in {*typed[0], *typed[1], *worked_out}

    def typed_at(self, audience: str, https: int) -> tuple[str, ...]:
        """Say where such a port would be typed."""
        typed: int | dict[int, int] = getattr(self, audience)
        return ("gateway", "ports", audience, *([] if isinstance(typed, int) else [str(https)]))


def chosen_port(place: str) -> int:
    """Return the port of what nobody chose one for: always the same, whatever else stands in the spec."""
    return 20000 + int(hashlib.sha256(place.encode()).hexdigest(), 16) % 9000


class RateLimit(Entry):
    """How much one client may ask for."""

    sample: ClassVar[str] = "{per_key: 60/m}"
    becomes: ClassVar[Mapping[str, str]] = {
        "per_key": f"{', or '.join(server.limits for server in SERVERS.values())}; answer 429"
    }

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


ERRORS = {
    400: ("invalid_request_error", "the gateway does not understand this request"),
    401: ("invalid_request_error", "a valid key is missing: send it as Authorization: Bearer KEY"),
    403: (
        "invalid_request_error",
        "this request comes from a page of another site, without a key; or Funnel was turned on by hand here",
    ),
    404: ("invalid_request_error", "there is nothing here: the guide of this Mac lists its endpoints"),
    405: ("invalid_request_error", "this method is not passed on to any server"),
    413: ("invalid_request_error", "the request is too large"),
    414: ("invalid_request_error", "the path is too long"),
    431: ("invalid_request_error", "the headers are too large"),
    429: ("rate_limit_error", "too many requests: try again a little later"),
    502: ("api_error", "the model server does not answer: it is starting, or it has stopped"),
    504: ("api_error", "the model server did not answer in time"),
}
"""The gateway's own answers, in OpenAI's shape: status -> (type, message); no quotes, for they stand in quotes."""
REFUSALS = {
    "crooked": (
        404,
        "this path can be read in two ways: send it without dot segments, doubled slashes or backslashes, and without "
        "an encoded character in the mount",
    ),
    "closed": (
        403,
        "this path is closed, like everything that is not needed to use the model; the owner of this Mac can open it "
        "in the YAML, in the field open of the endpoint: open: [/x]",
    ),
}
"""Answers with words of their own: name -> (status, message); no quotes either."""
FRIENDS = (
    r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?",
    r"(app|file|tauri|vscode-file|vscode-webview)://.*",
)
"""Pages that may ask without a key, beside this Mac's own: those of the person's own machine."""
