"""The guide on the terminal, from the spec alone: nobody is asked."""

from __future__ import annotations

import click

from macstate import spec
from macstate.errors import MacstateError
from macstate.services.guide import Guide

FORMS = {"markdown": "guide.md", "llms": "llms.txt", "html": "index.html"}


@click.command("guide")
@click.argument("mac", required=False)
@click.option("--form", type=click.Choice(list(FORMS)), default="markdown", show_default=True, help="What to print.")
def show_guide(mac: str | None, form: str) -> None:
    """Print the guide for people and agents who use MAC, a name in the spec; default: all Macs."""
    known = spec.load()
    names = [mac] if mac else list(known.macs)
    if form == "html" and len(names) > 1:
        raise MacstateError(f"a page is about one Mac: type `macstate guide {names[0]} --form html`")
    texts = (Guide.of_spec(known.for_host(name).macs[0]).files()[FORMS[form]] for name in names)
    click.echo("\n".join(texts), nl=False)
