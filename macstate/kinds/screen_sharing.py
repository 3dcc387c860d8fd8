"""Screen Sharing: off can be enforced and proven; for on, only the service can be proven.

Since macOS 12.1 the rights to see and to control the screen are granted only in System Settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Resource
from macstate.kinds.apple_service import AppleService, script_of

if TYPE_CHECKING:
    from macstate.language.scope import Scope

LABEL = "com.apple.screensharing"


class ScreenSharingEntry(Declaration):
    """Screen Sharing (VNC on port 5900)."""

    sample: ClassVar[str] = "{enabled: true}"
    section: ClassVar[str] = "screen_sharing"
    short: ClassVar[Any] = bool
    becomes: ClassVar[Mapping[str, str]] = {"enabled": f"`launchctl enable|disable` of {LABEL}"}

    enabled: bool
    """Whether the service runs. Who may see and control is granted once, in System Settings."""

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the one switch."""
        del name, scope
        yield ScreenSharing(enabled=self.enabled)


class ScreenSharing(AppleService):
    """The service, but not who may use it."""

    kind: ClassVar[str] = "screen_sharing"
    label: ClassVar[str] = LABEL
    plist: ClassVar[str] = "/System/Library/LaunchDaemons/com.apple.screensharing.plist"
    script: ClassVar[str] = script_of(LABEL)

    key: Literal["service"] = "service"

    def note(self, have: Self | None) -> str:
        """Return what a person must do at the Mac when the service is turned on, since no command can."""
        on = self.enabled and not (have and have.enabled)
        return (
            "at the Mac, once: System Settings > General > Sharing > Screen Sharing (i) says who may control it"
            if on
            else ""
        )
