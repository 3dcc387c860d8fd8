"""Kinds whose resources all live in one document, as the routes of Serve do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Self

from macstate.kernel.change import Change
from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Actual, Resource
from macstate.kernel.steps import Step


class InOneDocument(Resource):
    """A resource of such a kind. One operation writes the whole document."""

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Yield nothing: ``write`` puts all resources of the kind into the document."""
        del have
        yield from ()

    @classmethod
    @abstractmethod
    def disturbed(cls, changes: Sequence[Change], actual: Actual) -> tuple[Self, ...]:
        """Return the resources that do not change, but must be out of the document during these changes."""

    @classmethod
    @abstractmethod
    def written(cls, actual: Actual, gone: Sequence[Self]) -> Outputs:
        """Return what the read commands would print after ``gone`` was taken out."""

    @classmethod
    @abstractmethod
    def write(cls, actual: Actual, wanted: Sequence[Self], gone: Sequence[Self]) -> Iterator[Step]:
        """Yield the steps that write the document with ``wanted`` put in and ``gone`` taken out."""
