"""`macstate plan`: show the plan on the terminal or as JSON, and save it to a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyinfra.api.host import Host
from pyinfra.api.state import State

from macstate import console, files, spec
from macstate.cli import folder
from macstate.cli.commands import CLEAN, ERROR, PENDING
from macstate.cli.target import on_each
from macstate.errors import MacstateError
from macstate.kernel.change import Plan
from macstate.review import plan_json, report
from macstate.transport import connect, terminal


def show_plan(  # noqa: PLR0913 - one parameter an option is how click works
    target: str | None,
    *,
    as_json: bool,
    out: Path | None,
    summary: bool,
    only: tuple[str, ...],
    limit: tuple[str, ...],
    data: tuple[str, ...],
    verbose: bool,
) -> None:
    """Show what would change on the Macs of a target, and end with how it is."""
    plans: dict[str, Plan] = {}
    data = (*data, *([f"only={','.join(only)}"] if only else []))
    about: tuple[str, ...] = ()
    if out:
        out = folder.typed(out)
        _check(out)

    def look(state: State, host: Host) -> None:
        nonlocal about
        seen = connect.review(host, dry=True)
        plans[host.name], about = seen.plan, seen.declared.only
        if summary:
            console.say(f"{host.name}: {report.summary(host.name, seen.plan, about)}")
        elif not as_json:
            terminal.show(seen, several=len(state.inventory) > 1, steps=verbose)
        seen.check()

    fine = on_each(target, limit, data, look, laptop=True)
    document = plan_json.as_json(plans, spec.load().digest, about)
    if as_json:
        console.write(f"{document}\n")
    if out and fine:
        _save(out, f"{document}\n")
    elif out:
        console.say(f"--out {out}: not written, since something above stands against this plan", err=True)
    fine = fine and not any(each.left for each in plans.values())
    sys.exit(ERROR if not fine else PENDING if any(each.changes for each in plans.values()) else CLEAN)


def _check(out: Path) -> None:
    """Refuse a path that cannot be written; a link stands for its file, a pipe for its reader."""
    place = os.path.realpath(out)
    if not os.access(place if _is_special(place) else os.path.dirname(place), os.W_OK):  # noqa: PTH120 - the same words
        raise MacstateError(f"--out {out}: cannot be written; name a file in a folder that is there, and yours")


def _is_special(place: str) -> bool:
    return os.path.exists(place) and not os.path.isfile(place)  # noqa: PTH110, PTH113 - pathlib's raise


def _save(out: Path, text: str) -> None:
    place = os.path.realpath(out)
    try:
        if _is_special(place):
            out.write_text(text, encoding="utf-8")
        else:
            files.write(Path(place), text)
    except OSError as error:
        raise MacstateError(f"--out {out}: {error.strerror}; what was there stays") from None
