"""The spec: where it is, and what stands in it. Its models are loaded once somebody wants them."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from macstate import files
from macstate.errors import MacstateError

if TYPE_CHECKING:
    from macstate.spec.reading import Spec

DEFAULT = "group_data/macs.yml"
LARGEST = 500_000
"""Most bytes of a spec; a real one has less than a tenth of that."""


def path() -> Path:
    """Return the path of the spec: ``MACSTATE_SPEC``, otherwise ``group_data/macs.yml`` here."""
    return Path(os.environ.get("MACSTATE_SPEC") or DEFAULT)


def load() -> Spec:
    """Return the spec, which is read once a run.

    Raises:
        MacstateError: the file cannot be read, or has mistakes: one line each.
    """
    return _load(path())


def contents(file: Path) -> str:
    """Return the text of a spec's file.

    Raises:
        MacstateError: the file cannot be read, or is not UTF-8.
    """
    try:
        return files.read(file, LARGEST).decode()
    except OSError as error:
        raise MacstateError(f"{file}: {error.strerror}; run this where {DEFAULT} is, or set MACSTATE_SPEC") from None
    except UnicodeDecodeError as error:
        raise MacstateError(f"{file}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None


@cache
def _load(file: Path) -> Spec:
    return parse(contents(file), str(file))


def parse(text: str, file: str) -> Spec:
    """Return the spec of a text.

    Raises:
        MacstateError: the text has mistakes.
    """
    from macstate.spec import reading  # noqa: PLC0415 - the models of all kinds: `macstate explain` does without

    return reading.parse(text, file)
