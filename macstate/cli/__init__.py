"""Our own commands, to look: plan, status, doctor, logs, schema. Carrying out is pyinfra's own command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import State

from macstate import connect, ops, plan_json, report, spec
from macstate.change import Plan
from macstate.cli.guide import show_guide
from macstate.cli.mac import COMMANDS, limited
from macstate.cli.target import on_each
from macstate.errors import MacstateError

CLEAN, ERROR, PENDING = 0, 1, 2


def complete_path(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Complete the path of a field."""
    from macstate.explain import Schema  # noqa: PLC0415 - the same

    parent, _, last = begun.rpartition(".")
    with suppress(MacstateError):
        names = Schema().fields(parent)
        return [f"{parent}.{name}" if parent else name for name in names if name.startswith(last)]
    return []


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="macstate")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of a defect.")
def macstate() -> None:
    """Say what a Mac shall be in YAML; see what that would change. `pyinfra inventory.py deploy.py` carries it out."""


@macstate.command("plan")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option(
    "--out", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write the plan as JSON to a file."
)
@click.option("--summary", is_flag=True, help="One line a Mac.")
@click.option("--only", multiple=True, metavar="PATH", help="Only this entry and what it needs: endpoints.vllm.")
@limited
@click.option("--data", multiple=True, metavar="KEY=VALUE", help="As pyinfra's --data, e.g. allow=takeover.")
@click.option("-v", "verbose", is_flag=True, help="Show the commands too.")
def show_plan(  # noqa: PLR0913 - one parameter an option is how click works
    target: str,
    *,
    as_json: bool,
    out: Path | None,
    summary: bool,
    only: tuple[str, ...],
    limit: tuple[str, ...],
    data: tuple[str, ...],
    verbose: bool,
) -> None:
    """Show what would change on TARGET: an inventory file, or @rehearsal/NAME.

    Exits with 0 when nothing is to be done, 2 when changes are pending, 1 on an error.
    """
    plans: dict[str, Plan] = {}
    data = (*data, *([f"only={','.join(only)}"] if only else []))

    def look(state: State, host: Host) -> None:
        seen = connect.review(host, dry=True)
        plans[host.name] = seen.plan
        if summary:
            click.echo(f"{host.name}: {report.summary(host.name, seen.plan)}")
        elif not as_json:
            ops.show(state, host, seen, steps=verbose)
        seen.check(str(host.data.get("allow", "")))

    fine = on_each(target, limit, data, look, laptop=True)
    if as_json:
        click.echo(plan_json.as_json(plans, spec.load().digest))
    if out:
        out.write_text(plan_json.as_json(plans, spec.load().digest) + "\n")
    sys.exit(ERROR if not fine else PENDING if any(each.changes for each in plans.values()) else CLEAN)


@macstate.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of the spec, for editors."""
    from macstate.schema import schema  # noqa: PLC0415 - it reads the sources: not for every run

    click.echo(schema())


@macstate.command("explain")
@click.argument("path", default="", shell_complete=complete_path)
def show_explanation(path: str) -> None:
    """Explain a field of the spec by its path, e.g. endpoints.ollama.port."""
    from macstate.explain import explain  # noqa: PLC0415 - the same

    click.echo("\n".join(explain(path)))


@macstate.command("completion")
@click.argument("shell", type=click.Choice(["zsh", "bash"]))
def show_completion(shell: str) -> None:
    """Print what makes a shell complete macstate's words: `eval "$(macstate completion zsh)"`."""
    found = get_completion_class(shell)
    if found:
        click.echo(found(macstate, {}, "macstate", "_MACSTATE_COMPLETE").source())


for command in (*COMMANDS, show_guide):
    macstate.add_command(command)


def main(run: Callable[..., Any] = macstate) -> None:
    """Run the command; what a user can fix is one line."""
    sys.path.append(".")
    try:
        run(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(ERROR)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(ERROR)
    except PyinfraError as error:
        click.echo(f"macstate: {error}", err=True)
        sys.exit(ERROR)
    except BrokenPipeError:  # `macstate schema | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        said = f"{type(error).__name__}: {error}"
        click.echo(f"macstate: unexpected {said} (a defect of macstate); `--debug` shows where", err=True)
        sys.exit(ERROR)
