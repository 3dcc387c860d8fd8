"""What of Serve macstate did not make, and would be reached by others than now if the wished routes were put in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from macstate.resources import serve_document
from macstate.resources.serve_document import Address, addresses

if TYPE_CHECKING:
    from macstate.found import Found
    from macstate.resource import Resource
    from macstate.resources.serve import Serve

STAYS = "stays for the tailnet alone"


def conflicts(
    kind: type[Serve], wishes: Mapping[str, Resource], found: Found, leaving: Collection[str]
) -> Iterator[tuple[Serve, Serve | None, str]]:
    """Give (what was found, what is left of it, why), what the internet reaches or would reach first.

    Raises:
        UnreadableError: the document that was found is none.
    """
    here = {name: each for name, each in found.resources.items() if isinstance(each, kind)}
    wished = [each for each in wishes.values() if isinstance(each, kind)]
    coming = [each for each in wished if each.unlike(here.get(each.id))]
    going = [each for each in here.values() if each.id in leaving]
    if not coming and not going:
        return
    name, ports = found.facts.node.name, {each.port: each.id for each in coming}
    held = [each for each in here.values() if each.key.startswith("foreground:") and each.port in ports]
    then = {_place(each): each for each in addresses(kind.changed(found, coming, [*going, *held]))}
    reasons: dict[str, tuple[bool, str]] = {}
    for each in addresses(serve_document.found_in(found.outputs[kind.kind])):
        identifier = f"{kind.kind}/{kind.key_of(each, name)}"
        was, later = here.get(identifier), then.get(_place(each))
        foreign = was and not was.before and identifier not in wishes
        if foreign and (why := _why(each, later, ports.get(each.port, ""))):
            reasons[identifier] = "internet" not in {each.audience, later and later.audience}, why
    for identifier, (behind, why) in sorted(reasons.items(), key=lambda reason: (reason[1][0], reason[0])):
        was = here[identifier].model_copy(update={"behind": behind, "stays": why.startswith(STAYS)})
        yield was, was.model_copy(update={"funnel": False}) if was.stays else None, why


def _place(each: Address) -> tuple[str, str, str, str]:
    return each.part, each.host, each.port, each.mount


def _why(now: Address, then: Address | None, route: str) -> str:
    """Say what would happen to it, for a route of ours that comes to its port; empty: nothing."""
    if now.part == "foreground":
        return f"a process in the foreground has port {now.port}, which {route} needs" if route else ""
    if then is None or then.scheme != now.scheme or (then.audience == "nobody" != now.audience):
        how = (
            f"forwards port {now.port} to {now.target}"
            if not now.host
            else f"is served by {now.scheme or 'nobody'} on port {now.port}"
        )
        return f"{how}, which {route} needs for https"
    if then.audience == now.audience:
        return ""
    if then.audience == "internet":
        return f"would be open to the internet: Funnel opens a whole port{f', and {route} needs it' if route else ''}"
    if now.audience == "nobody":
        return f"nobody can reach it now, and beside {route} the tailnet could"
    whose = f"{route} is for the tailnet" if route else "macstate had turned it on here"
    return f"{STAYS}: Funnel opens a whole port, and {whose}"
