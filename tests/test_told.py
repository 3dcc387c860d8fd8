"""What the short plan says of a change: what it means, all of what is dangerous, and nothing twice."""

from __future__ import annotations

import re

import pytest
from test_screen import planned, short

from macstate.change import Plan
from macstate.services.heads import heads

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
    start = next(place for place, line in enumerate(lines) if line.startswith("~ file/Library/macstate/etc/"))
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
