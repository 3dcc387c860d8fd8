"""Make text from outside safe for a terminal: it cannot move the cursor, colour, hide or reverse anything."""

from __future__ import annotations

import re
from unicodedata import category

UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of characters that act or are invisible: control, format, surrogate, line and paragraph ends."""
LINES = "\n\t"
"""The characters that a text of several lines may keep."""
SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
BYTES = range(0xDC80, 0xDD00)
"""The code points that ``surrogateescape`` puts in place of bytes that are not UTF-8."""
COLOUR = re.compile(r"(\x1b\[[0-9;]{0,64}m)")
CUT = re.compile(r"\x1b(\[[0-9;]{0,64})?\Z")
"""Matches the end of a text that may be the beginning of a colour sequence."""


def printable(text: str, keep: str = "") -> str:
    r"""Return the text with each unsafe character escaped as in a shell's ``$'…'``; characters in ``keep`` stay.

    ``\x1b`` stands for a byte, ``\u202e`` for a character beyond ASCII.

    A backslash stays as it is, since commands and lines of files are shown to be read and copied. So a text that spells
    ``\x1b`` out looks like one that contains the character, and an escaped text is not escaped again.
    """
    return text if text.isprintable() else re.sub(r"[^ -~]", lambda found: _shown(found[0], keep), text)


def coloured(text: str) -> str:
    """Return lines of text with unsafe characters escaped, but with their colour sequences kept."""
    parts = COLOUR.split(text)  # every second part is a colour
    return "".join(part if index % 2 else printable(part, LINES) for index, part in enumerate(parts))


def _shown(character: str, keep: str) -> str:
    if character in keep or category(character) not in UNSAFE:
        return character
    code = ord(character)
    if code in BYTES:
        return f"\\x{code & 0xFF:02x}"
    if code.bit_length() > 16:  # noqa: PLR2004 - four hex digits
        return f"\\U{code:08x}"
    return SHORT.get(character, f"\\x{code:02x}") if character.isascii() else f"\\u{code:04x}"
