"""Other names of models, on a rehearsal Mac: made when the model is here, moved with it, and gone with the YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from laptop import Laptop, changes

from macstate import spec
from macstate.errors import MacstateError
from macstate.services.guide import Guide

MAC = "macs: {macstudio: {hostname: studio.tail1.ts.net, user: anna}}\n"
SPEC = MAC + "endpoints:\n  ollama: {engine: ollama, models: {all-minilm: {alias: [mini, 'small:1']}}}\n"
PLAIN = SPEC.replace("{alias: [mini, 'small:1']}", "small")
MINI, SMALL = "alias/ollama/mini:latest", "alias/ollama/small:1"


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    """A laptop whose Mac has the model, and no other name of it yet."""
    laptop = Laptop(tmp_path)
    outcome = laptop.run(PLAIN)
    assert not outcome.failed, outcome.said
    laptop.wait_for_models()
    return laptop


def ollama(laptop: Laptop, *orders: str) -> str:
    """Do something with Homebrew's Ollama, whose folder is in no PATH over SSH."""
    return laptop.output(" && ".join(f'"$MACSTATE_ROOT/opt/homebrew/bin/ollama" {order}' for order in orders))


def digests(laptop: Laptop) -> dict[str, str]:
    lines = ollama(laptop, "list").splitlines()[1:]
    return {line.split()[0]: line.split()[1] for line in lines}


@pytest.mark.slow
def test_a_first_run_says_that_a_name_waits_for_its_model(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path)
    first = laptop.run(SPEC)
    assert not first.failed, first.said  # though the model may be here when it is read again
    assert f"{MINI} is made in a run after all-minilm:latest has come" in "\n".join(
        f"{name} {note}" for name, note in first.shown[0].plan.notes
    )
    laptop.wait_for_models()
    second = laptop.run(SPEC)
    assert not second.failed, second.said
    assert changes(second) == [f"+ {MINI}", f"+ {SMALL}"]


def test_names_are_made_moved_and_taken_away(laptop: Laptop) -> None:
    made = laptop.run(SPEC)
    assert not made.failed, made.said
    assert changes(made) == [f"+ {MINI}", f"+ {SMALL}"]
    found = digests(laptop)
    assert found["mini:latest"] == found["small:1"] == found["all-minilm:latest"]
    again = laptop.run(SPEC)
    assert (again.commands, again.rows) == (1, [])
    assert not any("model/ollama/mini" in name for name, _ in again.shown[0].plan.unmanaged)

    ollama(laptop, "pull llama3.2:1b", "cp llama3.2:1b mini")  # it names another version now
    moved = laptop.run(SPEC)
    assert changes(moved) == [f"~ {MINI}"]
    assert digests(laptop)["mini:latest"] == found["mini:latest"]

    gone = laptop.run(PLAIN)
    assert not gone.failed, gone.said
    assert sorted(changes(gone)) == [f"- {MINI}", f"- {SMALL}"]
    assert {*digests(laptop)} == {"all-minilm:latest", "llama3.2:1b"}


def test_a_name_that_somebody_else_gave_away_is_not_taken(laptop: Laptop) -> None:
    ollama(laptop, "pull llama3.2:1b", "cp llama3.2:1b mini")
    was = digests(laptop)
    outcome = laptop.run(SPEC)
    assert outcome.failed
    assert any(f"{MINI}: refused, macstate did not make it" in line for line in outcome.said), outcome.said
    assert digests(laptop) == was
    assert not laptop.run(PLAIN).failed
    assert digests(laptop) == was


def test_two_servers_have_the_same_name_each_for_its_own() -> None:
    both = SPEC + "  other: {engine: ollama, port: 11435, models: {qwen3: {alias: mini}}}\n"
    wishes = spec.parse(both, "macs.yml").for_host("macstudio")
    assert ("alias", "ollama/mini:latest") in wishes.lists
    assert ("alias", "other/mini:latest") in wishes.lists


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("{qwen3: {alias: 'qwen3:latest'}}", "alias: qwen3:latest is a model here itself"),
        ("{qwen3: {alias: mini}, all-minilm: {alias: ['mini:latest']}}", "is another name of qwen3 already"),
        ("{qwen3: {alias: 'a b'}}", "alias: 'a b' is not a model's name; type NAME or NAME:TAG"),
    ],
)
def test_a_name_is_one_models(models: str, said: str) -> None:
    with pytest.raises(MacstateError) as caught:
        spec.parse(f"{MAC}endpoints:\n  ollama: {{engine: ollama, models: {models}}}\n", "macs.yml")
    [line] = caught.value.lines
    assert said in line
    assert line.startswith("macs.yml:3:")


def test_only_an_ollama_has_them() -> None:
    with pytest.raises(MacstateError, match="alias: only an Ollama gives a model another name; take it out"):
        spec.parse(f"{MAC}endpoints: {{a: {{engine: mlx, model: x, models: {{y: {{alias: z}}}}}}}}\n", "macs.yml")


def test_the_guide_lists_them() -> None:
    files = Guide.of_spec(spec.parse(SPEC, "macs.yml").for_host("macstudio").macs[0]).files()
    assert "| `mini` | another name of `all-minilm` | ollama |" in files["guide.md"]
    assert "- model `mini`: another name of `all-minilm`" in files["llms.txt"]
