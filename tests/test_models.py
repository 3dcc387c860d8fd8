"""Models of an Ollama on a rehearsal Mac, from the YAML to what `macstate status` says of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from laptop import Laptop, changes

from macstate.cli import macstate
from macstate.rehearsal.mac import library

SPEC = """
macs: {{macstudio: {{hostname: studio.tail1.ts.net, user: anna}}}}
endpoints:
  ollama:
    engine: ollama
    command: [/usr/local/bin/ollama, serve]
    port: 11434
    models: {{{models}}}
"""


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)


def status(laptop: Laptop) -> tuple[int, str]:
    os.environ["MACSTATE_REHEARSAL"] = str(laptop.folder / "macs")
    result = CliRunner().invoke(macstate, ["status", "@rehearsal/macstudio"])
    return result.exit_code, result.output


@pytest.mark.slow
def test_a_long_name_is_the_same_model(laptop: Laptop) -> None:
    text = SPEC.format(models="library/all-minilm: A, registry.ollama.ai/library/llama3.2:1b: B")
    assert not laptop.run(text).failed
    laptop.wait_for_models()
    again = laptop.run(text)
    assert (changes(again), again.commands) == ([], 1)
    assert "all-minilm:latest" in laptop.output("ollama list")
    assert status(laptop)[0] == 0


@pytest.mark.slow
def test_a_pin_that_the_library_has_no_longer_is_told_and_not_pulled_again_and_again(laptop: Laptop) -> None:
    now = library.version("all-minilm:latest")
    why = f"the library has another version now: pin {now[:12]}, or take the pin out"
    pinned = SPEC.format(models=f"all-minilm: {{digest: '{12 * '0'}'}}")

    for _ in range(2):
        outcome = laptop.run(pinned)
        assert outcome.failed
        assert sum(why in line for line in outcome.said) == 1, outcome.said
    assert not any("/api/pull" in word for call in laptop.calls() for word in call)
    code, said = status(laptop)
    assert code == 1
    assert re.search(rf"^ollama/all-minilm:latest +failed +the last pull failed: {re.escape(why)}$", said, re.MULTILINE)

    right = SPEC.format(models=f"all-minilm: {{digest: '{now[:12]}'}}")
    assert not laptop.run(right).failed
    laptop.wait_for_models()
    assert changes(laptop.run(right)) == []
    assert status(laptop)[0] == 0


@pytest.mark.slow
def test_why_a_pull_failed_is_told(laptop: Laptop) -> None:
    laptop.run(SPEC.format(models=""))
    queue = laptop.mac() / "Users/anna/.local/state/macstate/pulls/ollama"
    queue.mkdir(parents=True)
    line = ("all-minilm:latest", "46000000", "failed", "1000", "0", "1100", "max retries exceeded: unexpected EOF")
    (queue / "all-minilm:latest.pull").write_text("\t".join(line) + "\n")
    laptop.run(SPEC.format(models="all-minilm: A"), dry=True)

    code, said = status(laptop)

    assert code == 1
    assert re.search(
        r"all-minilm:latest +failed +the last pull failed: max retries exceeded: unexpected EOF$", said, re.MULTILINE
    )
