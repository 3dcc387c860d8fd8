"""What the words behind a command mean: TARGET, which may be left out, and the one word of its own beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import click

import macstate.transport  # noqa: F401 - pyinfra's gevent patches what stands below before that is loaded
from macstate import hint, spec
from macstate.cli import folder, jobs
from macstate.errors import MacstateError, near
from macstate.spec.declared import location
from macstate.spec.reading import Spec

OWN = ("@mac", "@rehearsal")
"""Our own connectors, which take the spec's names."""


@dataclass(frozen=True)
class Target:
    """The Macs that a command is about."""

    inventory: str
    """What pyinfra takes as inventory: a file, or ``@connector/NAME``."""
    mac: str = ""
    """The only Mac of the inventory that is meant; empty: all."""


def told_apart(name: str, context: click.Context, words: tuple[str, ...]) -> tuple[str | None, str]:
    """Return TARGET, or None, and the command's own word, which its help calls ``name``.

    Raises:
        click.UsageError: there is no word, or there are too many.
    """
    if not words:
        raise click.UsageError(f"Missing argument '{name}'.", context)
    if len(words) > 2:  # noqa: PLR2004 - TARGET and the word
        raise click.UsageError(f"Got unexpected extra argument ({words[2]})", context)
    first, second = words if len(words) > 1 else (None, words[0])
    if first is not None and is_target(second) and not is_target(first):
        first, second = second, first
    hint.about(first)
    return first, second


def is_target(word: str) -> bool:
    """Return whether a word can be a TARGET; a word that ends in .py or has a slash is a file."""
    return _is_place(word) or word in _spec().macs


def _spec() -> Spec:
    folder.check_spec()
    return spec.load()


def _is_place(word: str) -> bool:
    return word.startswith("@") or word.endswith(".py") or "/" in word


def meant(word: str | None) -> Target:
    """Return the target of a typed TARGET: a Mac's name, a file, or ``@connector/NAME``; None: the nearest inventory.

    Raises:
        MacstateError: there is no inventory, or nothing has that name.
    """
    if word is None and folder.has_inventory():
        return Target(folder.INVENTORY)
    if word is None:
        folder.check()
        why = f"there is no {folder.INVENTORY} here or in a folder above that is yours"
        raise MacstateError(f"{why}; go to where it is, or name a Mac of the spec, @rehearsal/NAME or a file")
    if word.startswith("@"):
        _check_own(word)
        return Target(word)
    if _is_place(word):
        return Target(str(folder.typed(word)))
    known = _spec()
    if word not in known.macs:
        if not word.strip("."):
            first = next(iter(known.macs))
            raise MacstateError(
                f"{word or repr(word)}: no Mac; type e.g. {first}, @rehearsal/{first} or ./{folder.INVENTORY}"
            )
        if word in jobs.everywhere(jobs.named):
            raise MacstateError(f"{word}: an endpoint or a job, and this takes a Mac; type {_of_a_job(word, known)}")
        there = os.path.isfile(folder.typed(word))  # noqa: PTH113 - pathlib's fails on what cannot be a name
        file = f"; an inventory of that name is typed with its path: ./{word}" if there else ""
        said = f"{word or repr(word)}: no Mac is called that; the spec has {', '.join(known.macs)}"
        raise MacstateError(f"{said}{near(word, known.macs)}{file}")
    return Target(folder.INVENTORY if folder.has_inventory() else f"@mac/{word}", word)


def _check_own(word: str) -> None:
    """Refuse a Mac, or a rehearsal of one, that the spec lacks; like pyinfra, accept several with commas."""
    known = _spec()
    for each in word.split(","):
        kind, _, name = each.partition("/")
        if kind in OWN and name not in known.macs:
            there = [f"{kind}/{mac}" for mac in known.macs]
            raise MacstateError(
                f"{each}: no Mac is called that; type {' or '.join(there)}{near(each, there) if name else ''}"
            )


def _of_a_job(name: str, known: Spec) -> str:
    """Return the command about a job that was probably meant."""
    command = click.get_current_context().command_path
    places = {pair[0]: location(*pair) for mac in known.macs for pair in known.for_host(mac).entries}
    if command.endswith(" plan") and name in places:
        return f"`{command} --only {places[name]}`"
    return f"`{command}`, or `macstate logs {name}`"


def about(words: tuple[str | None, str], limit: tuple[str, ...], names: jobs.Names) -> Target:
    """Return the target of a command about a job; without a TARGET it is the only Mac that has the job.

    Raises:
        MacstateError: no Mac has the job, or several have it.
    """
    target, name = words
    if target is not None:
        return meant(target)
    folder.check(name)
    macs = jobs.macs_with(name, names)
    if len(macs) == 1:
        return meant(macs[0])
    if macs and limit:
        return meant(None)
    command = click.get_current_context().command_path
    if macs:
        there = f"{', '.join(macs[:-1])} and {macs[-1]}"
        raise MacstateError(f"{name}: {there} have it; say which: `{command} {macs[0]} {name}`")
    known = jobs.everywhere(names)
    if is_target(name):
        raise MacstateError(f"{name}: a Mac, and of it what? Type `{command} {name} NAME`, one of {', '.join(known)}")
    if why := jobs.lacks_watchdog(name, known):
        raise MacstateError(why)
    advice = near(name, [*spec.load().macs, *known]) or f"; there are {', '.join(known) or 'none'}"
    raise MacstateError(f"{name}: no Mac and no endpoint is called that{advice}")
