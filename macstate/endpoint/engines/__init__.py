"""The engines, one module each: the folder is the list of what can be typed as ``engine``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal

from macstate.endpoint.engine import Engine


def _all() -> Mapping[str, Engine]:
    found: list[Engine] = [import_module(f"{__name__}.{module.name}").ENGINE for module in iter_modules(__path__)]
    return {engine.name: engine for engine in sorted(found, key=lambda engine: (engine.order, engine.name))}


ENGINES = _all()
"""The engines by name."""
if TYPE_CHECKING:
    EngineName = str
else:
    EngineName = Literal[tuple(ENGINES)]
