"""tests/cases/KIND.yml: a spec and what a Mac's tools print, and the plan or the error that must follow."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from laptop import ROOT

from macstate import spec
from macstate.errors import MacstateError
from macstate.kernel.plan import plan
from macstate.kernel.record import Record, Recorded
from macstate.kernel.resource import Actual
from macstate.kinds import KINDS
from macstate.language.facts import Facts, Laptop, Node
from macstate.language.secrets import Secret
from macstate.review import report

FACTS = Facts(
    user="anna",
    home="/Users/anna",
    node=Node(name="studio.tail1.ts.net", capabilities=frozenset({"https"})),
    programs={"/opt/homebrew/bin/nginx": "nginx/1.29.3"},
    laptop=Laptop("Darwin", {}, {"studio.tail1.ts.net": ("ssh-ed25519 AAAA",)}),
)
MACS = {"studio": {"hostname": "studio.tail1.ts.net", "user": "anna"}}
CASES = [
    pytest.param(kind, case, id=f"{kind.kind}: {name}")
    for kind in KINDS
    for name, case in yaml.safe_load((ROOT / f"tests/cases/{kind.kind}.yml").read_text()).items()
]


def key(reference: str, name: str) -> Secret | None:
    """Resolve what is set, and nothing else."""
    del name
    value = os.environ.get(reference.removeprefix("env:"))
    return Secret(value) if value else None


def hosts(kind: Any, case: dict[str, Any]) -> dict[str, str]:
    """Give what the Mac's tools print, by probe; what stands alone is of the kind's first."""
    host = case.get("host", {})
    return dict(host) if isinstance(host, dict) else {kind.probes[0]: host}


def printed(text: str) -> str:
    """Give what a tool prints: as it stands, or from a recording, ``@pmset/g_sched_none.txt``."""
    return (ROOT / "tests/recordings" / text[1:]).read_text() if text.startswith("@") else text


def recordings() -> set[str]:
    """Name the recordings that cases are made of."""
    texts = (text for case in CASES for text in hosts(*case.values).values())  # type: ignore[arg-type]
    return {text[1:] for text in texts if text.startswith("@")}


def written(lines: dict[str, Recorded]) -> str:
    """Give the record as it lies on the Mac."""
    return "".join(f"{line.state}\t{name}\t{line.fingerprint}\n" for name, line in lines.items())


def planned(kind: Any, case: dict[str, Any]) -> str:
    facts = replace(FACTS, recorded=dict.fromkeys(case.get("record", ()), ""))
    read = spec.parse(yaml.safe_dump({"macs": MACS, **case["spec"]}), "macs.yml")
    wishes = (read.for_laptop() if kind.laptop else read.for_host("studio")).expand(facts, key)
    mine = {name: wish for name, wish in wishes.items() if name.startswith(f"{kind.kind}/")}
    outputs = {name: printed(text) for name, text in hosts(kind, case).items()}
    outputs |= {"user": "anna\n"} if "user" in kind.probes else {}
    lines = {}
    for name, state in case.get("record", {}).items():
        word, _, fields = state.partition(" ")
        lines[name] = Recorded(word, fields or (mine[name].fingerprint if name in mine else ""))
    outputs |= {"owned": written(lines)} if "owned" in kind.probes else {}
    found = {resource.id: resource for resource in kind.parse(outputs)}
    todo = plan(mine, Actual(facts, found, Record(lines), {}, {kind.kind: outputs}, kinds=KINDS))
    return "\n".join(report.text("studio", todo, steps=True))


def test_every_kind_has_cases() -> None:
    assert {path.stem for path in (ROOT / "tests/cases").iterdir()} == {kind.kind for kind in KINDS}


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_case(kind: Any, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/Users/anna")
    monkeypatch.delenv("ZDOTDIR", raising=False)
    if "error" in case:
        with pytest.raises(MacstateError) as refused:
            planned(kind, case)
        assert [re.sub(r"^macs\.yml:\d+:\d+: ", "", line) for line in refused.value.lines] == [case["error"]]
        return
    text = re.sub(r"\x1b\[[0-9;]*m", "", planned(kind, case))
    if "left" in case:
        assert f"left: {case['left']}" in text
    else:
        assert text.strip() == case["plan"].strip()
