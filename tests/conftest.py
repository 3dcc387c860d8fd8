"""The lab joins with --lab and whenever CI=true; without it, one line says what was left out."""

import os

import pytest

LEFT_OUT = "left out: the lab (real sudo, as a local user; needs root); have it with `pytest --lab` or CI=true"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lab", action="store_true", help="run the tests against real daemons and real sudo too")


def with_lab(config: pytest.Config) -> bool:
    return bool(config.getoption("--lab")) or os.environ.get("CI") == "true"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "lab: needs what must be installed or built first")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not with_lab(config):
        lab = [item for item in items if item.get_closest_marker("lab")]
        config.hook.pytest_deselected(items=lab)
        items[:] = [item for item in items if item not in lab]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not with_lab(config):
        terminalreporter.write_line(LEFT_OUT)
