"""On a Mac that nobody minds: read it, carry a small spec out, find nothing left, take all of it away again.

Reads and changes the machine it runs on with the very scripts that go over SSH. It fails where anything but a user's
own agents cannot be read, or where the machine is not as the spec says afterwards.
"""

import subprocess
import time

import click

from macstate import spec
from macstate.kernel import probe, scripts
from macstate.kernel.plan import plan
from macstate.kernel.resource import Actual
from macstate.kernel.session import Session
from macstate.kinds import KINDS
from macstate.review import report
from macstate.spec.declared import Declared

NAME = "runner"
MAC = "macs: {runner: {hostname: runner.invalid, user: runner}}\n"
MORE = """
power: {ac: {sleep: 0}}
files: {/etc/macstate-runner.conf: {content: "written by a test\\n"}}
launchd: {macstate.runner: {command: [/bin/sleep, "600"]}}
"""
HIDDEN = ("launchd/gui/", "tailscale/", "serve/")
"""What a Mac without a session at its screen, or without Tailscale, does not show."""
PATIENCE = 15
"""Seconds until pmset and launchd show what they were told."""


def run(words: list[str], lines: list[str]) -> list[str]:
    """Run one of our scripts, as it would run over SSH, and give what it prints."""
    text = "\n".join(lines) + "\n"
    return subprocess.run(words, input=text, stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()


def look(declared: Declared) -> Actual:
    """Read the machine; whatever cannot be read ends the test."""
    mark = probe.mark()
    actual = probe.parse(KINDS, run(["/bin/sh", "-c", probe.script(KINDS)], probe.stdin(declared.lists, mark)), mark)
    unread = {name: why for name, why in actual.unreadable.items() if not name.startswith(HIDDEN)}
    assert not unread, unread
    assert actual.facts.version, "sw_vers was not understood"
    return actual


def make(text: str) -> None:
    """Make the machine what a spec says, and look again."""
    wishes = spec.parse(text, "runner.yml").for_host(NAME)
    actual = look(wishes)
    todo = plan(wishes.expand(actual.facts), actual)
    click.echo("\n".join(report.text(NAME, todo, steps=True)))
    session = Session(actual, todo)
    for batch in todo.batches:
        words = ["sudo", "-n", "sh", "-c", scripts.apply()]
        said = run(words if batch.root else words[2:], session.payload(batch, NAME))
        assert said, batch.titles
        assert said[-1].startswith("macstate: done: "), said
        session.sums[batch.root] = said[-1].removeprefix("macstate: done: ")
    end = time.monotonic() + PATIENCE
    while (left := plan(wishes.expand((again := look(wishes)).facts), again)).changes:
        assert time.monotonic() < end, "\n".join(report.text(NAME, left))
        time.sleep(1)


if __name__ == "__main__":
    for each in (MAC + MORE, MAC + MORE.replace("600", "900"), MAC):
        make(each)
