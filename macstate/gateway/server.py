"""What a gateway's server is: the one thing that macstate knows of nginx, of Caddy, and of another one like them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class Server:
    """A program that can be the gateway; what it is told stands in the templates NAME.conf.j2 and NAME.keys.j2.

    In its commands ``{prefix}`` stands for where it may write, ``{config}`` for its configuration.
    """

    name: ClassVar[str]
    """What is typed as ``server``, and the file name of its program."""
    place: ClassVar[int] = 9
    """Where it stands in a list of servers."""
    formula: ClassVar[str]
    """The formula of Homebrew's that brings it."""
    file: ClassVar[str]
    """The file name of its configuration."""
    run: ClassVar[str]
    """What follows the program to run it in the foreground."""
    check: ClassVar[str]
    """What it is asked whether a configuration is good."""
    signal: ClassVar[str]
    """What makes it read its configuration again, without dropping a stream."""
    about: ClassVar[tuple[str, ...]]
    """What it is asked about its version and its modules: a word each, asked one after the other."""
    counted: ClassVar[str]
    """A command of ``sed -E`` that makes ``WHEN DOOR PATH`` of a line of its access log which tells of a success.

    WHEN is a minute as ISO 8601 has it, or a hundred seconds: those since 1970 without their last two digits.
    """
    rotates: ClassVar[bool] = False
    """Whether it rotates its access log itself."""
    signed: ClassVar[str]
    """How it names itself in an answer that it passes on, in ``Server`` or ``Via``."""
    limits: ClassVar[str]
    """How it limits requests, for people."""
    values: ClassVar[Mapping[str, object]] = {}
    """What its templates know besides what every server's do."""

    @property
    def program(self) -> str:
        """Where Homebrew puts it."""
        return f"/opt/homebrew/bin/{self.name}"

    @staticmethod
    def command(words: str, program: str, prefix: str, config: str) -> tuple[str, ...]:
        """Fill ``run`` or ``check`` in."""
        return (program, *(word.format(prefix=prefix, config=config) for word in words.split()))

    def refused(self, about: str, *, limited: bool) -> str:
        """Say why a Mac's own program will not do, by what it says of itself; empty: it will.

        ``limited``: it is to limit requests.
        """
        del about, limited
        return ""
