"""The command that engine mlx gives, before a real mlx_lm.server with a model of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import build
from lab.studio import Studio
from lab.tailnet import listens, wait_for

from macstate import spec

pytestmark = pytest.mark.lab
MODEL = "lab/tiny"
SPEC = """\
macs: {{macstudio: {{hostname: studio.tail1.ts.net, user: rehearsed}}}}
endpoints:
  mlx: {{engine: mlx, model: {model}, ready_within: 1s, environment: {{HF_HOME: {home}, HF_HUB_OFFLINE: "1"}}}}
"""


class Mlx(Studio):
    """A rehearsal Mac whose mlx_lm.server really runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, packages = 0, build.mlx()
        words = [sys.executable, str(Path(__file__).with_name("tinymlx.py")), str(folder / "hugging"), MODEL]
        subprocess.run(words, env={**self.environment, "PYTHONPATH": str(packages)}, check=True)
        self.environment.pop("PYTHONPATH", None)
        own = f"PYTHONPATH={packages} exec {sys.executable} {packages}/bin/mlx_lm.server"
        self.install("mlx_lm.server", own)

    def deploy(self, model: str, more: str = "") -> tuple[int, str]:
        """Do the main job with this model, and with more sections."""
        text = SPEC.format(model=model, home=self.folder / "hugging") + more
        entries: Any = dict(spec.parse(text, "macs.yml").for_host("macstudio").entries)
        self.port = entries["mlx"].port
        return self.apply(text)

    def ask(self, path: str, **body: Any) -> Any:
        """Ask the server something."""
        url, said = f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode() if body else None
        asked = urllib.request.Request(url, said, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - http, made above
            return json.load(answer)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Mlx]:
    studio = Mlx(tmp_path)
    with studio.running():
        yield studio


def test_a_model_is_served_and_one_that_is_nowhere_is_down(studio: Mlx) -> None:
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
