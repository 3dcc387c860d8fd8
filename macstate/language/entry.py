"""A part of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from macstate.language import meant


class Frozen(BaseModel):
    """The base of declared and actual models: closed, frozen, without silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    def __init_subclass__(cls, **more: Any) -> None:
        """Forget the annotations of class variables that a base has told pydantic of."""
        super().__init_subclass__(**more)
        cls._forget()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Forget those that pydantic has read now."""
        cls._forget()

    @classmethod
    def _forget(cls) -> None:
        for name in cls.__class_vars__:  # pydantic would evaluate each anew for each class below: a thousand in all
            cls.__annotations__.pop(name, None)


class Entry(Frozen):
    """A part of the spec."""

    section: ClassVar[str] = ""
    """The key at the top of the spec; empty if the entry is part of another one."""
    named: ClassVar[Any] = None
    """The type of its names, if the section is a collection keyed by name."""

    short: ClassVar[Any] = None
    """The type that may be typed in place of the fields; ``written_out`` turns such a value into fields."""
    sample: ClassVar[str] = ""
    """Example fields of a whole entry, as they are typed; NAME stands for its name."""
    former: ClassVar[Mapping[str, str]] = {}
    """Old names of fields, or fields that people look for here, and what to type instead; VALUE stands for theirs."""
    becomes: ClassVar[Mapping[str, str]] = {}
    """What a field sets on the Mac, for `macstate explain`: the command, or the key in a plist."""

    @classmethod
    def written_out(cls, name: str, value: Any) -> Any:
        """Return the long form of a short value from one layer of the spec; return any other value unchanged.

        True and false say whether the entry is on, or, if it has no such field, whether it exists with its defaults;
        a text is its name.
        """
        del name
        if cls.short is str and isinstance(value, str):
            return {"name": value}
        if cls.short is not bool or not isinstance(value, bool):
            return value
        if "enabled" in cls.model_fields:
            return {"enabled": value}
        return {} if value else None

    @classmethod
    def sample_of(cls, name: str) -> str:
        """Return example fields of a whole entry of this name."""
        return cls.sample.replace("NAME", meant.name(name))

    @classmethod
    def instead(cls, name: str, value: Any) -> str:
        """Return what to type in place of a value that is not a mapping; empty if there is no suggestion."""
        text = cls.sample_of(name)
        return text.replace("true", "false") if value is False else text

    @classmethod
    def completed(cls, name: str, value: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of the merged fields with defaults that depend on the name.

        It is called when all layers lie over one another, and must not change ``value``.
        """
        del name
        return value
