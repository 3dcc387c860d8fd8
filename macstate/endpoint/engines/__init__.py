"""The engines, one module each: the folder is the list of what can be typed as ``engine``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from macstate.endpoint.engine import Engine
from macstate.language.folder import choices

ENGINES: Mapping[str, Engine] = choices(__name__, __path__, "ENGINE")
"""The engines by name."""
if TYPE_CHECKING:
    EngineName = str
else:
    EngineName = Literal[tuple(ENGINES)]
