"""A folder whose modules are the choices of a field: each makes one, and a new module is a new choice."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def choices(package: str, path: Iterable[str], variable: str) -> dict[str, Any]:
    """Return what each module of a package has in ``variable``, by its ``name``, in their ``order``."""
    found = [getattr(import_module(f"{package}.{module.name}"), variable) for module in iter_modules(path)]
    return {each.name: each for each in sorted(found, key=lambda each: (each.order, each.name))}
