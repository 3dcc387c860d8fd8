"""The shape of the project: who may import pyinfra, how long a module is, what lies where."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from macstate import probe, scripts

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "macstate"
SHELL = {
    "errors.py",
    "ops.py",
    "connect.py",
    "sudo.py",
    "ssh/connector.py",
    "terminal.py",
    "rehearsal/connector.py",
}
"""The only modules that may import pyinfra; all others are pure, or know the Mac's own tools alone."""
KERNEL = ("resource", "outputs", "found", "record", "probe/__init__", "change", "plan", "steps", "ops", "session")
"""What carries a wish to a proven change and knows no kind by name; specs, logins, secrets and texts lie around it."""
LONGEST = {".py": 300, ".sh": 250}
"""A script that runs on the Mac is one file."""
TOP = ["deploy.py", "inventory.py", "group_data", "templates", "macstate", "tests", "benchmarks", "pyproject.toml"]
TOP += ["README.md", "CHANGELOG.md", "LICENSE", ".ci/run"]
SCRIPTS = sorted(PACKAGE.rglob("*.sh"))


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(source: str) -> set[str]:
    """Give the top packages that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def shellcheck(script: str) -> str:
    command = [str(Path(sys.executable).with_name("shellcheck")), "-s", "sh", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False).stdout


def test_an_import_is_found_wherever_it_stands() -> None:
    source = "import ast\ndef later():\n    from pyinfra.api import State\n    import pyinfra_cli.main\n"

    assert imports(source) == {"ast", "pyinfra", "pyinfra_cli"}


def test_pyinfra_stays_in_its_shell() -> None:
    users = {name(path) for path in PACKAGE.rglob("*.py") if imports(path.read_text()) & {"pyinfra", "pyinfra_cli"}}

    assert {module for module in users if not module.startswith("cli/")} <= SHELL


def test_the_simulated_tools_use_the_standard_library_alone() -> None:
    modules = {name(path): imports(path.read_text()) for path in (PACKAGE / "rehearsal" / "mac").rglob("*.py")}
    foreign = {module: names - sys.stdlib_module_names - {"macstate"} for module, names in modules.items()}

    assert modules
    assert {module: names for module, names in foreign.items() if names} == {}


def test_no_module_is_longer_than_a_screen_or_two() -> None:
    files = [path for ending in LONGEST for path in PACKAGE.rglob(f"*{ending}")]
    lengths = {name(path): len(path.read_text().splitlines()) for path in files}

    assert {file: length for file, length in lengths.items() if length > LONGEST[Path(file).suffix]} == {}


def test_the_map_names_every_module() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    text = (PACKAGE / "__init__.py").read_text()

    assert {name for name in there - {"__init__"} if f"``{name}``" not in text} == set()


def code(source: str) -> set[int]:
    """Give the lines that are code: no comment, no docstring, nothing empty."""
    quiet = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {line for token in tokens if token.type not in quiet for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return lines


def test_the_kernel_stays_small_and_knows_no_kind_by_name() -> None:
    sources = [(PACKAGE / f"{module}.py").read_text() for module in KERNEL]

    assert code('"""Text."""\n# why\na = 1\n\nb = (\n    2\n)\n') == {3, 5, 6, 7}
    assert sum(len(code(source)) for source in sources) <= 730
    assert [source for source in sources if "from macstate.resources." in source or "macstate.services" in source] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_shell_scripts_are_clean(path: Path) -> None:
    assert shellcheck(path.read_text()) == ""


def test_what_is_put_together_is_clean() -> None:
    programs = probe.script(), scripts.watchdog(), scripts.pull(), scripts.rotate()
    for script in (*programs, "\n".join((*map(scripts.whole, scripts.APPLY), "carry_out"))):
        assert shellcheck(script) == ""


def test_shellcheck_does_complain() -> None:
    assert "SC2086" in shellcheck("#!/bin/sh\nname='a b'\nls $name\n") + shellcheck("rm $1\n")


@pytest.mark.parametrize("path", TOP)
def test_what_a_newcomer_looks_for_is_there(path: str) -> None:
    assert (ROOT / path).exists()
