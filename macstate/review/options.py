"""The options that macstate takes from pyinfra's ``--data KEY=VALUE``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Self

from macstate.errors import MacstateError
from macstate.kernel.session import LOCK_WAIT


@dataclass(frozen=True)
class Options:
    """The options of one run."""

    allow: str = ""
    """The overrides, separated by commas."""
    only: tuple[str, ...] = ()
    """The entries that the run is about; empty means all."""
    lock_wait: int = LOCK_WAIT
    """Seconds to wait for a run that holds the lock."""

    @classmethod
    def read(cls, data: Mapping[str, object]) -> Self:
        """Return the options that were typed; a key unlike all of ours is pyinfra's, or an inventory's own.

        Raises:
            MacstateError: a key is misspelt, or a value is invalid.
        """
        known = [field.name for field in fields(cls)]
        for word in data:
            near = get_close_matches(str(word), known, n=1, cutoff=0.7)
            if near and word not in known:
                raise MacstateError(f"--data {word}: not known; did you mean --data {near[0]}=…?")
        wait = str(data.get("lock_wait", LOCK_WAIT))
        if not re.fullmatch("[0-9]{1,5}", wait):
            said = "not a whole number of seconds below 100,000"
            raise MacstateError(f"lock_wait={wait}: {said}; type --data lock_wait={LOCK_WAIT}")
        only = (place.strip() for place in str(data.get("only", "")).split(","))
        return cls(str(data.get("allow", "")), tuple(place for place in only if place), int(wait))
