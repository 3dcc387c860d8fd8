"""Print the guide from the spec alone; this laptop's tailnet is read only to complete a Mac's name."""

from __future__ import annotations

import click

from macstate import spec
from macstate.cli import folder
from macstate.cli.target import hosts_of, limited
from macstate.cli.words import meant, targeted
from macstate.endpoint.reach import TAILNET
from macstate.errors import MacstateError
from macstate.guide.guide import Guide
from macstate.transport import terminal
from macstate.transport.ssh import tailnet

FORMS = {"markdown": "guide.md", "llms": "llms.txt", "html": "index.html"}


@click.command("guide")
@targeted
@click.option("--form", type=click.Choice(list(FORMS)), default="markdown", show_default=True, help="What to print.")
@limited
def show_guide(target: str | None, *, form: str, limit: tuple[str, ...]) -> None:
    """Print the guide for people and agents who use TARGET.

    It comes from the spec alone; without TARGET it is about all Macs there.
    """
    folder.check_spec()
    known = spec.load()
    names = list(known.macs)
    if target is not None or limit:
        names = hosts_of(meant(target), limit)
    if form == "html" and len(names) > 1:
        raise MacstateError(f"a page is about one Mac: type `macstate guide {names[0]} --form html`")
    macs = [known.for_host(name).macs[0] for name in names]
    short = any(not mac.entry.hostname.endswith(TAILNET) for mac in macs)
    nodes = tailnet.host_keys() if short else {}
    texts = (Guide.of_spec(mac, nodes).files()[FORMS[form]] for mac in macs)
    terminal.write("\n".join(texts))
