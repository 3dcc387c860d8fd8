"""Kinds with something in force that cannot be read back, as the configuration that a server has taken in."""

from __future__ import annotations

from macstate.kernel.resource import Resource


class Reloaded(Resource):
    """A resource of such a kind; what it has taken in last is known from the record's fingerprint alone."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The ids of what it takes in when it is changed: where one of these changes, it has to be changed too."""
        return ()

    @property
    def taken_in(self) -> str:
        """Why it is changed though nothing that can be read differs."""
        return "what it reads has changed"

    def config_loaded(self, recorded: str) -> bool:
        """Say whether what the record holds of the last change is what is wished now."""
        return recorded == self.fingerprint
