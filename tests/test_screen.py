"""The plan as it stands on screen, and as JSON: golden files in tests/screens.

MACSTATE_WRITE_SCREENS=1 writes them anew; look at what that changes.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from laptop import REFERENCE, ROOT

from macstate import guard, plan_json, report, spec
from macstate.change import Plan
from macstate.errors import MacstateError
from macstate.facts import Facts, Node
from macstate.found import Found
from macstate.plan import plan
from macstate.record import Line, Record
from macstate.resource import Resource
from macstate.resources.serve import STATUS

SCREENS = ROOT / "tests/screens"
FUNNEL = "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"
NODE = Node("studio.tail174e9b.ts.net", capabilities=frozenset({"https", "funnel", FUNNEL}))
FACTS = Facts(
    user="mmirvois",
    home="/Users/mmirvois",
    sudo=True,
    node=NODE,
    programs={"/opt/homebrew/bin/nginx": "nginx version: nginx/1.29.3"},
)
SCHEMA = json.loads((ROOT / "macstate/plan.schema.json").read_text())
TWO = """
macs:
  macstudio: {hostname: studio.tail174e9b.ts.net, user: mmirvois, endpoints: [mlx]}
  macmini: {hostname: mini.tail174e9b.ts.net, user: mmirvois, endpoints: []}
power: {ac: {sleep: 0}}
endpoints:
  mlx: {engine: openai, command: [/opt/mlx], port: 8080, serve: /}
"""


def wished(text: str, name: str = "macstudio") -> dict[str, Resource]:
    return dict(spec.parse(text, "macs.yml").for_host(name).expand(FACTS))


def planned(text: str, before: str | None = None, name: str = "macstudio", **found: Any) -> Plan:
    """Plan for a Mac that is as ``before`` says, or out of the box."""
    was = wished(before, name) if before else {}
    record = {key: Line("owned", each.fingerprint) for key, each in was.items() if each.owned}
    settings = {key: _out_of_the_box(each) for key, each in wished(text, name).items() if not each.owned}
    outputs = {"serve": {STATUS: "{}", "tailscale status --json": json.dumps({"Self": {"DNSName": NODE.name}})}}
    resources = {**settings, **was} | found
    return plan(wished(text, name), Found(FACTS, resources, Record(record, {True: "", False: ""}), {}, outputs))


def _out_of_the_box(wish: Resource) -> Resource:
    fields = {name: _other(value) for name, value in wish.managed.items()}
    return wish.model_copy(update=fields)


def _other(value: object) -> object:
    return not value if isinstance(value, bool) else (1 if value == 0 else 10)


PUBLIC = REFERENCE.replace("    funnel: {https: 8443}  ", "    # no funnel")
SCENES: dict[str, list[tuple[str, Plan]]] = {
    "first run": [("macstudio", planned(REFERENCE))],
    "one changed value": [("macstudio", planned(REFERENCE, REFERENCE.replace("30m", "10m")))],
    "a removed endpoint": [("macstudio", planned(REFERENCE[: REFERENCE.index("  a1111:")], REFERENCE))],
    "a new funnel": [("macstudio", planned(REFERENCE, PUBLIC))],
    "nothing to do": [("macstudio", planned(REFERENCE, REFERENCE))],
    "two macs": [(name, planned(TWO, name=name)) for name in ("macstudio", "macmini")],
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("colour", ["colour", "plain"])
@pytest.mark.parametrize("scene", SCENES)
def test_screen(scene: str, colour: str, width: int) -> None:
    lines = [line for name, each in SCENES[scene] for line in report.text(name, each, steps=False, width=width)]
    if colour == "plain":
        lines = [click.unstyle(line) for line in lines]
    file = SCREENS / f"{scene}, {width}, {colour}.txt".replace(" ", "-").replace(",", "")
    if os.environ.get("MACSTATE_WRITE_SCREENS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(lines) + "\n")
    assert [line for line in lines if len(click.unstyle(line)) > width and " " in click.unstyle(line).strip()] == []
    assert "\n".join(lines) + "\n" == file.read_text()


@pytest.mark.parametrize("scene", SCENES)
def test_json(scene: str) -> None:
    document = json.loads(plan_json.as_json(dict(SCENES[scene]), 64 * "0"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    again = json.loads(plan_json.as_json(dict(reversed(SCENES[scene])), 64 * "0"))
    assert json.dumps(document) == json.dumps(again)


def test_the_schema_of_plans_is_one_and_refuses_what_is_none() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    change: dict[str, Any] = {"id": "power/ac", "action": "create", "before": {}, "after": {}}
    change |= {"sensitive": [], "steps": []}
    document = {"format_version": "1.0", "hosts": {"m": {"changes": [change], "unmanaged": []}}}
    assert not validator.is_valid(document)  # what is created was not there before
    change["before"] = None
    assert validator.is_valid(document)


KEYED = REFERENCE.replace("    serve: /vllm\n", "    serve: /vllm\n    require_key: true\n")
DANGERS: dict[str, tuple[str, str, str]] = {
    "lose-key": (KEYED, REFERENCE, "route tailnet 443/vllm: refused, it asks for a key now, and would no longer"),
    "removal": (REFERENCE, REFERENCE[: REFERENCE.index("gateway:")], "with the last endpoint: refused, much of what"),
    "firewall-off": (
        REFERENCE,
        REFERENCE.replace("  enabled: true\n  allow", "  enabled: false\n  allow"),
        "firewall/state: refused, the firewall would be turned off",
    ),
    "cut-ssh": (REFERENCE, REFERENCE.replace("{ssh: true}", "{ssh: false}"), "tailscale/prefs: refused, it turns off"),
}


@pytest.mark.parametrize("danger", DANGERS)
def test_a_danger_is_refused_and_its_override_lets_it_through_alone(danger: str) -> None:
    before, after, said = DANGERS[danger]
    todo = planned(after, before)
    serves = "endpoints:" in after
    with pytest.raises(MacstateError, match=re.escape(said)) as caught:
        guard.check(todo, NODE, "", serves=serves)
    [line] = str(caught.value).splitlines()
    assert line.endswith(f"if that is meant, add `--data allow={danger}`")
    guard.check(todo, NODE, danger, serves=serves)
    others = ",".join(sorted(set(guard.OVERRIDES) - {danger}))
    with pytest.raises(MacstateError, match=re.escape(said)):
        guard.check(todo, NODE, others, serves=serves)


def test_a_key_is_not_lost_with_its_route() -> None:
    without = REFERENCE[: REFERENCE.index("  vllm:")] + REFERENCE[REFERENCE.index("  a1111:") :]
    guard.check(planned(without, KEYED), NODE, "")


def test_a_third_of_all_is_everyday() -> None:
    guard.check(planned(REFERENCE[: REFERENCE.index("  a1111:")], REFERENCE), NODE, "")


def test_a_saved_plan_is_carried_out_as_it_was_and_not_after_something_moved(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    todo, digest = planned(REFERENCE, REFERENCE.replace("30m", "10m")), 64 * "a"
    file.write_text(plan_json.as_json({"macstudio": todo}, digest))
    plan_json.check(file, "macstudio", todo, digest)
    moved = planned(REFERENCE, REFERENCE.replace("30m", "20m"))
    for name, now, spec_digest, said in (
        ("macstudio", moved, digest, "com.ollama.server moved since this plan was made"),
        ("macstudio", todo, 64 * "b", "the spec has changed since this plan was made"),
        ("macmini", todo, digest, "this plan is not about macmini"),
    ):
        with pytest.raises(MacstateError, match=said):
            plan_json.check(file, name, now, spec_digest)
    file.write_text("[]")
    with pytest.raises(MacstateError, match="this is no saved plan"):
        plan_json.check(file, "macstudio", todo, digest)
    with pytest.raises(MacstateError, match="No such file"):
        plan_json.check(tmp_path / "other", "macstudio", todo, digest)
