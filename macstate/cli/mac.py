"""Commands about the state of a Mac: status, doctor, logs, awake, journal."""

from __future__ import annotations

import json
import sys
import time
from base64 import b64decode
from datetime import datetime, timedelta

import click
from pyinfra.api.host import Host
from pyinfra.api.state import State

from macstate import spec
from macstate.cli import jobs, logs
from macstate.cli.target import limited, on_each
from macstate.cli.words import about, targeted, worded
from macstate.errors import MacstateError
from macstate.kernel import journal
from macstate.language.types import seconds
from macstate.review import planned, report, status
from macstate.review.preflight import running
from macstate.review.report.styled import Styled
from macstate.transport import connect, terminal

POLL = 1.0
"""Seconds between two readings of a command that follows."""
COLOURS = {"ok": "green", "note": "green", "accepted": "green", "warning": "yellow", "error": "red"}


@click.command("status")
@targeted
@click.option("-f", "--follow", is_flag=True, help="Stay until everything is up and every model is here.")
@limited
def show_status(target: str | None, *, follow: bool, limit: tuple[str, ...]) -> None:
    """Show how each endpoint of TARGET is.

    Its routes, the models that are on their way, and whether the Mac may sleep.

    Exits with 0 when all is well or on its way, 1 when something is down or not as the spec says.
    """
    fine = []

    def look(state: State, host: Host) -> None:
        terminal.say(f"{host.name}:") if len(state.inventory) > 1 else None
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
            terminal.say(*line)
        fine.append(seen.fine)

    reached = on_each(target, limit, (), look)
    sys.exit(not (reached and all(fine)))


@click.command("doctor")
@targeted
@limited
def doctor(target: str | None, *, limit: tuple[str, ...]) -> None:
    """Say what does not work on TARGET, or could not.

    It is what is down, and what every plan checks beforehand, with what is well.

    Exits with 0 when nothing stands in the way, 1 otherwise.
    """
    errors: list[str] = []

    def look(state: State, host: Host) -> None:
        terminal.say(f"{host.name}:") if len(state.inventory) > 1 else None
        seen = connect.review(host, dry=True, healths=True)
        for each in (*seen.findings, *running.findings(seen.declared, seen.actual, seen.plan)):
            terminal.say(Styled(f"{each.level:8}", COLOURS[each.level]), f"  {each.about}: {each.text}")
            errors.extend([f"{each.about}: {each.text}"] * (each.level == "error"))
        for line in (*report.left(seen.plan), *seen.refusals):
            if not line.startswith(tuple(errors)):
                terminal.say(Styled(f"{'error':8}", COLOURS["error"]), f"  {line}")
                errors.append(line)

    reached = on_each(target, limit, (), look)
    sys.exit(not reached or bool(errors))


@click.command("logs")
@worded("NAME", lambda: jobs.everywhere(logs.named))
@click.option("-n", "lines", default=50, show_default=True, help="How many lines of what is there.")
@click.option("-f", "--follow", is_flag=True, help="Stay, and show what comes.")
@click.option("--raw", is_flag=True, help="Let the log's own colours pass.")
@limited
def show_logs(words: tuple[str | None, str], *, lines: int, follow: bool, raw: bool, limit: tuple[str, ...]) -> None:
    """Show the log of NAME.

    NAME is an endpoint, `gateway`, `gateway.access` (its requests), `ENDPOINT.watchdog`, or any other job; TARGET is
    needed where several Macs have it. What would do something to the terminal is shown escaped.
    """
    target, name = about(words, limit, logs.named), words[1]

    def look(_state: State, host: Host) -> None:
        try:
            for text in logs.tail(host, name, lines, POLL if follow else None):
                terminal.write(text, colours=raw)
        finally:
            terminal.write(terminal.RESET if raw else "", colours=raw)

    sys.exit(not on_each(target, limit, (), look))


@click.command("awake")
@worded("DURATION")
@limited
def awake(words: tuple[str | None, str], *, limit: tuple[str, ...]) -> None:
    """Keep TARGET awake for DURATION (90m, 2h), once.

    What the spec says of sleep holds again afterwards.
    """
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
        terminal.say(f"{host.name} stays awake until {day}{until:%H:%M} (caffeinate, process {process})")

    sys.exit(not on_each(target, limit, (), keep))


@click.command("log")
@targeted
@click.option("-n", "count", default=20, show_default=True, help="How many runs, the last ones.")
@click.option("--json", "as_json", is_flag=True, help="Print the journal's own lines.")
@limited
def show_journal(target: str | None, *, count: int, as_json: bool, limit: tuple[str, ...]) -> None:
    """Show what was done on TARGET, when and by whom.

    It has every run that changed something or failed.
    """

    def look(_state: State, host: Host) -> None:
        text = b64decode("".join(connect.run_script(host, journal.READ))).decode("utf-8", "replace")
        runs = list(journal.entries(text))[-count:]
        for entry in runs:
            for line in [json.dumps(entry)] if as_json else journal.told(entry):
                terminal.say(line)
        if not runs and not as_json:
            terminal.say(f"{host.name}: nothing was done here yet")

    sys.exit(not on_each(target, limit, (), look, laptop=True))


COMMANDS = (show_status, doctor, show_logs, awake, show_journal)
