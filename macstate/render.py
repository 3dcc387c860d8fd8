"""The one Jinja environment: an undefined value is an error, and text is escaped only if a template says so."""

from __future__ import annotations

import html
import re
import shlex
import sys
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment

HERE = Path(__file__).parent


@cache
def _environment() -> Environment:
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - slow to load

    # the templates lie inside the package in a wheel, and beside it in the repository
    loader = ChoiceLoader([FileSystemLoader(HERE / "templates"), FileSystemLoader(HERE.parent / "templates")])
    environment = Environment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=None if sys.flags.dont_write_bytecode else _compiled(),  # pyinfra sets sys.dont_write_bytecode
        autoescape=False,  # noqa: S701 - configuration files
    )
    environment.filters["regex"] = re.escape
    environment.filters["quote"] = shlex.quote
    environment.filters["html"] = as_html
    environment.filters["cell"] = as_cell
    return environment


def _compiled() -> BytecodeCache:
    """Return where Jinja's code is kept: beside Python's, since to make it anew takes half as long as a whole plan."""
    from jinja2 import FileSystemBytecodeCache, __version__  # noqa: PLC0415 - slow to load
    from jinja2.bccache import Bucket  # noqa: PLC0415 - the same

    made_by = f"{__version__}\n{Path(__file__).read_text(encoding='utf-8')}"

    class Compiled(FileSystemBytecodeCache):
        def get_source_checksum(self, source: str) -> str:
            return super().get_source_checksum(f"{made_by}{source}")  # options and filters are in the code too

        def load_bytecode(self, bucket: Bucket) -> None:
            try:
                super().load_bytecode(bucket)
            except Exception:  # noqa: BLE001 - a file that was cut off may raise anything
                bucket.reset()

        def dump_bytecode(self, bucket: Bucket) -> None:
            with suppress(OSError):  # it is another user's folder, or the disk is full
                super().dump_bytecode(bucket)

    return Compiled(str(Path(cache_from_source(__file__)).parent), f"%s.{sys.implementation.cache_tag}.j2")


def template(file: str, **values: Any) -> str:
    """Return ``templates/FILE.j2`` filled in with the values."""
    return _environment().get_template(f"{file}.j2").render(**values)


def as_html(words: str) -> str:
    """Return a text escaped for HTML; words between backquotes become code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


def as_cell(words: str) -> str:
    """Return a text that fits into one cell of a Markdown table."""
    return words.replace("|", "\\|").replace("\n", " ")
