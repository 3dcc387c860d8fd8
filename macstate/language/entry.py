"""A part of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from macstate.language import meant


class Frozen(BaseModel):
    """What is wished or found: closed, frozen, without silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Entry(Frozen):
    """A part of the spec."""

    section: ClassVar[str] = ""
    """The key at the top of the spec; empty for a part of another entry."""
    named: ClassVar[Any] = None
    """What its names are made of, if the section is a collection keyed by name."""

    short: ClassVar[Any] = None
    """What may be typed in place of its fields, and ``written_out`` makes fields of."""
    sample: ClassVar[str] = ""
    """Fields that make a whole one, as they are typed; NAME stands for its name."""
    former: ClassVar[Mapping[str, str]] = {}
    """Fields that it had once, or that are looked for here, and what to type instead; VALUE stands for theirs."""
    becomes: ClassVar[Mapping[str, str]] = {}
    """What a field becomes on the Mac, for `macstate explain`: the command, or the key in a plist."""

    @classmethod
    def written_out(cls, name: str, value: Any) -> Any:
        """Return the long form of what is typed short, of one layer of the spec; anything else as it is.

        True and false are whether it is on, or whether it is there at all with its defaults.
        """
        del name
        if cls.short is not bool or not isinstance(value, bool):
            return value
        if "enabled" in cls.model_fields:
            return {"enabled": value}
        return {} if value else None

    @classmethod
    def sample_of(cls, name: str) -> str:
        """Return the fields of a whole one of this name."""
        return cls.sample.replace("NAME", meant.name(name))

    @classmethod
    def instead(cls, name: str, value: Any) -> str:
        """Say what to type in place of a value that is no mapping; empty: nothing is near."""
        text = cls.sample_of(name)
        return text.replace("true", "false") if value is False else text

    @classmethod
    def completed(cls, name: str, value: dict[str, Any]) -> dict[str, Any]:
        """Return it with what goes by the name and nobody wrote, when all layers lie over one another; change none."""
        del name
        return value
