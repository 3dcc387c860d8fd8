"""Other names of models, on a rehearsal Mac: made when the model is here, moved with it, and gone with the YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from laptop import Laptop, changes

from macstate import spec
from macstate.errors import MacstateError
from macstate.guide.guide import Guide

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


@pytest.mark.slow
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


@pytest.mark.slow
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
    both = SPEC + "  other: {engine: ollama, port: 11435, models: {qwen3: {alias: mini}}}\n".replace(
        "11435", "11435, environment: {OLLAMA_MODELS: /Volumes/m}"
    )
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


TWO = f"""{MAC}endpoints:
  o: {{engine: ollama, command: [/x/ollama, serve], models: MINE}}
  p: {{engine: ollama, command: [/x/ollama, serve], port: 11500, models: OTHERS}}
"""
FOLDER = ", environment: {OLLAMA_MODELS: /Volumes/m}, port: 11500"


@pytest.mark.parametrize(
    ("mine", "others", "said"),
    [
        (
            "{m1: {alias: al}}",
            "{m1: , m2: {alias: 'al:latest'}}",
            "4:.*al:latest is another name of m1:latest in endpoints.o",
        ),
        ("{m1: {alias: m2}}", "[m2]", "3:.*m2 is a model of endpoints.p, and both keep their models in /Users/anna/"),
        ("{m1: {alias: al}}", "{m1: {alias: al}}", ""),
    ],
)
def test_two_servers_with_one_folder_give_a_name_once(mine: str, others: str, said: str) -> None:
    text = TWO.replace("MINE", mine).replace("OTHERS", others)
    if said:
        with pytest.raises(MacstateError, match=said) as caught:
            spec.parse(text, "macs.yml")
        assert len(caught.value.lines) == 1
    else:
        spec.parse(text, "macs.yml")
    spec.parse(text.replace(", port: 11500", FOLDER), "macs.yml")
    spec.parse(text.replace(", port: 11500", ", port: 11500, user: other"), "macs.yml")


def test_only_an_ollama_has_them() -> None:
    with pytest.raises(MacstateError, match="alias: only an Ollama gives a model another name; take it out"):
        spec.parse(f"{MAC}endpoints: {{a: {{engine: mlx, model: x, models: {{y: {{alias: z}}}}}}}}\n", "macs.yml")


def test_the_guide_lists_them() -> None:
    files = Guide.of_spec(spec.parse(SPEC, "macs.yml").for_host("macstudio").macs[0]).files()
    assert "| `mini` | another name of `all-minilm` | ollama |" in files["guide.md"]
    assert "- model `mini`: another name of `all-minilm`" in files["llms.txt"]


BOTH = SPEC.replace("{all-minilm: {alias: [mini, 'small:1']}}", "{all-minilm: , 'llama3.2:1b': }")
OLD = SPEC.replace("[mini, 'small:1']", "'llama3.2:1b'")


@pytest.mark.slow
@pytest.mark.parametrize("prune", ["", "prune_models: true, "])
def test_the_name_of_a_model_that_macstate_pulled_becomes_anothers(tmp_path: Path, prune: str) -> None:
    laptop = Laptop(tmp_path)
    assert not laptop.run(BOTH).failed
    laptop.wait_for_models()
    spec_now = OLD.replace("models:", f"{prune}models:")
    outcome = laptop.run(spec_now)
    assert not outcome.failed, outcome.said
    assert changes(outcome) == ["- model/ollama/llama3.2:1b", "+ alias/ollama/llama3.2:1b"]
    text = "\n".join(outcome.shown[0].text(steps=False))
    assert text.count("deleted from the disk: frees 1.3 GB") == 1, text
    assert text.count("llama3.2:1b names all-minilm:latest from now on") == 1, text
    assert "stays" not in text
    found = digests(laptop)
    assert found["llama3.2:1b"] == found["all-minilm:latest"]
    assert "model/ollama/llama3.2:1b" not in laptop.output("cat ~/.local/state/macstate/owned")
    again = laptop.run(spec_now)
    assert (again.commands, again.rows) == (1, [])
    assert "gone" not in "\n".join(again.shown[0].text(steps=False))


@pytest.mark.slow
def test_an_old_name_stays_what_it_is_until_the_new_model_has_come(laptop: Laptop) -> None:
    moved = SPEC.replace("{all-minilm: {alias: [mini, 'small:1']}}", "{'qwen3:8b': {alias: all-minilm}}")
    first = laptop.run(moved, dry=True)
    assert changes(first) == ["+ model/ollama/qwen3:8b"]
    assert not laptop.run(moved).failed
    laptop.wait_for_models()
    laptop.run(moved)
    found = digests(laptop)
    assert found["all-minilm:latest"] == found["qwen3:8b"]
    assert (laptop.run(moved).commands, laptop.run(moved).rows) == (1, [])


@pytest.mark.slow
def test_a_model_whose_name_was_given_to_another_by_hand_frees_nothing(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path)
    assert not laptop.run(BOTH).failed
    laptop.wait_for_models()
    ollama(laptop, "cp all-minilm llama3.2:1b")
    outcome = laptop.run(OLD)
    assert not outcome.failed, outcome.said
    text = "\n".join(outcome.shown[0].text(steps=False))
    assert "its files go with the last of their names: all-minilm:latest is one" in text
    assert "frees" not in text
    assert (laptop.run(OLD).commands, laptop.run(OLD).rows) == (1, [])
