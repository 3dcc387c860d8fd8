"""The probe's common part: what is read of every machine."""

from __future__ import annotations

import re
from collections.abc import Mapping

from macstate.errors import MacstateError
from macstate.kernel.probe.replies import Reply
from macstate.kernel.record import Record
from macstate.language.facts import Facts, Laptop, Node
from macstate.language.facts.machine import Machine

CHARACTER = r"[^/\x00-\x1f\x7f\ud800-\udfff]"
SELF = (rf"{CHARACTER}{{1,255}}", r"[0-9]{1,10}", rf"(?=.{{1,255}}$)(/(?!\.{{1,2}}(/|$)){CHARACTER}+)+")
"""Regular expressions for a user's name, number and home."""


def mac(common: Mapping[str, Reply], known: Record) -> Facts:
    """Return the facts of a Mac, with which its entries are expanded."""
    status = common["tailscale status --json"]
    user, uid, home = _user(common)
    return Facts(
        user=user,
        uid=uid,
        home=home,
        sudo=common["sudo"].status == 0,
        recorded=known.fingerprints,
        version=common["sw_vers -productVersion"].output.strip(),
        real={
            name.partition(" ")[2]: section.output.strip()
            for name, section in common.items()
            if name.startswith("realpath ") and section.status == 0
        },
        programs={
            name.partition(" ")[2]: section.output
            for name, section in common.items()
            if name.startswith("about ") and section.status == 0
        },
        machine=Machine.read(
            {name: section.output for name, section in common.items()},
            {
                "missing": _names(common, "missing "),
                "no_folders": _names(common, "no folder "),
                "no_users": _names({name: each for name, each in common.items() if each.status}, "account "),
            },
        ),
        node=Node.read(status.output, status.errors, common["tailscale variant"].output.strip()),
    )


def _names(common: Mapping[str, Reply], start: str) -> frozenset[str]:
    return frozenset(name.removeprefix(start) for name in common if name.startswith(start))


def laptop(common: Mapping[str, Reply], known: Record) -> Facts:
    """Return the facts of the laptop, with which its entries are expanded."""
    user, uid, home = _user(common)
    own = {name.partition(" ")[2]: section.output for name, section in common.items() if name.startswith("own ")}
    return Facts(
        user=user,
        uid=uid,
        home=home,
        recorded=known.fingerprints,
        laptop=Laptop(common["uname"].output.strip(), own),
    )


def _user(common: Mapping[str, Reply]) -> tuple[str, int, str]:
    """Return the user's name, number and home.

    Raises:
        MacstateError: one of them does not have the form of ``SELF``; then nothing is planned.
    """
    said = tuple(common[name].output for name in ("user", "uid", "home"))
    if all(re.fullmatch(form, word.strip()) for form, word in zip(SELF, said, strict=True)):
        return said[0].strip(), int(said[1]), said[2]
    raise MacstateError(f"cannot read the Mac: of its user it says {said}, which is not understood; type `id` there")


def record(common: Mapping[str, Reply]) -> Record:
    """Return the Mac's record, read from root's file and the user's."""
    return Record.read(
        {root: common[name].output for root, name in ((True, "owned"), (False, "user-owned"))},
        {root: common[f"{name}-sum"].output.strip() for root, name in ((True, "owned"), (False, "user-owned"))},
    )


def answers(common: Mapping[str, Reply]) -> dict[str, str]:
    """Return what endpoints answered, if they were asked."""
    names = ("health ", "served ", "age ", "loaded ", "requests")
    return {name: section.output for name, section in common.items() if name.startswith(names)}
