"""The guide's beginning: from a new device to its first successful request."""

from __future__ import annotations

from collections.abc import Iterator

from macstate.guide import requests as guide_requests
from macstate.guide.blocks import Block, Chapter, code, points, text
from macstate.guide.subject import Subject

INSTALL = (
    "macOS: `brew install --cask tailscale-app`, or the app from tailscale.com/download",
    "iPhone, iPad: Tailscale from the App Store; Android: from Google Play",
    "Windows: `winget install Tailscale.Tailscale`, or the installer from tailscale.com/download",
    "Linux: `curl -fsSL https://tailscale.com/install.sh | sh`, then `sudo tailscale up`",
)
"""How to install Tailscale: one line for each system."""


def connect(guide: Subject) -> Chapter:
    """Return the chapter on how a new device reaches the Mac, and what to ask it first."""
    tailnet = guide.via == "tailnet" or not guide.public
    return Chapter("Connect", (*(_tailnet(guide) if tailnet else _internet()), *_first(guide)))


def _tailnet(guide: Subject) -> Iterator[Block]:
    yield text("Install Tailscale on the device:")
    yield points(INSTALL)
    yield text(
        "Log in with the same Tailscale account as this Mac; whoever has an account of their own asks the Mac's owner "
        "first. Then look for the Mac (on Windows with `findstr` in place of `grep`):"
    )
    yield code("sh", "laptop", [f"tailscale status | grep {guide.node}"])
    yield text(
        "One line is printed. If there is none, the device is in another tailnet, or the tailnet's policy does not "
        "let it reach this Mac. `offline` means that the Mac is asleep, off, or without a network."
    )


def _internet() -> Iterator[Block]:
    yield text("All you need is the URL and a key. Tailscale is not needed.")


def _first(guide: Subject) -> Iterator[Block]:
    if first := guide.first:
        if first.needs_key(guide.via):
            yield from guide_requests.key(guide)
        yield text(f"The first request, to {first.name}:")
        yield code("sh", "laptop", guide_requests.asked(first, guide.via))
    if guide.via == "tailnet":
        if guide.page:
            agents = f"{guide.page.removesuffix('macstate/')}llms.txt"
            yield text(
                f"On a phone, open `{guide.page}` in the browser: this guide, and what is up now. The same in Markdown "
                f"is at `{guide.page}guide.md`, a short form for agents at `{agents}`."
            )
        yield text(
            "Connect every further device of the family the same way. It needs nothing else, and nothing changes on "
            "the Mac."
        )
        if guide.public:
            names = ", ".join(f"{each.name} at `{each.base('funnel')}`" for each in guide.public)
            yield text(f'Without Tailscale, the URL and a key are enough for {names}: see "From the internet".')
