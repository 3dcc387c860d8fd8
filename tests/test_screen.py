"""The plan as it stands on screen, and as JSON: golden files in tests/screens.

`make golden` writes them anew; look at what that changes.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from laptop import REFERENCE, ROOT, Laptop, Outcome

from macstate import spec
from macstate.errors import MacstateError
from macstate.kernel.change import Batch, Change, Plan
from macstate.kernel.plan import plan
from macstate.kernel.record import Record, Recorded
from macstate.kernel.resource import Actual, Resource
from macstate.kinds import KINDS
from macstate.kinds.file import File
from macstate.kinds.serve import Serve
from macstate.kinds.serve.document import STATUS
from macstate.language.facts import Facts, Node
from macstate.review import Review, guard, plan_json, report, saved
from macstate.review.report.styled import Styled
from macstate.transport import terminal

SCREENS = ROOT / "tests/screens"
FUNNEL = "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"
NODE = Node("studio.tail174e9b.ts.net", capabilities=frozenset({"https", "funnel", FUNNEL}))
FACTS = Facts(
    user="mmirvois",
    home="/Users/mmirvois",
    sudo=True,
    node=NODE,
    programs={"/opt/homebrew/bin/nginx": "nginx version: nginx/1.29.3", "/opt/homebrew/bin/caddy": "v2.11.7"},
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
    record = {key: Recorded("owned", each.fingerprint) for key, each in was.items() if each.owned}
    settings = {key: _out_of_the_box(each) for key, each in wished(text, name).items() if not each.owned}
    outputs = {"serve": {STATUS: "{}", "tailscale status --json": json.dumps({"Self": {"DNSName": NODE.name}})}}
    resources = {**settings, **was} | found
    return plan(
        wished(text, name), Actual(FACTS, resources, Record(record, {True: "", False: ""}), {}, outputs, kinds=KINDS)
    )


def _out_of_the_box(wish: Resource) -> Resource:
    fields = {name: _other(value) for name, value in wish.managed.items()}
    return wish.model_copy(update=fields)


def _other(value: object) -> object:
    return not value if isinstance(value, bool) else (1 if value == 0 else 10)


SCENES = {
    "first run": REFERENCE,
    "one changed value": REFERENCE.replace("30m", "10m"),
    "an added endpoint": REFERENCE.replace(
        "\nclients:",
        """
  mlx:
    engine: openai
    command: [/opt/homebrew/bin/mlx_lm.server, --host, 127.0.0.1, --port, "{port}"]
    port: 8082
    serve: /mlx

clients:""",
    ),
    "a removed endpoint": REFERENCE[: REFERENCE.index("  a1111:")],
    "a new funnel": REFERENCE.replace("    serve: /vllm\n", "    serve: /vllm\n    funnel: {https: 10000}\n"),
    "a guide that says more": REFERENCE.replace("Qwen 3 (8-B)", "Qwen 3 (small)"),
    "nothing to do": REFERENCE,
    "two macs": TWO,
}
NEW = {"first run": ["macstudio"], "two macs": ["macstudio", "macmini"]}
"""Scenes on Macs out of the box; all others are on one that is as the reference spec says."""


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory, converged: tuple[Outcome, Path]) -> dict[str, list[Review]]:
    """What deploy.py shows in each scene, as it was read from rehearsal Macs."""
    used = Laptop(tmp_path_factory.mktemp("used"))
    used.mac().mkdir(parents=True)
    used.put_back(converged[1])
    shutil.copytree(converged[1].parent / ".keys", used.mac().parent / ".keys")
    seen = {}
    for scene, text in SCENES.items():
        laptop = Laptop(tmp_path_factory.mktemp("new")) if scene in NEW else used
        shown = laptop.run(text, *NEW.get(scene, ()), dry=True).shown
        seen[scene] = sorted(shown, key=lambda each: each.name)  # whoever is read first is shown first
    return seen


class Tty(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("colour", ["colour", "plain"])
@pytest.mark.parametrize("scene", SCENES)
def test_screen(
    reviews: dict[str, list[Review]], scene: str, colour: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    with contextlib.redirect_stdout(Tty()) as screen:
        for seen in reviews[scene]:
            terminal.show(seen, several=len(reviews[scene]) > 1, steps=False)
    shown = screen.getvalue() if colour == "colour" else click.unstyle(screen.getvalue())
    file = SCREENS / f"{scene}, {width}, {colour}.txt".replace(" ", "-").replace(",", "")
    if os.environ.get("MACSTATE_WRITE_SCREENS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(shown)
    assert [line for line in click.unstyle(shown).splitlines() if len(line) > width and breaks(line)] == []
    assert shown == file.read_text(), "type: make golden"


@pytest.mark.parametrize(("scene", "most"), [("first run", 60), ("an added endpoint", 15), ("nothing to do", 1)])
def test_a_plan_is_read_at_one_look(reviews: dict[str, list[Review]], scene: str, most: int) -> None:
    [seen] = reviews[scene]
    lines = list(seen.text(steps=False, width=80))
    assert len(lines) <= most, "\n".join(lines)


@pytest.mark.parametrize("scene", SCENES)
def test_every_changed_field_is_told_with_every_detail(reviews: dict[str, list[Review]], scene: str) -> None:
    for seen in reviews[scene]:
        lines = list(map(click.unstyle, seen.text(steps=True)))
        for change in seen.plan.changes:
            begin = next(index for index, line in enumerate(lines) if line[2:].split("  ")[0] == change.id)
            below = list(itertools.takewhile(lambda line: line.startswith("    "), lines[begin + 1 :]))
            assert [name for name, _, _ in change.fields if not any(_tells(line, name) for line in below)] == []
        assert [step for batch in seen.plan.batches for step in batch.steps if f"    {step}" not in lines] == []


def _tells(line: str, field: str) -> bool:
    return re.match(rf"    {field}[.:]", line) is not None


PERSONS = "macs: {macstudio: {hostname: mini.tail1.ts.net, user: me}}\nfiles: {/etc/notes: {content: %s}}\n"


def short(todo: Plan, *, edited: tuple[str, ...] = ()) -> list[str]:
    """Give the lines that are shown where nobody asks for more."""
    return [click.unstyle(line) for line in report.text("macstudio", todo, edited=edited)]


@pytest.mark.parametrize(
    ("was", "wish"),
    [
        ("".join(f"line {number}\n" for number in range(40)), "line 0\n"),
        ("one\n", "".join(f"line {number}\n" for number in range(40))),
        ("".join(f"line {number}\n" for number in range(40)), "".join(f"Line {number}\n" for number in range(40))),
    ],
)
def test_no_line_of_a_persons_own_file_is_hidden_when_it_changes(was: str, wish: str) -> None:
    todo = planned(PERSONS % json.dumps(wish), PERSONS % json.dumps(was))
    before, after = set(was.splitlines()), set(wish.splitlines())
    told = {line.strip() for line in short(todo)}
    assert told >= {f"-{line}" for line in before - after} | {f"+{line}" for line in after - before}


def test_a_text_that_differs_at_its_very_end_says_so() -> None:
    todo = planned(PERSONS % json.dumps("a\nb\n"), PERSONS % json.dumps("a\nb"))
    assert short(todo)[1:3] == ["    content:", "      (only the end of the last line differs)"]


def test_what_somebody_wrote_into_a_text_that_is_made_is_shown_before_it_goes() -> None:
    name = "file/Library/macstate/etc/nginx.conf"
    was = wished(REFERENCE)[name]
    assert isinstance(was, File)
    by_hand = "".join(f"# mine {number}\n" for number in range(20))
    other = was.model_copy(update={"content": f"{was.content}{by_hand}"})
    todo = planned(REFERENCE, REFERENCE, "macstudio", **{name: other})
    found = Actual(FACTS, {name: other}, Record({name: Recorded("owned", was.fingerprint)}), kinds=KINDS)
    assert sum("-# mine" in line for line in short(todo, edited=tuple(report.edited(todo, found)))) == 20
    [change] = [each for each in todo.changes if each.id == name]
    assert sum("-# mine" in line for line in short(todo)) < 20  # as much as of what follows from the spec

    as_written = replace(found, record=Record({name: Recorded("owned", other.fingerprint)}))
    assert (name in report.edited(todo, found), name in report.edited(todo, as_written)) == (True, False)
    assert change.action == "update"


def test_a_script_of_ours_is_told_without_a_count() -> None:
    name = "file/Library/macstate/bin/watchdog"
    was = wished(REFERENCE)[name].model_copy(update={"content": "#!/bin/sh\n# an older one\n"})
    assert (
        short(planned(REFERENCE, REFERENCE, "macstudio", **{name: was}))[2]
        == f"~ {name}  another version of macstate's script"
    )


def test_a_changed_plist_tells_each_key_and_what_somebody_else_wrote_is_whole() -> None:
    name = "launchd/system/com.ollama.server"
    todo = planned(REFERENCE.replace("OLLAMA_KEEP_ALIVE: 30m", "OLLAMA_KEEP_ALIVE: 10m"), REFERENCE)
    assert "    file.EnvironmentVariables.OLLAMA_KEEP_ALIVE: 30m -> 10m" in short(todo)
    theirs = replace(next(each for each in todo.changes if each.id == name), foreign=True)
    [batch] = [each for each in todo.batches if theirs.id in {change.id for change in each.changes}]
    lines = short(Plan((replace(batch, changes=(theirs,)),)))
    assert "      -    <string>30m</string>" in lines


def test_what_loses_only_the_internet_is_not_removed() -> None:
    route = Serve(key="443/site", target="http://127.0.0.1:3000", funnel=True, where="https://h:443", stays=True)
    left = route.model_copy(update={"funnel": False})
    change = Change(route.id, "update", None, route, "stays for the tailnet alone", foreign=True, rest=left)
    todo = Plan((Batch((change,), (), (0, 0, 0)),))
    lines = short(todo)
    assert lines[2] == "~ serve/443/site  funnel: true -> false  # stays for the tailnet alone"
    assert lines[-1] == "Plan: 0 to add, 1 to change, 0 to remove."
    document = json.loads(plan_json.as_json({"macstudio": todo}, 64 * "0"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    [told] = document["hosts"]["macstudio"]["changes"]
    assert (told["action"], told["before"]["funnel"], told["after"]["funnel"]) == ("update", True, False)


def test_what_is_not_ours_is_named_in_groups_and_what_macos_hides_with_each_detail_only() -> None:
    hidden = (("launchd/system/com.tailscale.tailscaled", "cannot be read"), ("launchd/gui/501", "cannot be read"))
    kept = (("power/ac.sleep", "left as found"), ("power/ac.womp", "left as found"))
    todo = Plan(
        unmanaged=(
            *hidden,
            ("launchd/system/a", ""),
            ("launchd/system/b", ""),
            ("serve", "cannot be read"),
            ("launchd", "cannot be read"),
            *kept,
        )
    )
    shown = [
        "unmanaged: launchd/system/a, launchd/system/b",
        "unmanaged: serve (cannot be read)",
        "unmanaged: launchd (cannot be read)",
        "unmanaged: power/ac.sleep, power/ac.womp (left as found)",
    ]
    assert short(todo)[:-1] == shown
    whole = list(report.text("macstudio", todo, steps=True))[:-1]
    assert whole[0] == "unmanaged: launchd/system/com.tailscale.tailscaled, launchd/gui/501, launchd (cannot be read)"
    assert whole[1:] == [line for line in shown if "launchd (" not in line]


def test_a_removal_says_what_goes_and_what_stays() -> None:
    lines = "\n".join(short(planned(SMALL.replace("endpoints: [mlx]", "endpoints: []"), SMALL)))
    assert re.search(r"^- serve/443/x  # .*/x ends$", lines, re.MULTILINE)
    log = "/Users/mmirvois/Library/Logs/macstate.mlx.log"
    assert f"- launchd/system/macstate.mlx  # the job and its plist go; its log stays: {log}" in lines


def test_one_change_is_and_two_are() -> None:
    assert report.pending(SAVED) == "1 change is pending"
    assert report.pending(planned(SMALL, SMALL.replace("serve: /x", "serve: /y"))) == "2 changes are pending"


def breaks(line: str) -> bool:
    """Say whether a line may be broken: there is a space in it, and it is no line of a file's diff."""
    return " " in line.strip() and not re.match(r"(\[\w+\] )? {6}[-+ ]", line)


def test_a_terminal_of_eight_columns_is_no_defect(
    reviews: dict[str, list[Review]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "8")
    with contextlib.redirect_stdout(Tty()) as screen:
        terminal.show(reviews["two macs"][0], several=True, steps=False)
    assert "[macmini] ~ power/ac  sleep: 1\n[macmini]     -> 0\n" in click.unstyle(screen.getvalue())


def test_every_screen_is_a_scene() -> None:
    assert len(list(SCREENS.iterdir())) == len(SCENES) * 4


def test_what_is_fitted_keeps_its_colour_and_what_is_a_file_or_a_command_its_shape() -> None:
    words = " ".join(["word"] * 30)
    assert list(report.fitted(Styled("    " + words, "green"), 80)) == [
        click.style("    " + " ".join(["word"] * 15), fg="green"),
        click.style("        " + " ".join(["word"] * 14), fg="green"),
        click.style("        word", fg="green"),
    ]
    assert list(report.fitted(Styled(words, "green", fixed=True), 80)) == [click.style(words, fg="green")]
    assert {len(line) for line in report.fitted(Styled(words), -4)} == {
        len("word word word word"),
        len("    word word word"),
        13,
    }


@pytest.mark.parametrize("scene", SCENES)
def test_json(reviews: dict[str, list[Review]], scene: str) -> None:
    plans = [(seen.name, seen.plan) for seen in reviews[scene]]
    document = json.loads(plan_json.as_json(dict(plans), 64 * "0"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    again = json.loads(plan_json.as_json(dict(reversed(plans)), 64 * "0"))
    assert json.dumps(document) == json.dumps(again)


def test_the_schema_of_plans_is_one_and_refuses_what_is_none() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    change: dict[str, Any] = {"id": "power/ac", "action": "create", "before": {}, "after": {}}
    change |= {"sensitive": [], "steps": []}
    host = {"changes": [change], "unmanaged": [], "fingerprint": 64 * "0"}
    document = {"format_version": "1.0", "spec": 64 * "0", "hosts": {"m": host}, "checksum": 64 * "0"}
    assert not validator.is_valid(document)  # what is created was not there before
    change["before"] = None
    assert validator.is_valid(document)
    assert not validator.is_valid({key: value for key, value in document.items() if key != "spec"})
    del host["fingerprint"]
    assert not validator.is_valid(document)


KEYED = REFERENCE.replace("    serve: /vllm\n", "    serve: /vllm\n    require_key: true\n")
DANGERS: dict[str, tuple[str, str, str]] = {
    "lose-key": (KEYED, REFERENCE, "route tailnet 443/vllm: refused, it asks for a key now, and would stop asking"),
    "removal": (
        REFERENCE,
        REFERENCE[: REFERENCE.index("gateway:")],
        "objects, with this Mac's last endpoint: refused, a slip in the spec would do the same; if",
    ),
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


def with_caddy(text: str) -> str:
    for part, other in (("server: nginx ", "server: caddy "), ("  rate_limit: {per_key: 60/m}\n", "")):
        assert part in text
        text = text.replace(part, other)
    return text


def test_the_gateways_other_server_loses_no_key_and_hides_no_loss() -> None:
    guard.check(planned(with_caddy(KEYED), KEYED), NODE, "")
    guard.check(planned(KEYED, with_caddy(KEYED)), NODE, "")
    with pytest.raises(MacstateError, match="route tailnet 443/vllm: refused") as caught:
        guard.check(planned(with_caddy(REFERENCE), KEYED), NODE, "")
    assert len(str(caught.value).splitlines()) == 1


def test_a_gateway_that_was_written_before_a_run_was_cut_loses_no_key() -> None:
    new = {name: each for name, each in wished(with_caddy(KEYED)).items() if "# route: " in str(vars(each))}
    assert len(new) == 1
    guard.check(planned(with_caddy(KEYED), KEYED, "macstudio", **new), NODE, "")


SMALL = TWO.replace("serve: /}", "serve: /x}")


def test_what_is_renamed_is_not_removed() -> None:
    renamed = SMALL.replace("serve: /x", "serve: /y")
    todo = planned(renamed, SMALL)
    assert [(change.action, change.id) for change in todo.changes] == [
        ("remove", "serve/443/x"),
        ("create", "serve/443/y"),
    ]
    guard.check(todo, NODE, "")


def many(count: int) -> str:
    jobs = "".join(f"  com.example.j{number}: {{command: [/opt/j]}}\n" for number in range(count))
    return f"macs: {{macstudio: {{hostname: mini.tail1.ts.net, user: me}}}}\nlaunchd:\n{jobs}"


def test_of_few_objects_one_is_a_large_share_and_no_danger() -> None:
    guard.check(planned(many(2), many(9)), NODE, "")
    guard.check(planned(many(7), many(10)), NODE, "")
    with pytest.raises(
        MacstateError,
        match="removing 4 of 10 objects, more than a third of what macstate has made on this Mac: refused",
    ):
        guard.check(planned(many(6), many(10)), NODE, "")


def test_a_key_is_not_lost_with_its_route() -> None:
    without = REFERENCE[: REFERENCE.index("  vllm:")] + REFERENCE[REFERENCE.index("  a1111:") :]
    guard.check(planned(without, KEYED), NODE, "")


def test_a_third_of_all_is_everyday() -> None:
    guard.check(planned(REFERENCE[: REFERENCE.index("  a1111:")], REFERENCE), NODE, "")


SAVED, DIGEST = planned(REFERENCE, REFERENCE.replace("30m", "10m")), 64 * "a"


def document() -> dict[str, Any]:
    """Give a saved plan, to be edited."""
    found: dict[str, Any] = json.loads(plan_json.as_json({"macstudio": SAVED}, DIGEST))
    return found


def reread(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> saved.Saved:
    file = tmp_path / "plan.json"
    file.write_text(text)
    monkeypatch.setenv("MACSTATE_PLAN", str(file))
    found = saved.saved()
    assert found
    return found


def test_a_saved_plan_is_let_through_as_it_was_and_not_after_something_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed = reread(plan_json.summed(document()), tmp_path, monkeypatch)
    agreed.check("macstudio", SAVED, DIGEST)
    moved = planned(REFERENCE, REFERENCE.replace("30m", "20m"))
    for name, now, spec_digest, said in (
        ("macstudio", moved, DIGEST, "com.ollama.server changed since this plan was made"),
        ("macstudio", planned(REFERENCE), DIGEST, r"^[^,]*(, [^, ]*){4} and 21 more changed since this plan was made"),
        ("macstudio", SAVED, 64 * "b", "the spec has changed since this plan was made"),
        ("macmini", SAVED, DIGEST, "this plan is not for macmini"),
    ):
        with pytest.raises(MacstateError, match=said):
            agreed.check(name, now, spec_digest)


def edited(**fields: Any) -> dict[str, Any]:
    """Give a saved plan with other fields in the Mac's part."""
    found = document()
    found["hosts"]["macstudio"] |= fields
    return found


def other_steps() -> dict[str, Any]:
    found = document()
    found["hosts"]["macstudio"]["changes"][0]["steps"] = ["rm -rf /"]
    return found


EDITS: dict[str, tuple[Any, str]] = {
    "no document": ([], "this is not a saved plan"),
    "another program's": ({"format_version": "1.2"}, "this is not a saved plan"),
    "a later form": (document() | {"format_version": "2.0"}, "its format_version 2.0 is not 1.x"),
    "a number for a form": (document() | {"format_version": 1.0}, "this is not a saved plan"),
    "no list of Macs": (document() | {"hosts": ["macstudio"]}, "this is not a saved plan"),
    "a text for entries": (document() | {"only": "endpoints.vllm"}, "this is not a saved plan"),
    "an entry that is a number": (document() | {"only": [5]}, "this is not a saved plan"),
    "no changes": (edited(changes=None), "this is not a saved plan"),
    "a change that is none": (edited(changes=["power/ac"]), "this is not a saved plan"),
    "no fingerprint": (edited(fingerprint=None), "this is not a saved plan"),
    "fewer changes": (edited(changes=[]), "it was edited, and does not show what would run"),
    "other steps": (other_steps(), "it was edited, and does not show what would run"),
    "a change without a name": (edited(changes=[{}]), "it was edited, and does not show what would run"),
    "another fingerprint": (edited(fingerprint=64 * "0"), "serve changed since this plan was made"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_plan_is_refused_in_one_line(edit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, said = EDITS[edit]
    with pytest.raises(MacstateError, match=re.escape(said)) as caught:
        reread(_summed(text), tmp_path, monkeypatch).check("macstudio", SAVED, DIGEST)
    assert len(str(caught.value).splitlines()) == 1


def _summed(text: Any) -> str:
    """Print what somebody has edited who knows of the checksum too."""
    return plan_json.summed(text) if isinstance(text, dict) else json.dumps(text)


def other_places(text: str) -> Iterator[str]:
    """Give a saved plan with a character more, or one less, at each of its places."""
    yield from (text[:place] + "0" + text[place:] for place in range(0, len(text), 7))
    yield from (text[:place] + text[place + 1 :] for place in range(0, len(text), 7))


def test_every_edit_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan_json.as_json({"macstudio": SAVED}, DIGEST, ("endpoints.ollama",))
    reread(f"{made}\n", tmp_path, monkeypatch).check("macstudio", SAVED, DIGEST)
    edits = {
        "unmanaged": made.replace('"unmanaged": []', '"unmanaged": ["launchd/system/x"]'),
        "a key twice": made.replace('"hosts": {', '"hosts": {},\n  "hosts": {'),
        "a new key": made.replace('"spec"', '"note": "fine",\n  "spec"', 1),
        "another order": json.dumps(dict(sorted(json.loads(made).items(), reverse=True)), indent=2),
        "other entries": made.replace("endpoints.ollama", "endpoints.vllm", 1),
        "another form": made.replace('"1.0"', '"1.1"', 1),
        "spaces": made.replace("  ", "    ", 1),
    }

    assert made not in edits.values()
    for text in (*edits.values(), *other_places(made)):
        with pytest.raises(MacstateError, match=r"it was edited after|this is not a saved plan|its format_version"):
            reread(text, tmp_path, monkeypatch)


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MACSTATE_PLAN", str(tmp_path / "other"))
    with pytest.raises(MacstateError, match="No such file"):
        saved.saved()
    monkeypatch.delenv("MACSTATE_PLAN")
    assert saved.saved() is None
