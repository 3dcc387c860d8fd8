"""The committed JSON Schema is what `macstate schema` prints, and says of a spec what macstate itself says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from macstate import spec
from macstate.language.entry import Entry
from macstate.spec import model as whole
from macstate.spec.schema import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "group_data" / "macs.yml"
SCHEMA = ROOT / "group_data" / "macs.schema.json"
TREE = json.loads(SCHEMA.read_text())


def errors(text: str) -> list[str]:
    tree = yaml.safe_load(text)
    return [error.message for error in Draft202012Validator(TREE).iter_errors(tree)]


def models(model: type[Entry]) -> Iterator[type[Entry]]:
    """Give a model and all the models that its fields are made of."""
    yield model
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            yield from models(part)


def parts(annotation: Any) -> Iterator[type[Entry]]:
    if isinstance(annotation, type) and issubclass(annotation, Entry):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from parts(argument)


schema()  # gives the fields their descriptions
MODELS = set(models(whole.Root))


def test_the_committed_schema_is_what_the_command_prints(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("macstate")
    environment = {**os.environ, "MACSTATE_REHEARSAL": str(tmp_path / "rehearsals")}

    done = subprocess.run(
        [command, "schema"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == SCHEMA.read_text(), "type: macstate schema >group_data/macs.schema.json"
    assert done.stderr == ""


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(TREE)


def test_editors_are_told_where_it_is() -> None:
    modeline = SPEC.read_text().splitlines()[0]

    assert modeline == f"# yaml-language-server: $schema={SCHEMA.name}"
    assert SCHEMA.parent == SPEC.parent


def test_the_reference_spec_is_valid_in_both() -> None:
    assert errors(SPEC.read_text()) == []
    assert list(spec.parse(SPEC.read_text(), str(SPEC)).macs) == ["macstudio"]


@pytest.mark.parametrize(
    ("old", "new", "fragment"),
    [
        ("engine: openai", "engine: opnai", "'opnai' is not one of"),
        ("port: 8000", "port: 80000", "80000 is greater than the maximum"),
        ("port: 8000", "prot: 8000", "'prot' was unexpected"),
        ("command: [/usr/local/bin/ollama, serve]", "command: []", "[] "),
        ("screen_sharing: {enabled: true}", "screen_sharing: {}", "'enabled' is a required property"),
    ],
)
def test_a_bad_spec_is_refused_by_the_schema_too(old: str, new: str, fragment: str) -> None:
    text = SPEC.read_text()
    assert old in text

    found = Draft202012Validator(TREE).iter_errors(yaml.safe_load(text.replace(old, new)))

    assert fragment in " ".join(
        f"{error.message} {' '.join(part.message for part in error.context or [])}" for error in found
    )


def test_the_models_are_found() -> None:
    assert {"Spec", "Mac", "PowerEntry", "Profile", "FirewallEntry", "Endpoint", "Route"} <= {
        model.__name__ for model in MODELS
    }


def test_the_published_schema_describes_every_field() -> None:
    bare = {
        (name, field)
        for name, node in TREE["$defs"].items()
        for field, about in node.get("properties", {}).items()
        if "description" not in {**TREE["$defs"].get(about.get("$ref", "").rpartition("/")[2], {}), **about}
        if name != "Mac"  # whose own sections are those of the top
    }

    assert bare == set()


@pytest.mark.parametrize("model", [pytest.param(model, id=model.__name__) for model in sorted(MODELS, key=str)])
def test_every_field_says_what_it_is(model: type[Entry]) -> None:
    assert model.__doc__
    sections = {entry.section for entry in whole.ENTRIES} | {"macs"} if model.__name__ in {"Spec", "Mac"} else set()

    assert [name for name, field in model.model_fields.items() if not field.description and name not in sections] == []
