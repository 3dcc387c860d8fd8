"""What the short plan says of a change: what it means, all of what is dangerous, and nothing twice."""

from __future__ import annotations

import re
from typing import Any

import pytest
from test_screen import planned, short, wished

from macstate.gateway.heads import heads
from macstate.kernel.change import Batch, Change, Plan
from macstate.kinds.alias import Alias
from macstate.kinds.model import Model
from macstate.review import report

GATE = """
macs: {macstudio: {hostname: studio.tail174e9b.ts.net, user: mmirvois}}
endpoints:
  a: {engine: rest, command: [/opt/a, "{port}"], port: 8001, serve: /a, open: [/x]}
  b: {engine: rest, command: [/opt/b, "{port}"], port: 8002, serve: /b, open: [/x], require_key: true}
  z: {engine: rest, command: [/opt/z, "{port}"], port: 8003, open: [/x], funnel: {https: 8443, path: /z}}
gateway: {server: nginx, keys: {k: "env:K"}, rate_limit: {per_key: 60/m}}
"""
CADDY = GATE.replace("server: nginx", "server: caddy").replace(", rate_limit: {per_key: 60/m}", "")


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def public(todo: Plan) -> list[str]:
    """Give the lines at the top."""
    return [line.removeprefix("! ") for line in short(todo) if line.startswith("! ")]


def meaning(todo: Plan) -> list[str]:
    """Give what is said of the gateway's configuration."""
    lines = short(todo)
    start = next(index for index, line in enumerate(lines) if line.startswith("~ file/Library/macstate/etc/"))
    assert re.search(r"  changed: \d+ lines? \(`-v`: all\)$", lines[start])
    below = lines[start + 1 :]
    return [line.strip() for line in below[: next(i for i, line in enumerate(below) if line[0] != " ")]]


OPENED = ('"{port}"], port: 8003, open: [/x]', '"{port}"], port: 8003, open: [/x, "/*"]')
UNLIMITED = (", rate_limit: {per_key: 60/m}", "")
EVERY_PATH = "serve/8443/z lets the internet, with a key, ask for more: every path"
WITHOUT_LIMIT = "each key may ask as often as it likes (was 60/m), also from the internet"


def test_what_the_internet_reaches_more_of_stands_at_the_top_whatever_else_changes() -> None:
    renamed = [("serve: /a,", "serve: /aa,"), ("serve: /b,", "serve: /bb,")]
    todo = planned(replaced(GATE, OPENED, UNLIMITED, *renamed), GATE)
    assert public(todo)[:2] == [EVERY_PATH, WITHOUT_LIMIT]
    assert meaning(todo) == [
        "- 443/a ends; it led to a on port 8001",
        "+ 443/aa -> a on port 8001, no key",
        "- 443/b ends; it led to b on port 8002",
        "+ 443/bb -> b on port 8002, with a key",
        "~ 8443/z for the internet lets through more: every path",
        "~ limit of each key: none (was 60/m)",
    ]


@pytest.mark.parametrize(
    ("pairs", "top", "said"),
    [
        ([OPENED], [EVERY_PATH], ["~ 8443/z for the internet lets through more: every path"]),
        ([UNLIMITED], [WITHOUT_LIMIT], ["~ limit of each key: none (was 60/m)"]),
        (
            [("60/m", "2/s")],
            ["each key may ask more often, 2/s (was 60/m), also from the internet"],
            ["~ limit of each key: 2/s (was 60/m)"],
        ),
        ([("60/m", "30/m")], [], ["~ limit of each key: 30/m (was 60/m)"]),
        (
            [("8003, open: [/x]", "8003, open: [/y/*]")],
            ["serve/8443/z lets the internet, with a key, ask for more: /y/*"],
            [
                "~ 8443/z for the internet lets through more: /y/*",
                "~ 8443/z for the internet lets through less: no longer /x",
            ],
        ),
        ([("port: 8001", "port: 8009")], [], ["~ 443/a -> a on port 8009 (was 8001), no key"]),
        ([(", require_key: true", "")], [], ["~ 443/b -> b on port 8002, no key (was with a key)"]),
    ],
)
def test_a_gateways_configuration_is_told_by_what_it_means(
    pairs: list[tuple[str, str]], top: list[str], said: list[str]
) -> None:
    todo = planned(replaced(GATE, *pairs), GATE)
    assert public(todo) == [*top, "serve/8443/z answers the internet already, and asks it for a key"]
    assert meaning(todo) == said


def test_a_narrower_path_below_one_that_was_open_is_no_more() -> None:
    wide = replaced(GATE, ("8003, open: [/x]", "8003, open: [/x/*]"))
    todo = planned(replaced(GATE, ("8003, open: [/x]", "8003, open: [/x/y]")), wide)
    assert not any("more" in line for line in public(todo))
    assert meaning(todo) == ["~ 8443/z for the internet lets through less: no longer /x/*"]


def test_the_other_server_that_limits_nobody_is_told_at_the_top() -> None:
    assert WITHOUT_LIMIT in public(planned(CADDY, GATE))
    assert EVERY_PATH in public(planned(replaced(CADDY, OPENED), GATE))


def test_the_configurations_digest_is_never_one_of_the_few_lines() -> None:
    assert not any("X-Macstate-Config" in line for line in short(planned(replaced(GATE, OPENED), GATE)))


def test_of_what_an_older_macstate_wrote_nothing_is_guessed() -> None:
    text = "# door: tailnet/443 8080\n# route: tailnet 443/a open\n# server: tailnet/443:8080 /a a 8001 open\n"
    assert heads(text).limit == ""
    assert heads("").doors == {}


OFF = ("port: 8001, serve", "port: 8001, enabled: false, serve")
JOB = "launchd/system/macstate.a"


def running(text: str) -> dict[str, Any]:
    return {key: each.model_copy(update={"running": True}) for key, each in wished(text).items() if key == JOB}


def test_an_endpoint_that_goes_off_is_one_line() -> None:
    lines = short(planned(replaced(GATE, OFF), GATE, "macstudio", **running(GATE)))
    told = [line.strip() for line in lines if "macstate.a" in line or "off by" in line]
    assert told == [f"~ {JOB}", "off by the spec: its running requests end; its plist, log and models stay"]
    assert not any("enabled" in line or "requests" in line for line in lines if "off by" not in line)


def test_what_was_stopped_by_hand_and_is_off_by_the_spec_now_stays_off() -> None:
    stopped = {JOB: wished(replaced(GATE, OFF))[JOB]}
    lines = short(planned(replaced(GATE, OFF), GATE, "macstudio", **stopped))
    assert f"~ {JOB}  # stays off, by the spec now" in lines
    gateway = "~ launchd/system/macstate.gateway  # what it reads has changed: it reloads, and nothing is cut off"
    assert gateway in lines


@pytest.mark.parametrize(
    ("words", "other", "told"),
    [
        ("/opt/a, --host, h, --port, '8001'", "/opt/a, --host, h, --port, '8009'", ["--port: 8001 -> 8009"]),
        ("/opt/a, serve, --x, 'y', z", "/opt/a, serve, --x, 'y', --new, z", [": (none) -> --new"]),
        ("/opt/a, serve, --x, 'y', z", "/opt/a, serve, --x, z", [": y -> (none)"]),
        ("/opt/a, serve", "/opt/b, serve", [": /opt/a serve -> /opt/b serve"]),
    ],
)
def test_of_a_command_the_words_that_differ_are_told(words: str, other: str, told: list[str]) -> None:
    text = "macs: {macstudio: {hostname: mini.tail1.ts.net, user: me}}\nlaunchd: {com.ex.j: {command: [%s]}}\n"
    lines = [line for line in short(planned(text % other, text % words)) if "ProgramArguments" in line]
    assert [line.partition("ProgramArguments")[2].strip() for line in lines] == told


def test_a_new_name_of_a_model_is_told_by_the_model() -> None:
    alias = Alias(key="o/chat:latest", digest="0" * 64, source="qwen3:32b", port=11434)
    todo = Plan((Batch((Change(alias.id, "create", alias, None),), (), (0, 0, 0)),))
    assert short(todo)[0] == "+ alias/o/chat:latest  another name of qwen3:32b"


def test_what_is_left_with_something_else_is_named_once() -> None:
    why = "model/o/m1:latest: its registry has no such model"
    todo = Plan(left={"alias/o/al:latest": why, "model/o/m1:latest": why})
    assert report.left(todo) == [f"{why} (alias/o/al:latest too)"]
    assert report.left(Plan(left={"model/o/m1:latest": why})) == [why]


def going(names: list[str], why: str) -> Plan:
    changes = [Change(f"model/o/{name}", "remove", None, None, why, gone=Model) for name in names]
    return Plan(tuple(Batch((change,), (), (0, 0, index)) for index, change in enumerate(changes)))


def test_what_is_said_of_several_removals_is_said_once() -> None:
    why = "its server is no longer in the spec"
    assert short(going(["a:latest", "b:latest", "c:latest"], why))[:-1] == [
        "- model/o/a:latest",
        "- model/o/b:latest",
        "- model/o/c:latest",
        f"    each of these 3: {why}",
    ]
    assert short(going(["a:latest"], why))[:-1] == [f"- model/o/a:latest  # {why}"]
    assert short(going(["a:latest", "b:latest"], ""))[:-1] == ["- model/o/a:latest", "- model/o/b:latest"]
    detail = list(report.text("m", going(["a:latest", "b:latest"], why), steps=True))
    assert sum(why in line for line in detail) == 2


def test_a_pull_that_goes_on_is_told_above_a_plan_without_changes_and_nothing_else_counts_as_one() -> None:
    pulls = (("model/o/a:latest", "is on its way: waits for others, 20.0 GB"),)
    stays = ("model/o/b:latest", "is no longer declared and stays; `prune_models: true` deletes it")
    lines = short(Plan(notes=(*pulls, stays)))
    assert lines[0] == "note: model/o/a:latest is on its way: waits for others, 20.0 GB"
    assert lines[-1] == "No changes. macstudio matches the spec."
    assert "; 1 model is being pulled in the background" in report.proven(Plan(notes=(*pulls, stays)), ())
