"""What a run needs once the Mac has answered, made while the login waits for it.

Models build what they check with, and templates their code, when they are first used: a fifth of the time that a run
without changes takes on the laptop.
"""

from __future__ import annotations

from contextlib import suppress

from pyinfra.api.host import Host

from macstate import spec
from macstate.language.facts import FUNNEL_PORTS, Facts, Node
from macstate.transport import hosts, ops  # noqa: F401 - ops is what deploy.py needs next


def make(host: Host) -> None:
    """Expand a Mac's entries once: what is made on the way is kept, the resources are not."""
    with suppress(Exception):  # what is wrong is told when the Mac itself is planned
        mac, declared = spec.load().macs[host.name], hosts.declared(host.name)
        facts = Facts(
            user=mac.user,
            home=f"/Users/{mac.user}",
            node=Node(mac.hostname, capabilities=frozenset({"https", "funnel", f"{FUNNEL_PORTS}1-65535"})),
            programs={value.partition(" ")[2]: "" for name, value in declared.lists if name == "gateway"},
        )
        declared.expanded(facts)
