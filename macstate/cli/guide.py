"""Print the guide from the spec alone; this laptop's tailnet is read only to complete a Mac's name."""

from __future__ import annotations

from collections.abc import Mapping

from macstate import console, spec
from macstate.cli import folder
from macstate.cli.commands import FORMS
from macstate.endpoint.reach import TAILNET
from macstate.errors import MacstateError
from macstate.guide.guide import Guide


def show_guide(target: str | None, *, form: str, limit: tuple[str, ...]) -> None:
    """Print the guide for those who use the Macs of a target; without one, all Macs of the spec."""
    folder.check_spec()
    known = spec.load()
    names = _chosen(target, limit) if target is not None or limit else [*known.macs]
    if form == "html" and len(names) > 1:
        raise MacstateError(f"a page is about one Mac: type `macstate guide {names[0]} --form html`")
    macs = [known.for_host(name).macs[0] for name in names]
    nodes = {} if all(mac.entry.hostname.endswith(TAILNET) for mac in macs) else _nodes()
    texts = (Guide.of_spec(mac, nodes).files()[FORMS[form]] for mac in macs)
    console.write("\n".join(texts))


def _chosen(target: str | None, limit: tuple[str, ...]) -> list[str]:
    from macstate.cli.target import hosts_of  # noqa: PLC0415 - pyinfra, which the guide of all Macs does without
    from macstate.cli.words import meant  # noqa: PLC0415 - the same

    return hosts_of(meant(target), limit)


def _nodes() -> Mapping[str, tuple[str, ...]]:
    from macstate.transport.ssh import tailnet  # noqa: PLC0415 - the same

    return tailnet.host_keys()
