"""A part of the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from macstate.resource import Resource
    from macstate.scope import Scope


class Entry(BaseModel):
    """A part of the spec: closed, frozen, without silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    section: ClassVar[str] = ""
    """The key at the top of the spec; empty for a part of another entry."""
    named: ClassVar[Any] = None
    """What its names are made of, if the section is a collection keyed by name."""

    former: ClassVar[Mapping[str, str]] = {}
    """Fields that it had once, and what to type instead."""
    becomes: ClassVar[Mapping[str, str]] = {}
    """What a field becomes on the Mac, for `macstate explain`: the command, or the key in a plist."""

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Give the probe what to look at, as (list, value), e.g. ``("label", "com.ollama.server")``."""
        del name
        yield from ()

    def listens_on(self, scope: Scope) -> tuple[int, ...]:
        """Give the loopback ports of its server."""
        del scope
        return ()

    def leads_here(self, port: int, https: int) -> bool:
        """Say whether a route of Serve to this loopback port, from this HTTPS port, was made for it."""
        del port, https
        return False

    def warnings(self, scope: Scope) -> Iterator[str]:
        """Tell what a person should know of it beforehand."""
        del scope
        yield from ()

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Give the resources that this entry stands for on a Mac with these facts."""
        raise NotImplementedError
