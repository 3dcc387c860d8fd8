"""An entry of the spec that stands for resources."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

from macstate.language.entry import Entry

if TYPE_CHECKING:
    from macstate.kernel.resource import Resource
    from macstate.language.scope import Scope


class Declaration(Entry):
    """An entry of the spec that stands for resources."""

    @property
    def is_off(self) -> bool:
        """Whether the entry is switched off: its objects are kept, but nothing runs or answers."""
        return False

    def job_label(self, name: str) -> str:
        """Return the launchd label of the entry's job; empty if it has no job that a person calls by name."""
        del name
        return ""

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield what the probe is to look at, as (list, value), e.g. ``("label", "com.ollama.server")``."""
        del name
        yield from ()

    @abstractmethod
    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the resources that the entry stands for on the Mac of this scope."""
