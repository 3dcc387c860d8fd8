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
        """Whether it is kept, and nothing of it runs or answers now."""
        return False

    def job_label(self, name: str) -> str:
        """Return the launchd label of its job; empty: it has none that a person calls by a name."""
        del name
        return ""

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the probe what to look at, as (list, value), e.g. ``("label", "com.ollama.server")``."""
        del name
        yield from ()

    @abstractmethod
    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the resources that it stands for on a Mac with these facts."""
