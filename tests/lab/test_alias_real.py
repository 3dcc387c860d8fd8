"""Other names of a model, before a real Ollama: made, served, moved with the model, and taken away."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import build, tinymodel
from lab.studio import Studio
from lab.tailnet import listens, wait_for
from ports import free_port

pytestmark = pytest.mark.lab
SPEC = """\
macs: {{macstudio: {{hostname: studio.tail1.ts.net, user: rehearsed}}}}
endpoints:
  ollama:
    engine: ollama
    program: /opt/homebrew/bin/real-ollama
    port: {port}
    environment: {{OLLAMA_MODELS: {models}}}
    models: {{tiny: {{{alias}}}}}
"""


class Ollama(Studio):
    """A rehearsal Mac whose Ollama really runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.install("real-ollama", f"exec {build.ollama()}")

    def deploy(self, alias: str) -> tuple[int, str]:
        """Do the main job."""
        return self.apply(SPEC.format(port=self.port, models=self.folder / "models", alias=alias and f"alias: {alias}"))

    def model(self, sentence: str) -> None:
        """Have the server make its model, anew."""
        tinymodel.write(self.folder / "tiny.gguf", sentence)
        tinymodel.create(self.port, "tiny", self.folder / "tiny.gguf")

    def digests(self) -> dict[str, str]:
        """Give what the server lists."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/tags") as answer:
            return {each["name"]: each["digest"] for each in json.load(answer)["models"]}

    def says(self, model: str) -> str:
        """Ask a model."""
        body = {"model": model, "messages": [{"role": "user", "content": "Say it."}]}
        url = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=60) as answer:
            text: str = json.load(answer)["choices"][0]["message"]["content"]
        return text.strip()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Ollama]:
    studio = Ollama(tmp_path)
    with studio.running():
        yield studio


def test_a_name_is_made_moved_and_taken_away(studio: Ollama) -> None:
    _, said = studio.deploy("")  # the model is in no registry, and its pull fails
    assert "+ launchd/system/macstate.ollama" in said, said
    wait_for(lambda: listens(studio.port), "Ollama", 30)
    studio.model("One two three")
    code, said = studio.deploy("[petite, 'petite:old']")
    assert code == 0, said
    found = studio.digests()
    assert {*found} == {"tiny:latest", "petite:latest", "petite:old"}
    assert len({*found.values()}) == 1
    assert studio.says("petite") == "One two three"

    studio.model("Four five six")
    assert studio.digests()["petite:latest"] != studio.digests()["tiny:latest"]
    code, said = studio.deploy("petite")
    assert code == 0, said
    found = studio.digests()
    assert found["petite:latest"] == found["tiny:latest"]
    assert {*found} == {"tiny:latest", "petite:latest"}
    assert studio.says("petite") == "Four five six"
    assert "No changes." in studio.deploy("petite")[1]

    code, said = studio.deploy("")
    assert code == 0, said
    assert {*studio.digests()} == {"tiny:latest"}
    assert studio.says("tiny") == "Four five six"
