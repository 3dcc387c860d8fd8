"""Kinds by which others than the Mac itself reach something on it, as by the routes of Serve."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from macstate.kernel.resource import Resource


class Exposed(Resource):
    """A resource of such a kind."""

    @property
    @abstractmethod
    def public(self) -> bool:
        """Whether the internet reaches it."""

    @abstractmethod
    def unguarded(self, desired: Mapping[str, Resource]) -> str:
        """Say what the internet reaches by it without a key, of what is wished; empty: nothing."""
