"""Log in to Tailscale SSH with paramiko: first without a key, since tailscaled knows the asker by the connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
from paramiko import AuthenticationException, PKey, SSHConfig, Transport
from paramiko.auth_strategy import AuthSource, AuthStrategy, InMemoryPrivateKey, NoneAuth

CHECK = 300
"""Seconds for the user to visit the URL that a policy in check mode gives."""


class Login(AuthStrategy):
    """Try "none" first, then the available keys, which are read only then."""

    def __init__(self, user: str, say: Callable[[str], None], keys: Callable[[], Iterable[PKey]]) -> None:
        super().__init__(ssh_config=SSHConfig())
        self.user, self.say, self.keys = user, say, keys

    def get_sources(self) -> Iterator[AuthSource]:
        """Yield the methods to try, in order."""
        yield Spoken(self.user, self.say)
        yield from (InMemoryPrivateKey(self.user, key) for key in self.keys())


class Spoken(NoneAuth):
    """Authentication "none", which also shows what the server says meanwhile: in check mode, the URL to visit."""

    def __init__(self, user: str, say: Callable[[str], None]) -> None:
        super().__init__(user)
        self.say = say

    def authenticate(self, transport: Transport) -> Any:
        """Log in.

        Raises:
            AuthenticationException: the server refused; the text is the server's.
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
        gevent.sleep(0.3)  # a refusing server hangs up right after its reason, which is then shown once, as the error
        self.say(f"{banner(transport)} (waiting {CHECK // 60} minutes for that)")


def banner(transport: Transport) -> str:
    """Return what the server has said, as one line."""
    # get_banner() forgets the text when the server hangs up, as tailscaled does after a refusal
    text = (getattr(transport.auth_handler, "banner", None) or b"").decode(errors="replace")
    return " ".join(text.replace("#", " ").split())
