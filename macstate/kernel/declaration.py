"""An entry of the spec that stands for resources."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

from macstate.language.entry import Entry

if TYPE_CHECKING:
    from macstate.kernel.resource import Resource
    from macstate.language.scope import Scope
    from macstate.language.types import Warned


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

    def made(self, name: str, identifier: str) -> bool:
        """Say whether a resource of ours was made for it, as its id shows, though the spec has it no longer."""
        del name, identifier
        return False

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the probe what to look at, as (list, value), e.g. ``("label", "com.ollama.server")``."""
        del name
        yield from ()

    def listens_on(self, scope: Scope) -> tuple[int, ...]:
        """Return the loopback ports of its server."""
        del scope
        return ()

    def leads_here(self, port: int, https: int) -> bool:
        """Say whether a route of Serve to this loopback port, from this HTTPS port, was made for it."""
        del port, https
        return False

    def warnings(self, scope: Scope) -> Iterator[tuple[Warned, str]]:
        """Tell what a person should know of it beforehand, each with its name."""
        del scope
        yield from ()

    @abstractmethod
    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the resources that it stands for on a Mac with these facts."""
