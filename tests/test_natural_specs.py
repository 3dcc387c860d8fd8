"""What people type first either means what they mean, or ends in one line that can be pasted in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from macstate import spec
from macstate.errors import MacstateError

CASES = yaml.safe_load((Path(__file__).parent / "natural_specs.yml").read_text())
WRONG = [name for name, case in CASES.items() if "says" in case]
RIGHT = [name for name in CASES if name not in WRONG]
MAC = "macs:\n  mini: {hostname: mini, user: me}\n"
SUGGESTION = re.compile(r"\b(?:type|add|mean|begin with)\b[^`]*`([^`]+)`")
"""What a line says to type."""


def text(case: dict[str, Any]) -> str:
    typed: str = case["spec"]
    alone = re.search(r"^(macs|hosts):", typed, re.MULTILINE) or "the spec" in case.get("says", "")
    return typed if alone else f"{MAC}{typed}"


def value(mac: Any, path: str) -> Any:
    """Give what stands at a place; a name may hold dots and colons."""
    while path:
        part = path.partition(".")[0]
        if isinstance(mac, dict):
            part = next(name for name in mac if path == name or path.startswith(f"{name}."))
        mac, path = mac[part] if isinstance(mac, dict) else getattr(mac, part), path[len(part) + 1 :]
    return list(mac) if isinstance(mac, tuple) else mac


def check(typed: str, means: dict[str, Any]) -> None:
    macs = spec.parse(typed, "macs.yml").macs
    for path, meant in means.items():
        assert value(next(iter(macs.values())), path) == meant


def test_there_are_enough_of_them() -> None:
    assert len(WRONG) >= 90
    assert len(RIGHT) >= 15
    assert len({case["spec"] for case in CASES.values()}) == len(CASES)


@pytest.mark.parametrize("name", RIGHT)
def test_a_short_spec_means_what_is_meant(name: str) -> None:
    check(text(CASES[name]), CASES[name]["means"])


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_ends_in_one_line_and_what_it_says_is_valid(name: str) -> None:
    case = CASES[name]
    with pytest.raises(MacstateError) as caught:
        spec.parse(text(case), "macs.yml")
    [line] = caught.value.lines
    assert line.startswith(f"macs.yml:{case['says']}")

    typed = text(case)
    found = SUGGESTION.search(line)
    for old, new in case["paste"].items():
        assert typed.count(old) >= 1, old
        assert found or "$" not in new, line
        typed = typed.replace(old, new.replace("$", found[1] if found else ""))
    check(typed, case.get("means", {}))


def test_a_suggestion_is_told_whole_or_as_its_form_alone() -> None:
    items = "".join(f"  - {{name: e{n}, engine: rest, command: [/bin/x], port: {8000 + n}}}\n" for n in range(9))

    with pytest.raises(MacstateError) as caught:
        spec.parse(f"{MAC}endpoints:\n{items}", "macs.yml")

    [line] = caught.value.lines
    assert line.endswith("type the names as keys, each with its fields below it: `NAME: {…}`")
