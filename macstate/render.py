"""The one Jinja environment: what is missing is an error, and nothing is escaped but where a template says so."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from macstate import blocks

HERE = Path(__file__).parent


@cache
def _environment() -> Environment:
    # in a wheel the templates lie in the package, in the repository beside it
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
    environment.filters["html"] = blocks.as_html
    environment.filters["cell"] = blocks.as_cell
    return environment


def template(file: str, **values: Any) -> str:
    """Fill in ``templates/FILE.j2``."""
    return _environment().get_template(f"{file}.j2").render(**values)
