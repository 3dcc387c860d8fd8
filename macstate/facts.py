"""What wishes are expanded with: the few things about a Mac that the spec cannot know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from macstate.errors import MacstateError


@dataclass(frozen=True)
class Facts:
    """Read by the probe, in the same remote command as everything else."""

    user: str = ""
    uid: int = 501
    home: str = ""
    sudo: bool = False
    """Whether ``sudo -n`` works: no password is needed."""
    version: str = ""
    """The macOS version, e.g. ``26.5.2``."""
    real: Mapping[str, str] = field(default_factory=dict)
    """Paths with their symbolic links resolved."""
    tailnet_name: str = ""
    tailnet_problem: str = ""

    @property
    def dns_name(self) -> str:
        """The Mac's name in its tailnet, from the Mac itself.

        Raises:
            MacstateError: tailscaled does not run or is not logged in.
        """
        if not self.tailnet_name:
            raise MacstateError(
                f"routes need the Mac's tailnet name, which cannot be read: {self.tailnet_problem or 'no answer'}; "
                "start tailscaled and log in (`sudo tailscale up`), then run again"
            )
        return self.tailnet_name

    def home_of(self, user: str) -> str:
        """Give a user's home folder: the SSH user's as the Mac says, another's at macOS' usual place."""
        return self.home if user == self.user else f"/Users/{user}"


def tailnet_name(status: str, errors: str) -> tuple[str, str]:
    """Read (DNS name, what is wrong) from ``tailscale status --json``."""
    try:
        node = json.loads(status)
        state = node.get("BackendState", "")
    except (ValueError, AttributeError):
        return "", errors or status.strip() or "`tailscale status` answers nothing"
    if state != "Running":
        return "", f"tailscaled is in state {state}"
    return str((node.get("Self") or {}).get("DNSName", "")).rstrip("."), ""
