"""TARGET of our own commands: an inventory file or ``@rehearsal/NAME``, connected to as pyinfra's own command would."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gevent import monkey

monkey.patch_all()

from pyinfra import logger  # noqa: E402 - pyinfra wants gevent's patches first
from pyinfra.api.config import Config  # noqa: E402
from pyinfra.api.connect import connect_all, disconnect_all  # noqa: E402
from pyinfra.api.exceptions import PyinfraError  # noqa: E402
from pyinfra.api.host import Host  # noqa: E402
from pyinfra.api.state import State, StateStage  # noqa: E402
from pyinfra.context import ctx_config, ctx_inventory, ctx_state  # noqa: E402
from pyinfra_cli.inventory import make_inventory  # noqa: E402
from pyinfra_cli.util import parse_cli_arg  # noqa: E402

from macstate.errors import MacstateError  # noqa: E402
from macstate.hosts import LAPTOP  # noqa: E402


def on_each(
    target: str,
    limit: tuple[str, ...],
    data: tuple[str, ...],
    work: Callable[[State, Host], None],
    *,
    laptop: bool = False,
) -> bool:
    """Do something with every Mac of a target, and say whether all of them could be reached and it went well.

    ``laptop``: with this laptop too, where the target has it.
    """
    overrides = {key: parse_cli_arg(value) for key, _, value in (item.partition("=") for item in data)}
    state = _connect(target, overrides, limit, laptop=laptop)
    there = [host for host in state.inventory if host in state.activated_hosts]
    failed = len(there) < len([host for host in state.inventory if state.is_host_in_limit(host)])
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


def _is_meant(host: Host, limit: tuple[str, ...]) -> bool:
    """Say whether one of pyinfra's patterns means a host: a group's name, or a pattern of host names."""
    return any(pattern in host.groups or fnmatch(host.name, pattern) for pattern in limit)


def _connect(target: str, overrides: dict[str, Any], limit: tuple[str, ...], *, laptop: bool) -> State:
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
            there = [host for host in inventory if laptop or host.name != LAPTOP]
            chosen = [host for host in there if not limit or _is_meant(host, limit)]
            if not chosen:
                names = ", ".join(host.name for host in there)
                raise MacstateError(f"--limit {' '.join(limit)}: means no host of {target}; there are {names}")
            state.init(inventory, Config(), initial_limit=chosen)
            state.set_stage(StateStage.Connect)
            try:
                connect_all(state)
            except PyinfraError as error:
                if isinstance(error, MacstateError):
                    raise
    return state
