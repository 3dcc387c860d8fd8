"""One way to an endpoint, the links in it, and how to print what comes back."""

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
"""Most characters of foreign text in a line."""
PIECE = 8
"""Shortest piece of a key, in characters, that is hidden; so a cut or split key is hidden too."""
FOREIGN = re.compile(r"[^A-Za-z0-9._~+/=%-]")
"""Characters that neither a key nor its form in a URL has (see ``secrets.ALLOWED``)."""


CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""A control sequence of a terminal; its letters could stand between those of a key."""


class BrokenError(Exception):
    """A link failed: ``name``, ``tailnet``, ``Serve``, ``gate``, ``server`` or ``model``."""

    def __init__(self, link: str, why: str) -> None:
        self.link, self.why = link, why
        super().__init__(f"{link}: {why}")


class UnaskedError(Exception):
    """The request could not be sent from here, for a reason outside the endpoint."""


@dataclass(frozen=True)
class Door:
    """One of the URLs of an endpoint."""

    endpoint: str
    via: str
    """``tailnet`` or ``funnel``."""
    url: str
    """The URL, without a slash at the end."""
    gated: bool = False
    """Whether the gateway stands before the server."""
    key_name: str = ""
    """The name of the gateway's key that the door requires; empty: none."""
    key: Secret | None = None
    address: str = ""
    """The only address to connect to; empty: the name is not resolved yet."""

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
        """The path that the endpoint's routes begin with, without a slash at the end."""
        return urlsplit(self.url).path

    @property
    def public(self) -> bool:
        """Whether the internet reaches the URL."""
        return self.via == "funnel"

    def told(self, text: str) -> str:
        """Return foreign text for use in a line: printable, short, and without the key."""
        text = CONTROL.sub("", text)
        hidden = _without(text, self.key.reveal()) if self.key else text
        words = printable(" ".join(hidden.split()))
        return words if len(words) <= LONGEST else f"{words[:LONGEST]} …"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a trial through one door."""

    door: Door
    level: str
    """``ok``, ``error``, or ``note``: the request could not be sent from here."""
    text: str


def _without(text: str, key: str) -> str:
    """Return the text with the key, and every piece of it, hidden, whatever stands between its characters."""
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
    """Yield a key in the forms that a server may print: plain, as in a URL, in hex, as HTML characters, in base64.

    All are in small letters, without the characters that a search skips. The form in base64 depends on the length,
    modulo three, of what stands before the key.
    """
    yield from (key.lower(), quote(key, safe="").lower(), key.encode().hex())
    yield from ("".join(map(str, key.encode())), "".join(f"x{byte:x}" for byte in key.encode()))
    for before in range(3):
        coded = b64encode(b" " * before + key.encode())[4 * bool(before) :].decode().rstrip("=").lower()
        yield from (coded, coded.translate(str.maketrans("+/", "-_")))
