"""The gateway's loopback ports: what is typed, and the port that goes by a name where nothing is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from macstate.language.entry import Entry
from macstate.language.types import Port


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
"""The loopback port of the door for the lowest HTTPS port, or of each door: ``{443: 8080, 7860: 8082}``."""


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
        """Return the loopback port of the door for an audience's HTTPS port; it is worked out if the spec names none.

        ``lowest`` is the audience's lowest HTTPS port.
        """
        typed: int | dict[int, int] = getattr(self, audience)
        named = {lowest: typed} if isinstance(typed, int) else typed
        return named.get(https) or chosen_port(f"gateway/{audience}/{https}")

    def knows(self, port: int, https: int) -> bool:
        """Return whether a door for this HTTPS port is, or was, at a loopback port."""
        typed = [(each,) if isinstance(each, int) else each.values() for each in (self.tailnet, self.funnel)]
        worked_out = (chosen_port(f"gateway/{audience}/{https}") for audience in ("tailnet", "funnel"))
        return port in {*typed[0], *typed[1], *worked_out}

    def typed_at(self, audience: str, https: int) -> tuple[str, ...]:
        """Return the place in the spec at which the port of such a door is typed."""
        typed: int | dict[int, int] = getattr(self, audience)
        return ("gateway", "ports", audience, *([] if isinstance(typed, int) else [str(https)]))


def chosen_port(place: str) -> int:
    """Return the port for a place that names none: always the same, whatever else stands in the spec."""
    return 20000 + int(hashlib.sha256(place.encode()).hexdigest(), 16) % 9000
