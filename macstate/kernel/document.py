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
    """A resource of such a kind; the document is written whole, by one operation."""

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Do nothing for this one alone: ``write`` puts all of them into the document."""
        del have
        yield from ()

    @classmethod
    @abstractmethod
    def disturbed(cls, changes: Sequence[Change], actual: Actual) -> tuple[Self, ...]:
        """Return what stays as it is, and must be out of the document while these changes are carried out."""

    @classmethod
    @abstractmethod
    def written(cls, actual: Actual, gone: Sequence[Self]) -> Outputs:
        """Return what would be read after ``gone`` was taken out."""

    @classmethod
    @abstractmethod
    def write(cls, actual: Actual, wanted: Sequence[Self], gone: Sequence[Self]) -> Iterator[Step]:
        """Write the document with ``wished`` put in and ``gone`` taken out."""
