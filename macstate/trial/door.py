"""One way to an endpoint, the links that it is made of, and what may be printed of what comes back by it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from macstate.gateway.pages import HTTPS
from macstate.language.secrets import Secret
from macstate.printable import printable

LONGEST = 200
"""Characters of somebody else's text in a line."""
PIECE = 8
"""Characters of a key that are taken for it, so that one which was cut or split is hidden too."""
FOREIGN = re.compile(r"[^A-Za-z0-9._~+/=%-]")
"""What no key has, nor its form in a URL (see ``secrets.ALLOWED``)."""


RESOLVERS = ("1.1.1.1", "9.9.9.9")
"""Whom to ask for a public address: Cloudflare and Quad9."""


CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What a terminal would obey; its letters could stand between those of a key."""


class BrokenError(Exception):
    """A link that does not hold: ``name``, ``tailnet``, ``Serve``, ``gate``, ``server`` or ``model``."""

    def __init__(self, link: str, why: str) -> None:
        self.link, self.why = link, why
        super().__init__(f"{link}: {why}")


class UnaskedError(Exception):
    """Nobody could ask from here, and the endpoint has no part in that."""


@dataclass(frozen=True)
class Door:
    """One of the URLs of an endpoint."""

    endpoint: str
    via: str
    """``tailnet`` or ``funnel``."""
    url: str
    """Without a slash at the end."""
    gated: bool = False
    """Whether the gateway stands before the server."""
    key_name: str = ""
    """Which of the gateway's keys it wants; empty: none."""
    key: Secret | None = None
    address: str = ""
    """Where it is asked, and nowhere else; empty: its name is not resolved yet."""

    @property
    def name(self) -> str:
        """The Mac's DNS name."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The HTTPS port."""
        return urlsplit(self.url).port or HTTPS

    @property
    def mount(self) -> str:
        """The path that its routes begin with, without a slash at the end."""
        return urlsplit(self.url).path

    @property
    def public(self) -> bool:
        """Whether it is the internet's."""
        return self.via == "funnel"

    def told(self, text: str) -> str:
        """Return what somebody else has said as part of a line: printable, short, and without the key."""
        text = CONTROL.sub("", text)
        hidden = _without(text, self.key.reveal()) if self.key else text
        words = printable(" ".join(hidden.split()))
        return words if len(words) <= LONGEST else f"{words[:LONGEST]} …"


@dataclass(frozen=True)
class Outcome:
    """What came of one door."""

    door: Door
    level: str
    """``ok``, ``error``, or ``note``: it could not be asked from here."""
    text: str


def _without(text: str, key: str) -> str:
    """Hide a key, and every piece of it, whatever stands between its characters."""
    places = [index for index, character in enumerate(text) if not FOREIGN.match(character)]
    bare = "".join(text[index] for index in places).lower()
    pieces = {form[start : start + PIECE] for form in _forms(key) for start in range(len(form) - PIECE + 1)}
    hidden: set[int] = set()
    for start in range(len(bare) - PIECE + 1):
        if bare[start : start + PIECE] in pieces:
            hidden.update(range(places[start], places[start + PIECE - 1] + 1))
    shown = (
        "" if index in hidden and index - 1 in hidden else "(key)" if index in hidden else character
        for index, character in enumerate(text)
    )
    return "".join(shown)


def _forms(key: str) -> Iterator[str]:
    """Yield a key as a server may say it: as it is, as in a URL, in hex, as characters of HTML, and in base64.

    All in small letters, and without what is skipped in a text. In base64 it looks different by what stands before it,
    which is the length of that, of three.
    """
    yield from (key.lower(), quote(key, safe="").lower(), key.encode().hex())
    yield from ("".join(map(str, key.encode())), "".join(f"x{byte:x}" for byte in key.encode()))
    for before in range(3):
        coded = b64encode(b" " * before + key.encode())[4 * bool(before) :].decode().rstrip("=").lower()
        yield from (coded, coded.translate(str.maketrans("+/", "-_")))
