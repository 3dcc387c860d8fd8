"""Kinds whose foreign resources may be in the way of a desired one, as a launchd job that has our port."""

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
        """Yield (resource, what is left of it, why) for each foreign resource that is in the way of a desired one.

        ``going`` has the ids of macstate's own resources that are removed.
        """

    def displace(self) -> Iterator[Step]:
        """Yield the steps that remove this foreign resource; what can be kept is set aside."""
        yield from self.remove()
