"""Commands about the state of a Mac: status, doctor, logs, awake, journal."""

from __future__ import annotations

import json
import sys
import time
from base64 import b64decode
from datetime import datetime, timedelta

from pyinfra.api.host import Host
from pyinfra.api.state import State

from macstate import console, spec
from macstate.cli import jobs, logs
from macstate.cli.target import on_each
from macstate.cli.words import about
from macstate.errors import MacstateError
from macstate.kernel import journal
from macstate.language.types import seconds
from macstate.review import planned, report, status
from macstate.review.preflight import running
from macstate.review.report.styled import Styled
from macstate.transport import connect

POLL = 1.0
"""Seconds between two readings of a command that follows."""
COLOURS = {"ok": "green", "note": "green", "accepted": "green", "warning": "yellow", "error": "red"}


def show_status(target: str | None, *, follow: bool, limit: tuple[str, ...]) -> None:
    """Show how each endpoint of a target is; with ``follow``, until everything is up."""
    fine = []

    def look(state: State, host: Host) -> None:
        console.say(f"{host.name}:") if len(state.inventory) > 1 else None
        with status.Screen() as screen:
            while True:
                declared = spec.load().for_host(host.name)
                actual = connect.look(host, declared, healths=True, usage=True)
                todo, _ = planned(declared, actual, connect.keys(host, actual, dry=True))
                seen = status.Status(declared, actual, todo, connect.reaches(host))
                if not (follow and seen.goes_on):
                    break
                screen.show(seen)
                time.sleep(POLL)
        for line in seen.lines():
            console.say(*line)
        fine.append(seen.fine)

    reached = on_each(target, limit, (), look)
    sys.exit(not (reached and all(fine)))


def doctor(target: str | None, *, limit: tuple[str, ...]) -> None:
    """Say what does not work on the Macs of a target, or could not."""
    errors: list[str] = []

    def look(state: State, host: Host) -> None:
        console.say(f"{host.name}:") if len(state.inventory) > 1 else None
        seen = connect.review(host, dry=True, healths=True)
        for each in (*seen.findings, *running.findings(seen.declared, seen.actual, seen.plan)):
            console.say(Styled(f"{each.level:8}", COLOURS[each.level]), f"  {each.about}: {each.text}")
            errors.extend([f"{each.about}: {each.text}"] * (each.level == "error"))
        for line in (*report.left(seen.plan), *seen.refusals):
            if not line.startswith(tuple(errors)):
                console.say(Styled(f"{'error':8}", COLOURS["error"]), f"  {line}")
                errors.append(line)

    reached = on_each(target, limit, (), look)
    sys.exit(not reached or bool(errors))


def show_logs(words: tuple[str | None, str], *, lines: int, follow: bool, raw: bool, limit: tuple[str, ...]) -> None:
    """Show the log of a job; only with ``raw`` its colours pass."""
    target, name = about(words, limit, jobs.logs), words[1]

    def look(_state: State, host: Host) -> None:
        try:
            for text in logs.tail(host, name, lines, POLL if follow else None):
                console.write(text, colours=raw)
        finally:
            console.write(console.RESET if raw else "", colours=raw)

    sys.exit(not on_each(target, limit, (), look))


def awake(words: tuple[str | None, str], *, limit: tuple[str, ...]) -> None:
    """Keep the Macs of a target awake for a time."""
    target, duration = words
    try:
        count = seconds(duration)
    except ValueError as error:
        raise MacstateError(str(error)) from None
    if count < 1:
        raise MacstateError(f"{duration} is no time at all; type 1s or more")

    def keep(_state: State, host: Host) -> None:
        # the process must outlive the session, and must not keep it open
        script = 'trap "" HUP; caffeinate -i -t "$1" </dev/null >/dev/null 2>&1 & sleep 0.5; kill -0 $! && echo $! || :'
        process = "".join(connect.run_script(host, script, str(count)))
        if not process.isdecimal():
            raise MacstateError("caffeinate did not start; try it on the Mac itself")
        now = datetime.now().astimezone()
        until = now + timedelta(seconds=count)
        day = f"{until:%Y-%m-%d} " if until.date() != now.date() else ""
        console.say(f"{host.name} stays awake until {day}{until:%H:%M} (caffeinate, process {process})")

    sys.exit(not on_each(target, limit, (), keep))


def show_journal(target: str | None, *, count: int, as_json: bool, limit: tuple[str, ...]) -> None:
    """Show the last runs on the Macs of a target, from their journals."""

    def look(_state: State, host: Host) -> None:
        text = b64decode("".join(connect.run_script(host, journal.READ))).decode("utf-8", "replace")
        runs = list(journal.entries(text))[-count:]
        for entry in runs:
            for line in [json.dumps(entry)] if as_json else journal.told(entry):
                console.say(line)
        if not runs and not as_json:
            console.say(f"{host.name}: nothing was done here yet")

    sys.exit(not on_each(target, limit, (), look, laptop=True))
