"""Kinds through which other machines reach something on the Mac, as the routes of Serve."""

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
        """Return which desired server the internet reaches through it without a key; empty if none."""
