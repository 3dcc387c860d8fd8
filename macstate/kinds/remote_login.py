"""Remote Login: whether macOS' own SSH server answers. Tailscale SSH is another server, which does not need it.

It is read and set in launchd, since `systemsetup` wants Full Disk Access for whoever calls it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Resource
from macstate.kinds.apple_service import AppleService, script_of

if TYPE_CHECKING:
    from macstate.language.scope import Scope

LABEL = "com.openssh.sshd"


class RemoteLoginEntry(Declaration):
    """Remote Login (macOS' own SSH server, port 22)."""

    sample: ClassVar[str] = "{enabled: true}"
    section: ClassVar[str] = "remote_login"
    short: ClassVar[Any] = bool
    becomes: ClassVar[Mapping[str, str]] = {"enabled": f"`launchctl enable|disable` of {LABEL}"}

    enabled: bool
    """Whether it answers. Who may log in is set in System Settings; Tailscale SSH does not need it."""

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the one switch."""
        del name, scope
        yield RemoteLogin(enabled=self.enabled)


class RemoteLogin(AppleService):
    """macOS' SSH server, whose job runs only while somebody is connected."""

    kind: ClassVar[str] = "remote_login"
    label: ClassVar[str] = LABEL
    plist: ClassVar[str] = "/System/Library/LaunchDaemons/ssh.plist"
    script: ClassVar[str] = script_of(LABEL)

    key: Literal["sshd"] = "sshd"
