"""Kinds of which somebody else's things may be in the way of ours, as a launchd job that has our port."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping

from macstate.kernel.resource import Actual, Resource
from macstate.kernel.steps import Step


class Contested(Resource):
    """A resource of such a kind."""

    @classmethod
    @abstractmethod
    def in_the_way(
        cls, desired: Mapping[str, Resource], actual: Actual, going: Collection[str]
    ) -> Iterator[tuple[Resource, Resource | None, str]]:
        """Yield (resource, what is left of it, why) of all that macstate did not make and that is in the way of a wish.

        ``going``: the ids of what is ours and is removed.
        """

    def displace(self) -> Iterator[Step]:
        """Take away what is somebody else's; what can be kept is set aside."""
        yield from self.remove()
