"""What is slow joins with --slow, the lab too with --lab and whenever CI=true; one line says what was left out."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gevent import monkey
from xdist.scheduler import LoadScopeScheduling

# pyinfra patches threads on import; pytest-xdist talks over real ones. Rehearsals need only gevent's own subprocesses.
monkey.patch_all = lambda **_: None

import shells  # noqa: E402 - the lab imports what it patches
from laptop import REFERENCE, Laptop, Outcome  # noqa: E402 - it imports pyinfra

from macstate import hint  # noqa: E402 - the same

TOGETHER = (
    *("tests/test_interrupted.py", "tests/test_cli.py", "tests/test_screen.py", "tests/test_preflight.py"),
    *("tests/test_painted.py", "tests/test_target.py"),
    *(
        "tests/lab/test_gate.py",
        "tests/lab/test_gate_rules.py",
        "tests/lab/test_gate_specs.py",
        "tests/lab/test_hostile_user.py",
        "tests/lab/test_sudo.py",
    ),
)
SLOW = "what is slow (many whole runs, a kill between any two steps, many random Macs)"
LAB = "the lab (a real tailnet, real sudo, real servers, further shells)"


os.environ["MACSTATE_TEST_KEY"] = "a-key-of-the-tests-and-of-nobody-else"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run what takes minutes too")
    parser.addoption("--long", action="store_true", help="try all of the random examples, where else a tenth is tried")
    parser.addoption("--lab", action="store_true", help="run that, and the tests against real daemons and real sudo")


def left_out(config: pytest.Config) -> dict[str, str]:
    """Give the markers of what this run leaves out, and what that is."""
    if config.getoption("--lab") or os.environ.get("CI") == "true":
        return {}
    return {"lab": LAB} if config.getoption("--slow") else {"slow": SLOW, "lab": LAB}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes long, and needs nothing more")
    config.addinivalue_line("markers", "lab: needs what must be installed or built first")


class OneLab(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """One worker has the lab, for a machine can have only one; and what a module prepares is made once."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(TOGETHER):
            return nodeid.partition("::")[0]
        return "the lab" if nodeid.startswith("tests/lab/") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneLab:
    return OneLab(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left = [item for item in items if any(item.get_closest_marker(name) for name in left_out(config))]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left := left_out(config):
        terminalreporter.write_line(f"left out: {'; '.join(left.values())}; have all of it with --lab")


@pytest.fixture(autouse=True)
def no_target() -> None:
    """Forget the TARGET that another test has typed in this process, and the inventory.py that pyinfra read for it."""
    hint.about(None)
    if pyinfra := sys.modules.get("pyinfra_cli.util"):  # it keeps a file's code by its name as typed
        pyinfra.PYTHON_CODES.clear()


@pytest.fixture(scope="session")
def share(pytestconfig: pytest.Config) -> Callable[[int], int]:
    """Give how many random examples to try, of all that a test has: a tenth, and with --long every one."""
    return lambda whole: whole if pytestconfig.getoption("--long") else whole // 10


@pytest.fixture(scope="session", params=shells.pairs())
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for PATH with a `sh` and an `awk`; a test that asks for it is run with each pair."""
    return shells.linked(tmp_path_factory.mktemp("shell"), request.param)


@pytest.fixture(scope="session")
def converged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """The first run of the reference spec on a fresh Mac, and that Mac."""
    laptop = Laptop(tmp_path_factory.mktemp("converged"))
    outcome = laptop.run(REFERENCE)
    laptop.wait_for_models()
    return outcome, laptop.mac()


@pytest.fixture
def laptop(tmp_path: Path, converged: tuple[Outcome, Path]) -> Laptop:
    """A laptop whose Mac is as the reference spec says."""
    laptop = Laptop(tmp_path)
    laptop.mac().mkdir(parents=True)
    laptop.put_back(converged[1])
    shutil.copytree(converged[1].parent / ".keys", laptop.mac().parent / ".keys")
    return laptop
