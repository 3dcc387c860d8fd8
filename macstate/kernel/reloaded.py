"""Kinds that take in something which cannot be read back, as a server its configuration."""

from __future__ import annotations

from macstate.kernel.resource import Resource


class Reloaded(Resource):
    """A resource of such a kind. Only the record's fingerprint tells what it has taken in."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The ids of the resources that it takes in when it is changed; if one changes, it has to be changed too."""
        return ()

    @property
    def taken_in(self) -> str:
        """Why it is changed although no field differs."""
        return "what it reads has changed"

    def config_loaded(self, recorded: str) -> bool:
        """Return whether the recorded fingerprint is that of the desired configuration."""
        return recorded == self.fingerprint
