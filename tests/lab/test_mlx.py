"""The command that engine mlx gives, before a real mlx_lm.server with a model of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import build
from lab.tailnet import listens, wait_for

from macstate import spec
from macstate.rehearsal.mac import birth

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
MODEL = "lab/tiny"
SPEC = """\
macs: {{macstudio: {{hostname: studio.tail1.ts.net, user: rehearsed}}}}
endpoints:
  mlx: {{engine: mlx, model: {model}, ready_within: 1s, environment: {{HF_HOME: {home}, HF_HUB_OFFLINE: "1"}}}}
"""


class Studio:
    """A rehearsal Mac whose mlx_lm.server really runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.port = folder, folder / "macs/macstudio", 0
        packages = build.mlx()
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(packages),
            "MACSTATE_SPEC": str(folder / "spec.yml"),
            "MACSTATE_REHEARSAL": str(folder / "macs"),
        }
        words = [sys.executable, str(Path(__file__).with_name("tinymlx.py")), str(folder / "hugging"), MODEL]
        subprocess.run(words, env=self.environment, check=True)
        del self.environment["PYTHONPATH"]
        birth.create(self.root, user="rehearsed", dns_name="studio.tail1.ts.net", programs=[])
        program = self.root / "opt/homebrew/bin/mlx_lm.server"
        own = f"PYTHONPATH={packages} exec {sys.executable} {packages}/bin/mlx_lm.server"
        program.write_text(f'#!/bin/sh\n{own} "$@"\n')
        program.chmod(0o755)

    def run(self, *words: str) -> tuple[int, str]:
        """Run one of the project's commands."""
        program = str(Path(sys.executable).with_name(words[0]))
        done = subprocess.run(
            [program, *words[1:]], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def deploy(self, model: str, more: str = "") -> tuple[int, str]:
        """Do the main job with this model, and with more sections."""
        text = SPEC.format(model=model, home=self.folder / "hugging") + more
        entries: Any = dict(spec.parse(text, "macs.yml").for_host("macstudio").entries)
        self.port = entries["mlx"].port
        Path(self.environment["MACSTATE_SPEC"]).write_text(text)
        return self.run("pyinfra", "@rehearsal/macstudio", "deploy.py", "-y")

    def switch(self, word: str) -> None:
        """Have jobs really run, or not."""
        words = ["/bin/sh", "-c", f"sudo rehearse run-jobs {word}"]
        subprocess.run(words, env=birth.environment(self.root), check=True)

    def ask(self, path: str, **body: Any) -> Any:
        """Ask the server something."""
        url, said = f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode() if body else None
        asked = urllib.request.Request(url, said, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - http, made above
            return json.load(answer)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path)
    studio.switch("on")
    try:
        yield studio
    finally:
        studio.switch("off")


def test_a_model_is_served_and_one_that_is_nowhere_is_down(studio: Studio) -> None:
    studio.deploy(MODEL)  # a first start may take longer than verify waits
    wait_for(lambda: listens(studio.port), "mlx_lm.server", 60)
    assert [each["id"] for each in studio.ask("/v1/models")["data"]] == [MODEL]
    chat = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    assert studio.ask("/v1/chat/completions", model=MODEL, **chat)["usage"]["completion_tokens"] == 4
    code, said = studio.run("macstate", "status", "@rehearsal/macstudio")
    assert re.search(rf"^mlx +up +process \d+ on 127\.0\.0\.1:{studio.port}\b", said, re.MULTILINE), said
    assert code == 0, said

    studio.deploy("lab/nowhere")  # a process of less than `ready_within` is starting, which is well
    wait_for(lambda: studio.run("macstate", "status", "@rehearsal/macstudio")[0] == 1, "its being down", 60)
    wait_for(lambda: listens(studio.port), "mlx_lm.server", 60)
    code, said = studio.deploy("lab/nowhere", "power: {ac: {sleep: 0}}\n")
    assert code == 1, said
    assert "mlx: it does not" in said
    code, said = studio.run("macstate", "status", "@rehearsal/macstudio")
    assert code == 1, said
    assert re.search(r"^mlx +down +it does not answer: HTTP 503", said, re.MULTILINE), said
    assert studio.ask("/v1/models")["data"][0]["id"] == MODEL  # it lists what is downloaded, and knows of no trouble
