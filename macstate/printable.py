"""Text from outside as a terminal may print it: it moves no cursor, colours, hides and turns round nothing."""

from __future__ import annotations

import re
from unicodedata import category

UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of what acts or cannot be seen: control, format, surrogate, ends of lines and paragraphs."""
LINES = "\n\t"
"""What a text of several lines keeps."""
SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
BYTES = range(0xDC80, 0xDD00)
"""What ``surrogateescape`` makes of bytes that are no UTF-8."""
COLOUR = re.compile(r"(\x1b\[[0-9;]{0,64}m)")
CUT = re.compile(r"\x1b(\[[0-9;]{0,64})?\Z")
"""What may be the beginning of a colour."""


def printable(text: str, keep: str = "") -> str:
    r"""Write each unsafe character as a shell's ``$'…'`` does: ``\x1b`` is a byte, ``\u202e`` a character beyond ASCII.

    A backslash stays as it is, since commands and lines of files are shown to be read and copied. So a text that spells
    ``\x1b`` out looks like one that has the character, and what is escaped already is not escaped again.
    """
    return text if text.isprintable() else re.sub(r"[^ -~]", lambda found: _shown(found[0], keep), text)


def coloured(text: str) -> str:
    """Do the same with lines, and let their colours pass."""
    parts = COLOUR.split(text)  # every other one is a colour
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
