"""How to log in to Tailscale SSH with paramiko: nothing first, for tailscaled knows who asks by the connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
from paramiko import AuthenticationException, PKey, SSHConfig, Transport
from paramiko.auth_strategy import AuthSource, AuthStrategy, InMemoryPrivateKey, NoneAuth

CHECK = 300
"""Seconds for a person to visit the URL of a policy in check mode."""


class Login(AuthStrategy):
    """First none, then the keys there are, which are asked for only then."""

    def __init__(self, user: str, say: Callable[[str], None], keys: Callable[[], Iterable[PKey]]) -> None:
        super().__init__(ssh_config=SSHConfig())
        self.user, self.say, self.keys = user, say, keys

    def get_sources(self) -> Iterator[AuthSource]:
        """Yield what to try, in order."""
        yield Spoken(self.user, self.say)
        yield from (InMemoryPrivateKey(self.user, key) for key in self.keys())


class Spoken(NoneAuth):
    """No authentication; and what the server says meanwhile is shown: in check mode, the URL to visit."""

    def __init__(self, user: str, say: Callable[[str], None]) -> None:
        super().__init__(user)
        self.say = say

    def authenticate(self, transport: Transport) -> Any:
        """Log in.

        Raises:
            AuthenticationException: refused; its text is the server's.
        """
        watch = gevent.spawn(self._watch, transport)
        try:
            return super().authenticate(transport)
        except AuthenticationException as error:
            raise AuthenticationException(banner(transport) or str(error)) from None
        finally:
            watch.kill()

    def _watch(self, transport: Transport) -> None:
        while not banner(transport):
            gevent.sleep(0.1)
        gevent.sleep(0.3)  # a refusal hangs up right behind its reason: that is told once, as the error
        self.say(f"{banner(transport)} (waiting {CHECK // 60} minutes for that)")


def banner(transport: Transport) -> str:
    """Return what the server has said, in one line."""
    # get_banner() forgets it when the server hangs up, as tailscaled does after a refusal
    text = (getattr(transport.auth_handler, "banner", None) or b"").decode(errors="replace")
    return " ".join(text.replace("#", " ").split())
