"""A rehearsal Mac on which one model server really runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from macstate.rehearsal.mac import birth

ROOT = Path(__file__).parents[2]


class Studio:
    """The Mac `macstudio` of a folder of rehearsals."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.spec = folder, folder / "macs/macstudio", folder / "spec.yml"
        own = {"MACSTATE_SPEC": str(self.spec), "MACSTATE_REHEARSAL": str(folder / "macs")}
        self.environment = {**os.environ, **own}
        birth.create(self.root, user="rehearsed", dns_name="studio.tail1.ts.net", programs=[])

    def install(self, name: str, command: str) -> None:
        """Put a program where Homebrew puts it, which runs a real one."""
        program = self.root / "opt/homebrew/bin" / name
        program.write_text(f'#!/bin/sh\n{command} "$@"\n')
        program.chmod(0o755)

    def run(self, *words: str) -> tuple[int, str]:
        """Run one of the project's commands."""
        program = str(Path(sys.executable).with_name(words[0]))
        done = subprocess.run(
            [program, *words[1:]], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def apply(self, text: str) -> tuple[int, str]:
        """Do the main job with this spec."""
        self.spec.write_text(text)
        return self.run("pyinfra", "@rehearsal/macstudio", "deploy.py", "-y")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have its jobs really run."""
        self._switch("on")
        try:
            yield
        finally:
            self._switch("off")

    def _switch(self, word: str) -> None:
        words = ["/bin/sh", "-c", f"sudo rehearse run-jobs {word}"]
        subprocess.run(words, env=birth.environment(self.root), check=True)
