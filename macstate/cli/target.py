"""The Macs that a command is about, connected to as pyinfra's own command does."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from traceback import walk_tb
from typing import Any

from gevent import monkey

monkey.patch_all()

from pyinfra import logger  # noqa: E402 - pyinfra wants gevent's patches first
from pyinfra.api.config import Config  # noqa: E402
from pyinfra.api.connect import connect_all, disconnect_all  # noqa: E402
from pyinfra.api.exceptions import NoGroupError, PyinfraError  # noqa: E402
from pyinfra.api.host import Host  # noqa: E402
from pyinfra.api.inventory import Inventory  # noqa: E402
from pyinfra.api.state import State, StateStage  # noqa: E402
from pyinfra.context import ctx_config, ctx_inventory, ctx_state  # noqa: E402
from pyinfra_cli.exceptions import UnexpectedExternalError  # noqa: E402
from pyinfra_cli.inventory import make_inventory  # noqa: E402
from pyinfra_cli.util import parse_cli_arg  # noqa: E402

from macstate.cli.folder import check_data  # noqa: E402
from macstate.cli.words import Target, meant  # noqa: E402
from macstate.errors import MacstateError  # noqa: E402
from macstate.transport.hosts import LAPTOP  # noqa: E402


def on_each(  # noqa: PLR0913 - one parameter an option is how click works
    target: Target | str | None,
    limit: tuple[str, ...],
    data: tuple[str, ...],
    work: Callable[[State, Host], None],
    *,
    laptop: bool = False,
    connected: bool = True,
) -> bool:
    """Call ``work`` for every Mac of a target; return whether all could be reached and none failed.

    ``laptop`` includes this laptop, if the target has it. Without ``connected``, no connection is made.
    """
    about = target if isinstance(target, Target) else meant(target)
    state = _connect(about, dict(map(_pair, data)), limit, laptop=laptop, connected=connected)
    chosen = [host for host in state.inventory if state.is_host_in_limit(host)]
    there = [host for host in chosen if host in state.activated_hosts or not connected]
    failed = len(there) < len(chosen)
    try:
        for host in there:
            try:
                work(state, host)
            except MacstateError as error:
                failed = True
                error.on(host.name).show()
    finally:
        disconnect_all(state)
    return not failed


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise MacstateError(f"--data {text}: not of the form KEY=VALUE; type e.g. --data allow=takeover")
    try:
        return key, parse_cli_arg(value)
    except RecursionError:
        raise MacstateError(f"--data {text}: nested too deep to be read") from None


def hosts_of(target: Target, limit: tuple[str, ...]) -> list[str]:
    """Return the names of the Macs that a target means, without connecting to any."""
    with ctx_state.use(State()), ctx_config.use(Config()):
        inventory = _inventory(target.inventory, str(Path.cwd()), {})
        there = [host for host in inventory if host.name != LAPTOP]
        return [host.name for host in _chosen(target, inventory, there, limit)]


def _connect(
    target: Target, overrides: dict[str, Any], limit: tuple[str, ...], *, laptop: bool, connected: bool
) -> State:
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    logger.addHandler(handler)
    os.environ.setdefault("PYINFRA_PROGRESS", "off")
    state = State()
    state.cwd = str(Path.cwd())
    with ctx_state.use(state), ctx_config.use(Config()):
        inventory = _inventory(target.inventory, state.cwd, overrides)
        with ctx_inventory.use(inventory):
            there = [host for host in inventory if laptop or host.name != LAPTOP]
            chosen = _chosen(target, inventory, there, limit)
            state.init(inventory, Config(), initial_limit=chosen)
            state.set_stage(StateStage.Connect)
            try:
                if connected:
                    connect_all(state)
            except PyinfraError as error:
                if isinstance(error, MacstateError):
                    raise
    return state


def _inventory(target: str, folder: str, overrides: dict[str, Any]) -> Inventory:
    if not (target.startswith("@") or os.path.isfile(target)):  # noqa: PTH113 - pathlib's fails on what cannot be a name
        said = f"{target}: no such inventory file"
        raise MacstateError(f"{said}; type a Mac's name, @rehearsal/NAME for a rehearsal, or a path to an inventory")
    beside = target.startswith("@") or Path(target).resolve().parent != Path(folder).resolve()
    ours = not beside or check_data(target)
    if not ours and target.startswith("@"):  # pyinfra would take a file of that name for an inventory and run it
        return Inventory(([target], {}), override_data=overrides)
    if ours and "." not in sys.path:
        sys.path.append(".")
    try:
        found: Inventory = make_inventory(target, cwd=folder if ours else None, override_data=overrides)
    except SyntaxError as error:
        where = f"{error.filename or target}:{error.lineno or 1}"
        raise MacstateError(f"{where}: this is no Python ({error.msg}), as an inventory has to be") from error
    except UnexpectedExternalError as error:
        lines = [
            line for code, line in walk_tb(error.exception.__traceback__) if code.f_code.co_filename == error.filename
        ]
        said = " ".join(f"{type(error.exception).__name__}: {error.exception}".split())
        raise MacstateError(f"{error.filename}:{lines[-1]}: {said}") from error
    except (OSError, ValueError) as error:
        raise MacstateError(f"{target}: not an inventory ({error})") from error
    else:
        return found


def _chosen(target: Target, inventory: Inventory, there: list[Host], limit: tuple[str, ...]) -> list[Host]:
    """Return the hosts that both the target and ``--limit`` mean."""
    if target.mac:
        names = ", ".join(host.name for host in there) or "none"
        there = [host for host in there if host.name == target.mac]
        if not there:
            raise MacstateError(f"{target.mac}: {target.inventory} has no such Mac; there are {names}")
    meant = _matching(target, inventory, there, limit) if limit else there
    chosen = [host for host in there if host in meant]
    if not chosen:
        raise MacstateError(f"{target.inventory}: there is no Mac in it")
    return chosen


def _matching(target: Target, inventory: Inventory, there: list[Host], limit: tuple[str, ...]) -> list[Host]:
    """Return the hosts that ``--limit`` means; names, groups and globs work as in pyinfra."""
    found: list[Host] = []
    for pattern in limit:
        try:
            group = inventory.get_group(pattern)
        except NoGroupError:
            group = [host for host in there if fnmatch(host.name, pattern)]
        if not (meant := [host for host in group if host in there]):
            names = ", ".join(host.name for host in there) or "none"
            raise MacstateError(f"--limit {pattern}: means no host of {target.inventory}; there are {names}")
        found += meant
    return found
