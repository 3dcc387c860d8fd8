"""``macstate plan`` and ``macstate schema``: to look. Carrying out is pyinfra's own command."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from gevent import monkey

monkey.patch_all()

from pyinfra import logger  # noqa: E402 - pyinfra wants gevent's patches first
from pyinfra.api.config import Config  # noqa: E402
from pyinfra.api.connect import connect_all, disconnect_all  # noqa: E402
from pyinfra.api.exceptions import PyinfraError  # noqa: E402
from pyinfra.api.state import State, StateStage  # noqa: E402
from pyinfra.context import ctx_config, ctx_inventory, ctx_state  # noqa: E402
from pyinfra_cli.inventory import make_inventory  # noqa: E402
from pyinfra_cli.util import parse_cli_arg  # noqa: E402

from macstate import connect, guard, ops, report, spec  # noqa: E402
from macstate.change import Plan  # noqa: E402
from macstate.errors import MacstateError  # noqa: E402
from macstate.plan import plan  # noqa: E402

CLEAN, ERROR, PENDING = 0, 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="macstate")
def macstate() -> None:
    """Say what a Mac shall be in YAML; see what that would change. `pyinfra inventory.py deploy.py` carries it out."""


@macstate.command("plan")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option(
    "--out", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write the plan as JSON to a file."
)
@click.option("--limit", multiple=True, help="Only this Mac (can be repeated).")
@click.option("--data", multiple=True, metavar="KEY=VALUE", help="As pyinfra's --data, e.g. allow=takeover.")
@click.option("-v", "verbose", is_flag=True, help="Show the commands too.")
def show_plan(  # noqa: PLR0913 - one parameter an option is how click works
    target: str, *, as_json: bool, out: Path | None, limit: tuple[str, ...], data: tuple[str, ...], verbose: bool
) -> None:
    """Show what would change on TARGET: an inventory file, or @rehearsal/NAME.

    Exits with 0 when nothing is to be done, 2 when changes are pending, 1 on an error.
    """
    overrides = {key: parse_cli_arg(value) for key, _, value in (item.partition("=") for item in data)}
    state = _connect(target, overrides, limit)
    plans: dict[str, Plan] = {}
    failed = False
    try:
        for host in [host for host in state.inventory if host in state.activated_hosts]:
            try:
                wishes = spec.load().for_host(host.name)
                found = connect.look(host, wishes)
                plans[host.name] = plan(wishes.expand(found.facts, connect.keys(host, dry=True)), found)
                if not as_json:
                    ops.show(state, host, wishes.warnings, report.text(host.name, plans[host.name], steps=verbose))
                guard.check(plans[host.name], found.facts.node, str(host.data.get("allow", "")))
            except MacstateError as error:
                failed = True
                error.on(host.name).show()
    finally:
        disconnect_all(state)
    if as_json:
        click.echo(report.as_json(plans))
    if out:
        out.write_text(report.as_json(plans) + "\n")
    failed = failed or len(plans) < len([host for host in state.inventory if state.is_host_in_limit(host)])
    sys.exit(ERROR if failed else PENDING if any(each.changes for each in plans.values()) else CLEAN)


@macstate.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of the spec, for editors."""
    from macstate.schema import schema  # noqa: PLC0415 - it reads the sources: not for every run

    click.echo(schema())


def _connect(target: str, overrides: dict[str, Any], limit: tuple[str, ...]) -> State:
    """Connect as pyinfra's own command would."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    logger.addHandler(handler)
    os.environ.setdefault("PYINFRA_PROGRESS", "off")
    if not (target.startswith("@") or Path(target).exists()):
        raise MacstateError(f"{target}: no such inventory file; type inventory.py, or @rehearsal/NAME for a rehearsal")
    state = State()
    state.cwd = str(Path.cwd())
    with ctx_state.use(state), ctx_config.use(Config()):
        inventory = make_inventory(target, cwd=state.cwd, override_data=overrides)
        with ctx_inventory.use(inventory):
            chosen = [host for host in inventory if not limit or host.name in limit]
            state.init(inventory, Config(), initial_limit=chosen)
            state.set_stage(StateStage.Connect)
            try:
                connect_all(state)
            except PyinfraError as error:
                if isinstance(error, MacstateError):
                    raise
    return state


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
