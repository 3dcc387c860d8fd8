"""Kinds whose resources all live in one document, as the routes of Serve do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Self

from macstate.kernel.change import Change
from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Found, Resource
from macstate.kernel.steps import Step


class InOneDocument(Resource):
    """A resource of such a kind; the document is written whole, by one operation."""

    @classmethod
    @abstractmethod
    def disturbed(cls, changes: Sequence[Change], found: Found) -> tuple[Self, ...]:
        """Give what is to stay as it was found, and must be out of the document while these changes are carried out."""

    @classmethod
    @abstractmethod
    def written(cls, found: Found, gone: Sequence[Self]) -> Outputs:
        """Give what would be read after ``gone`` was taken out."""

    @classmethod
    @abstractmethod
    def write(cls, found: Found, wished: Sequence[Self], gone: Sequence[Self]) -> Iterator[Step]:
        """Write the document with ``wished`` put in and ``gone`` taken out."""
