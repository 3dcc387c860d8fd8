"""`macstate explain` and `macstate schema`: what may stand in the spec."""

from __future__ import annotations

import click

from macstate import console
from macstate.spec.explain import explain
from macstate.spec.reference import reference


def show_schema() -> None:
    """Print the JSON Schema of the spec."""
    from macstate.spec.schema import schema  # noqa: PLC0415 - the models of the spec: a field is explained without

    console.write(f"{schema()}\n")


def show_explanation(path: str, *, whole: bool) -> None:
    """Explain a field of the spec, or all of them."""
    if whole and path:
        raise click.UsageError(f"--reference is about all fields, and takes no {path!r}.")
    if whole:
        console.write("".join(f"{line}\n" for line in reference()))
        return
    for line in explain(path):
        console.say(line)
