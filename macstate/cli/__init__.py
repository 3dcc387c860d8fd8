"""The commands of `macstate`: plan, status, doctor, logs and others. pyinfra's own command carries changes out."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

from macstate import console
from macstate.cli import commands, folder
from macstate.cli.commands import COMPLETES, ERROR
from macstate.errors import lacking, near, oneline

DEBUG = "--debug"
APPLY = ("apply", "deploy", "up", "run")
"""Words that a user may try for what pyinfra's own command does."""
DAILY = """\
What there is to type, day by day:
  macstate plan                      what would change
  pyinfra inventory.py deploy.py     carry it out; it shows the plan, and asks
  macstate status                    how each endpoint is, and what is on its way
  macstate logs NAME -f              the log of an endpoint or of `gateway`, as it grows
  macstate doctor                    why something could not work
`macstate --help` tells all the others, `macstate plan --help` what one takes.
"""


class Commands(click.Group):
    """The commands by name; a mistyped name gets a suggestion."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of a name.

        Raises:
            click.UsageError: there is no command of that name.
        """
        if args and args[0] in APPLY:
            raise click.UsageError(f"`pyinfra inventory.py deploy.py` carries out what `{self.name} plan` shows.", ctx)
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f"No such command {args[0]!r}{near(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(package_name="macstate")
@click.option(DEBUG, is_flag=True, expose_value=False, help="Show the traceback of a defect.")
@click.pass_context
def macstate(context: click.Context) -> None:
    """Say what a Mac shall be in YAML; see what that would change. `pyinfra inventory.py deploy.py` carries it out.

    TARGET is a Mac's name in the YAML, @rehearsal/NAME for a rehearsal of it, or the path of an inventory. Left out, it
    is inventory.py, here or in a folder above, with all its Macs; `--limit` takes some of them.
    """
    console.plain()
    if context.invoked_subcommand is None:
        console.write(DAILY)
    else:
        context.obj = folder.enter()


for command in commands.COMMANDS:
    macstate.add_command(command)


def main(run: Callable[..., Any] = macstate) -> None:
    """Run the command, and print an error that the user can fix as one line; ``--debug`` may stand anywhere."""
    try:
        run([word for word in sys.argv[1:] if word != DEBUG], prog_name="macstate", standalone_mode=False)
    except click.UsageError as error:
        _misused(error)
        sys.exit(ERROR)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(ERROR)
    except BrokenPipeError:  # `macstate schema | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # noqa: BLE001 - every error is reported
        if DEBUG in sys.argv:
            console.write(traceback.format_exc(), err=True)
        elif isinstance(error, click.ClickException):
            error.show()
        elif _is_pyinfras(error):
            console.say(f"macstate: {oneline(str(error))}", err=True)
        elif isinstance(error, ModuleNotFoundError) and str(error.name).startswith("macstate."):
            how = "type `.venv/bin/python -m uv run -q macstate plan`, or install it again"
            console.say(f"macstate: what is installed is of another version than the code ({error}); {how}", err=True)
        elif isinstance(error, OSError) and error.errno:
            console.say(f"macstate: {oneline(lacking(error))}; nothing more was done", err=True)
        else:
            said = oneline(f"{type(error).__name__}: {error}")
            console.say(f"macstate: unexpected {said} (a defect of macstate); `--debug` shows where", err=True)
        sys.exit(ERROR)


def _misused(error: click.UsageError) -> None:
    if COMPLETES in os.environ:  # the line is still being typed
        return
    name = error.ctx.command_path if error.ctx else "macstate"
    said = oneline(" ".join(error.format_message().split()))
    stop = "" if said.endswith((".", "?", "!")) else "."
    console.say(f"{name}: {said}{stop} `{name} --help` tells more", err=True)


def _is_pyinfras(error: Exception) -> bool:
    from pyinfra.api.exceptions import PyinfraError  # noqa: PLC0415 - `macstate explain` can fail without pyinfra

    return isinstance(error, PyinfraError)
