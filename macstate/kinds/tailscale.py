"""The node's own preferences in Tailscale."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from macstate.kernel.declaration import Declaration
from macstate.kernel.outputs import Outputs, UnreadableError
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step
from macstate.kinds.serve.document import API, SOCKET

if TYPE_CHECKING:
    from macstate.language.scope import Scope


PREFS = f"{API}/prefs"
PREFERENCES = {"ssh": "RunSSH"}
"""Fields, and what LocalAPI calls them; the same name with `Set` behind it says that the field is meant."""


class TailscaleEntry(Declaration):
    """Preferences of this node in its tailnet."""

    sample: ClassVar[str] = "{ssh: true}"
    section: ClassVar[str] = "tailscale"
    becomes: ClassVar[Mapping[str, str]] = {
        "ssh": "RunSSH in tailscaled's preferences, as `tailscale set --ssh=true|false` sets it"
    }

    ssh: bool | None = None
    """Tailscale SSH: let the tailnet's policy decide who may log in. Only the open-source tailscaled can."""

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the one set of preferences."""
        del name
        if self.ssh:
            scope.facts.node.check_ssh()
        yield Tailscale(key="prefs", ssh=self.ssh)


class Tailscale(Resource):
    """The node's preferences, changed one by one: `tailscale up` would demand all the others with it."""

    kind: ClassVar[str] = "tailscale"
    setting: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = ("tailscale debug prefs",)

    overrides: ClassVar[Mapping[str, str]] = {
        "cut-ssh": "it turns off the Tailscale SSH that this run may come through"
    }

    key: Literal["prefs"] = "prefs"
    ssh: bool | None = None

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read ``RunSSH``. The app's command can print an error with exit status 0, so other output means unknown."""
        text = outputs.get("tailscale debug prefs", "{}")
        try:
            prefs = json.loads(text)
            yield cls(ssh=prefs.get("RunSSH"))
        except (ValueError, AttributeError):
            raise UnreadableError(f"`tailscale debug prefs` did not print JSON: {text[:200].strip()!r}") from None

    def dangers(self, have: Self | None) -> Iterator[str]:
        """Yield the override for turning Tailscale SSH off, through which this run may come."""
        if self.ssh is False and "ssh" in self.unlike(have):
            yield "cut-ssh"

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Set what differs as `tailscale set` would; that program is Homebrew's, and root runs nothing of a user's."""
        mask = {key: value for name in self.unlike(have) for key, value in self._masked(name)}
        words = (
            "curl",
            "-qsS",
            "--fail",
            "--unix-socket",
            SOCKET,
            "-X",
            "PATCH",
            "--data-binary",
            json.dumps(mask),
            PREFS,
        )
        yield Run(words)

    def _masked(self, name: str) -> Iterator[tuple[str, object]]:
        yield PREFERENCES[name], getattr(self, name)
        yield f"{PREFERENCES[name]}Set", True
