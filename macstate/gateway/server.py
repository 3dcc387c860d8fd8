"""What a server of the gateway is: all that macstate knows about nginx, Caddy, or another one like them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class Server:
    """A program that can be the gateway. The templates NAME.conf.j2 and NAME.keys.j2 make its configuration.

    In its commands ``{prefix}`` stands for the folder where it may write, ``{config}`` for its configuration.
    """

    name: ClassVar[str]
    """The word typed as ``server``, and the file name of its program."""
    order: ClassVar[int] = 9
    """Its place in a list of servers."""
    formula: ClassVar[str]
    """The Homebrew formula that installs it."""
    file: ClassVar[str]
    """The file name of its configuration."""
    run: ClassVar[str]
    """The arguments that run it in the foreground."""
    check: ClassVar[str]
    """The arguments that check a configuration."""
    signal: ClassVar[str]
    """The signal on which it reads its configuration again without dropping a stream."""
    about: ClassVar[tuple[str, ...]]
    """The arguments for its version and its modules; each is used alone, one after the other."""
    counted: ClassVar[str]
    """A command of ``sed -E`` that prints ``WHEN DOOR PATH`` for each line of its access log that tells of a success.

    WHEN is a minute in ISO 8601, or a span of 100 seconds: the seconds since 1970 without their last two digits.
    """
    rotates: ClassVar[bool] = False
    """Whether it rotates its access log itself."""
    signed: ClassVar[str]
    """Its name for itself in the header ``Server`` or ``Via`` of an answer that it passes on."""
    limits: ClassVar[str]
    """What limits requests in it, for people."""
    values: ClassVar[Mapping[str, object]] = {}
    """Variables of its templates besides those of every server's."""

    @property
    def program(self) -> str:
        """The path at which Homebrew puts it."""
        return f"/opt/homebrew/bin/{self.name}"

    @staticmethod
    def command(words: str, program: str, prefix: str, config: str) -> tuple[str, ...]:
        """Return the command of ``run`` or ``check`` with its places filled in."""
        return (program, *(word.format(prefix=prefix, config=config) for word in words.split()))

    def refused(self, about: str, *, limited: bool) -> str:
        """Return why a Mac's program cannot be the gateway; empty if it can.

        ``about`` is what the program prints about itself; ``limited`` is whether it must limit requests.
        """
        del about, limited
        return ""
