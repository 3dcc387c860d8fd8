"""A laptop that runs the product's own deploy.py against rehearsal Macs, in this process, with its wire watched."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pyinfra
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State, StateStage
from pyinfra.context import ctx_config, ctx_inventory, ctx_state
from pyinfra_cli.util import load_deploy_file

from macstate.rehearsal.connector import RehearsalConnector
from macstate.rehearsal.mac import birth
from macstate.review import Review, plan_json
from macstate.transport import terminal

ROOT = Path(__file__).parent.parent
VALID = jsonschema.Draft202012Validator(json.loads((ROOT / "macstate/plan.schema.json").read_text()))
REFERENCE = (ROOT / "group_data/macs.yml").read_text()
Wire = Callable[[int, list[str]], list[str]]
"""Sees the number of a remote command and its standard input, and gives the input that is sent instead."""


Answer = Callable[[int, Any], Any]
"""Sees the number of a remote command and what pyinfra gives of it, and gives what the product gets instead."""


SHOWN = 0.6
"""Seconds after which a simulated Mac shows what was changed by hand: pmset and launchd take a moment."""


class CutError(OSError):
    """The connection is gone."""


@dataclass
class Outcome:
    """What a person would have seen, and what went over the wire."""

    failed: bool = False
    commands: int = 0
    bytes: int = 0
    """What went over the wire in both directions, without the scripts themselves."""
    said: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    """What succeeded."""
    shown: list[Review] = field(default_factory=list)
    """What was shown, and is a valid document for scripts too."""


class Watched(RehearsalConnector):
    """The rehearsal, with every exec, put and get counted, and perhaps cut."""

    outcome: Outcome
    wire: Wire | None = None
    answer: Answer | None = None
    cut_after: int | None = None

    def run_shell_command(
        self, command: Any, print_output: bool = False, print_input: bool = False, **arguments: Any
    ) -> Any:
        cls = type(self)
        cls.outcome.commands += 1
        number = cls.outcome.commands
        if cls.cut_after is not None and number > cls.cut_after:
            raise CutError("cut")
        if cls.wire:
            arguments["_stdin"] = cls.wire(number, arguments["_stdin"])
        answer = super().run_shell_command(command, print_output, print_input, **arguments)
        lines = (*(arguments.get("_stdin") or ()), *(line.line for line in answer[1].combined_lines))
        cls.outcome.bytes += sum(len(line.encode("utf-8", "surrogateescape")) + 1 for line in lines)
        if cls.answer:
            answer = cls.answer(number, answer)
        if number == cls.cut_after:
            raise CutError("cut")
        return answer


class Collect(logging.Handler):
    """Keeps what pyinfra logs."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def shown(reviews: list[Review]) -> Iterator[None]:
    """Keep every plan that is shown, and hold its JSON against the published schema."""
    show = terminal.show

    def keep(seen: Review, *, several: bool, steps: bool) -> None:
        reviews.append(seen)
        VALID.validate(json.loads(plan_json.as_json({seen.name: seen.plan}, seen.spec, seen.declared.only)))
        show(seen, several=several, steps=steps)

    terminal.show = keep
    try:
        yield
    finally:
        terminal.show = show


def copy(source: Path, target: Path) -> None:
    """Put a whole copy in the target's place; once more, where a pull in the background has moved a file meanwhile."""
    for last in (False, False, False, False, True):
        try:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, symlinks=True)
        except OSError:  # shutil's own Error is one
            if last:
                raise
        else:
            return


@dataclass
class Laptop:
    """A folder with specs and rehearsals."""

    folder: Path
    count: int = 0
    connector: type[Watched] = Watched

    def mac(self, name: str = "macstudio") -> Path:
        """Say where a Mac lies."""
        return self.folder / "macs" / name

    def keep(self, name: str = "macstudio") -> Path:
        """Copy a Mac aside."""
        self.count += 1
        aside = self.folder / f"kept{self.count}"
        copy(self.mac(name), aside)
        return aside

    def put_back(self, kept: Path, name: str = "macstudio") -> None:
        """Make a Mac what was copied aside."""
        copy(kept, self.mac(name))

    def run(  # noqa: PLR0913 - each disturbs another part
        self,
        text: str,
        *names: str,
        dry: bool = False,
        wire: Wire | None = None,
        answer: Answer | None = None,
        cut_after: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> Outcome:
        """Run deploy.py with this spec, as `pyinfra @rehearsal/NAME deploy.py -y` (or --dry) does."""
        self.count += 1
        file = self.folder / f"spec{self.count}.yml"
        file.write_text(text)
        os.environ.update(MACSTATE_SPEC=str(file), MACSTATE_REHEARSAL=str(self.folder / "macs"))
        outcome = Outcome()
        watched = type(
            "Watched",
            (self.connector,),
            {
                "outcome": outcome,
                "wire": staticmethod(wire) if wire else None,
                "answer": staticmethod(answer) if answer else None,
                "cut_after": cut_after,
            },
        )
        with logs(outcome.said), shown(outcome.shown):
            state = State(check_for_changes=dry)
            state.cwd = str(ROOT)
            inventory = Inventory(
                ([f"@rehearsal/{name}" for name in names or ("macstudio",)], {}), override_data=data or {}
            )
            for host in inventory:
                host.connector_cls = watched
            with ctx_state.use(state), ctx_inventory.use(inventory), ctx_config.use(Config()):
                state.init(inventory, Config())
                try:
                    self._deploy(state, dry=dry)
                except PyinfraError as error:
                    outcome.said += str(getattr(error, "message", error)).splitlines()
                    outcome.failed = True
                outcome.rows = [name for op in state.get_op_order() for name in state.op_meta[op].names]
                outcome.done = [
                    f"{host.name} {name}"
                    for host in inventory
                    for op in host.op_hash_order
                    for name in state.op_meta[op].names
                    if state.ops[host][op].operation_meta.did_succeed(_raise_if_not_complete=False)
                ]
                outcome.failed = outcome.failed or bool(state.failed_hosts)
        return outcome

    def _deploy(self, state: State, *, dry: bool) -> None:
        state.set_stage(StateStage.Connect)
        connect_all(state)
        state.set_stage(StateStage.Prepare)
        state.current_op_file_number = 0
        load_deploy_file(state, str(ROOT / "deploy.py"))
        if not dry:
            state.set_stage(StateStage.Execute)
            run_ops(state)

    def wait_for_models(self, name: str = "macstudio") -> None:
        """Wait until everything was pulled that a run has queued: what is copied has no worker."""
        end = time.monotonic() + 60
        while list(self.mac(name).glob("Users/*/.local/state/macstate/pulls/*/*")):
            assert time.monotonic() < end
            time.sleep(0.05)

    def calls(self, name: str = "macstudio") -> list[list[str]]:
        """Give every call of a simulated tool so far."""
        return [json.loads(line)[2] for line in (self.mac(name) / ".mac/calls").read_text().splitlines()]

    def command(self, text: str, name: str = "macstudio") -> None:
        """Do something on a Mac by hand, as `exec -- 'CMD'` does."""
        self.output(text, name)

    def output(self, text: str, name: str = "macstudio") -> str:
        """Do something on a Mac by hand, and give what it prints."""
        words = ["/bin/sh", "-c", f"cd; {text}"]
        done = subprocess.run(words, env=birth.environment(self.mac(name)), capture_output=True, text=True, check=False)
        return done.stdout


@contextmanager
def logs(said: list[str]) -> Iterator[None]:
    """Collect what pyinfra logs."""
    handler = Collect(said)
    pyinfra.logger.addHandler(handler)
    pyinfra.logger.setLevel(logging.INFO)
    pyinfra.is_cli = True
    try:
        yield
    finally:
        pyinfra.logger.removeHandler(handler)


def changes(outcome: Outcome) -> list[str]:
    """Give the rows of pyinfra's table, without verify's."""
    return [row for row in outcome.rows if not row.startswith("verify")]


def snapshot(folder: Path) -> dict[str, bytes]:
    """Give what lies in a folder, without what the simulated tools note for themselves."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    names = {str(path.relative_to(folder)): path for path in files}
    skip = (".mac/calls", ".mac/pycache", ".mac/lock")
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(skip)}


def open_to_others(folder: Path, text: str) -> list[Path]:
    """Give the files that hold a text and that others than their owner may read."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if path.stat().st_mode & 0o077 and text.encode() in path.read_bytes()]
