"""The laptop's files: where ours are, and what the user's own files define under the same names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from macstate.language.facts import Laptop

LOGIN_FILES = (".bash_profile", ".bash_login", ".profile")
"""The files of a login shell of bash, which reads only the first that exists. macOS' Terminal opens such shells."""


def home() -> Path:
    """Return the home folder that HOME names, whoever runs this; our files are written there."""
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() is the same, and this says why


def folder() -> Path:
    """Return the folder of our files."""
    return home() / ".config/macstate"


def ssh_config() -> Path:
    """Return the file that ssh reads."""
    return home() / ".ssh/config"


def candidates(shells: Iterable[str]) -> Iterator[Path]:
    """Yield every file that one of the shells could read."""
    if "zsh" in shells:
        yield _zshrc()
    if "bash" in shells:
        yield home() / ".bashrc"
        yield from (home() / name for name in LOGIN_FILES)


def startup_files(shells: Iterable[str], laptop: Laptop) -> Iterator[Path]:
    """Yield the files that the shells of this laptop read when a terminal opens."""
    if "zsh" in shells:
        yield _zshrc()
    if "bash" in shells and laptop.system == "Darwin":
        there = [home() / name for name in LOGIN_FILES if str(home() / name) in laptop.own]
        yield there[0] if there else home() / LOGIN_FILES[0]
    elif "bash" in shells:
        yield home() / ".bashrc"


def _zshrc() -> Path:
    return Path(os.environ.get("ZDOTDIR") or home()) / ".zshrc"


def own_hosts(laptop: Laptop) -> dict[str, str]:
    """Return the hosts in the user's own ssh configuration, with file and line."""
    lines = (line.partition(":") for line in laptop.own.get(str(ssh_config()), "").splitlines())
    return {
        name.strip('"'): f"{ssh_config()}:{number}"
        for number, _, text in lines
        for name in re.split(r"[\s=]+", text.strip())[1:]
    }


def own_words(laptop: Laptop, files: Iterable[Path]) -> dict[str, str]:
    """Return the aliases and variables that the user sets in these files, with file and line; they win over ours."""
    found = {}
    for path in files:
        for line in laptop.own.get(str(path), "").splitlines():
            number, _, text = line.partition(":")
            found[text.split()[-1].rstrip("=")] = f"{path}:{number}"
    return found
