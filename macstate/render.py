"""The one Jinja environment: an undefined value is an error, and text is escaped only if a template says so."""

from __future__ import annotations

import html
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent


@cache
def _environment() -> Environment:
    # the templates lie inside the package in a wheel, and beside it in the repository
    loader = ChoiceLoader([FileSystemLoader(HERE / "templates"), FileSystemLoader(HERE.parent / "templates")])
    environment = Environment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files
    )
    environment.filters["regex"] = re.escape
    environment.filters["quote"] = shlex.quote
    environment.filters["html"] = as_html
    environment.filters["cell"] = as_cell
    return environment


def template(file: str, **values: Any) -> str:
    """Return ``templates/FILE.j2`` filled in with the values."""
    return _environment().get_template(f"{file}.j2").render(**values)


def as_html(words: str) -> str:
    """Return a text escaped for HTML; words between backquotes become code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


def as_cell(words: str) -> str:
    """Return a text that fits into one cell of a Markdown table."""
    return words.replace("|", "\\|").replace("\n", " ")
