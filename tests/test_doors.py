"""The gateway before it reaches a Mac: what is refused, which door leads where, and what the plan says of it."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
import yaml

from macstate import spec
from macstate.errors import MacstateError
from macstate.kernel.plan import plan
from macstate.kernel.record import Record
from macstate.kernel.resource import Actual, Resource
from macstate.kinds import KINDS
from macstate.kinds.serve import Serve
from macstate.language.facts import Facts, Node
from macstate.language.secrets import Secret
from macstate.review import plan_json, report

NGINX, CADDY = "/opt/homebrew/bin/nginx", "/opt/homebrew/bin/caddy"
KEY = "a-key-that-nobody-may-see-0123"
SERVED = {"serve": {"tailscale serve status --json": "{}"}}
CAPABILITIES = frozenset({"https", "funnel", "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"})
ENDPOINTS = {
    "ollama": {"engine": "ollama", "command": ["/a"], "port": 11434, "serve": "/", "funnel": {"https": 8443}},
    "vllm": {"engine": "openai", "command": ["/b"], "port": 8000, "serve": "/vllm"},
}


def expand(
    gateway: dict[str, Any],
    endpoints: dict[str, Any] = ENDPOINTS,
    *,
    programs: dict[str, str] | None = None,
    capabilities: frozenset[str] = CAPABILITIES,
) -> dict[str, Resource]:
    """Give the resources of a Mac with this gateway."""
    data = {"macs": {"m": {"hostname": "m.ts.net", "user": "me"}}, "gateway": gateway, "endpoints": endpoints}
    node = Node(name="m.ts.net", capabilities=capabilities)
    known = {NGINX: "nginx/1.29.3", CADDY: "v2.11.7"} if programs is None else programs
    facts = Facts(user="me", home="/Users/me", node=node, programs=known)
    wishes = spec.parse(yaml.safe_dump(data), "macs.yml").for_host("m")
    return dict(wishes.expand(facts, lambda *_: Secret(KEY)))


@pytest.mark.parametrize(
    ("gateway", "programs", "line"),
    [
        ({"server": "nginx"}, {}, f"{NGINX} cannot be run on this Mac; type `brew install nginx` there"),
        ({"server": "caddy", "program": "/opt/caddy"}, {}, "/opt/caddy cannot be run on this Mac"),
        ({"server": "caddy"}, {CADDY: "v2.10.2 h1:x"}, "this Caddy is older than 2.11"),
        (
            {"server": "caddy", "rate_limit": {"per_key": "60/m"}},
            {CADDY: "v2.11.7\nhttp.handlers.headers"},
            "this Caddy has no module for it; type `caddy add-package .*` on the Mac, or set `server: nginx`",
        ),
    ],
)
def test_a_program_that_cannot_do_it_is_refused(gateway: dict[str, Any], programs: dict[str, str], line: str) -> None:
    with pytest.raises(MacstateError, match=line):
        expand({**gateway, "keys": {"agents": "generate"}}, programs=programs)


def test_a_caddy_with_the_module_limits() -> None:
    gateway = {"server": "caddy", "rate_limit": {"per_key": "60/m"}, "keys": {"agents": "generate"}}
    found = expand(gateway, programs={CADDY: "v2.11.7\nhttp.handlers.rate_limit"})
    assert "events 60" in found["file/Library/macstate/etc/Caddyfile"].content  # type: ignore[attr-defined]


def test_what_a_caddy_warns_of_is_not_its_version() -> None:
    about = "WARN v0.1.2 telemetry is off\nv2.11.7 h1:x\nhttp.handlers.headers"
    assert expand({"server": "caddy", "keys": {"agents": "generate"}}, programs={CADDY: about})


def test_a_node_that_may_not_use_funnel_is_refused() -> None:
    for capabilities in (frozenset({"https"}), frozenset({"https", "funnel"})):
        with pytest.raises(
            MacstateError, match="this node may not use Funnel on port 8443: give it the node attribute"
        ):
            expand({"server": "nginx", "keys": {"agents": "generate"}}, capabilities=capabilities)


def test_each_route_leads_to_its_door() -> None:
    found = expand({"server": "nginx", "keys": {"agents": "generate"}, "ports": {"tailnet": 9080, "funnel": 9081}})
    routes = {
        name: (each.managed["target"], each.managed["funnel"]) for name, each in found.items() if "serve/" in name
    }
    assert routes == {
        "serve/443/": ("http://127.0.0.1:9080", False),
        "serve/443/vllm": ("http://127.0.0.1:9080/vllm", False),
        "serve/8443/": ("http://127.0.0.1:9081", True),
    }


@pytest.mark.parametrize("server", ["nginx", "caddy"])
def test_the_key_is_in_its_own_file_alone(server: str) -> None:
    found = expand({"server": server, "keys": {"agents": "generate"}})
    todo = plan(found, Actual(Facts(), {}, Record({}, {True: "", False: ""}), outputs=SERVED, kinds=KINDS))
    said = [*report.text("m", todo, steps=True), plan_json.as_json({"m": todo}, ""), repr(found), str(todo)]
    assert KEY not in "".join(said)
    assert (
        sum(
            KEY.encode() in step.content.replace(b"\\", b"")
            for batch in todo.batches
            for step in batch.steps
            if hasattr(step, "content")
        )
        == 1
    )


def test_what_the_internet_reaches_stands_first() -> None:
    found = expand({"server": "nginx", "keys": {"agents": "generate"}})
    lines = list(
        report.text("m", plan(found, Actual(Facts(), {}, Record({}, {}), outputs=SERVED, kinds=KINDS)), steps=False)
    )
    assert [click.unstyle(line) for line in lines[:2]] == [
        "! serve/8443/ answers the internet, and asks it for a key",
        "",
    ]


@pytest.mark.parametrize(
    ("target", "unguarded"),
    [("http://127.0.0.1:11434", True), ("http://localhost:11434/v1", True), ("http://127.0.0.1:8081", False)],
)
def test_somebodys_funnel_past_the_gate_is_told_as_what_it_is(target: str, unguarded: bool) -> None:
    found = expand({"server": "nginx", "keys": {"agents": "generate"}})
    foreign = Serve(key="10000/", target=target, funnel=True)
    there = {name: each for name, each in found.items() if not name.startswith("serve/")} | {foreign.id: foreign}
    lines = list(
        report.text("m", plan(found, Actual(Facts(), there, Record({}, {}), outputs=SERVED, kinds=KINDS)), steps=False)
    )
    said = "WITHOUT A KEY for macstate.ollama, and" if unguarded else "and"
    assert f"! serve/10000/ answers the internet{' ' if unguarded else ', '}{said} macstate did not make it" in [
        click.unstyle(line) for line in lines
    ]


@pytest.mark.parametrize(
    ("gateway", "shown"),
    [
        ({}, ["nobodys", "ollama", "public", "vllm"]),
        ({"require_key": "always"}, []),
    ],
)
def test_the_page_is_told_of_every_endpoint_that_asks_the_tailnet_for_no_key(
    gateway: dict[str, Any], shown: list[str]
) -> None:
    endpoints = {
        **ENDPOINTS,
        "public": {"engine": "ollama", "command": ["/c"], "port": 8001, "funnel": {"https": 8443, "path": "/p"}},
        "nobodys": {"engine": "rest", "command": ["/d"], "port": 8002, "health": "/ok"},
        "asking": {"engine": "rest", "command": ["/e"], "port": 8003, "require_key": True},
    }
    found = expand({"server": "nginx", "keys": {"agents": "generate"}, **gateway}, endpoints)
    config = found["file/Library/macstate/etc/nginx.conf"].managed["content"]
    health, _, host = config.partition("$health_host {")

    assert re.findall(r'"~\^tailnet/443 /macstate/state/(\w+)\\z" "\d', health) == shown
    assert re.findall(r'"~\^funnel/8443 /macstate/state/(\w+)\\z" "\d', health) == ["ollama", "public"]
    if shown:
        assert '"~^tailnet/443 /macstate/state/nobodys\\z" "8002/ok";' in health
        assert '"~^tailnet/443 /macstate/state/public\\z" localhost:8001;' in host
    unseen = set(re.findall(r'data-endpoint="(\w+)" data-state="unknown"', found["guide/pages"].managed["page"]))
    assert unseen == {*endpoints} - {*shown}


def test_one_endpoint_may_ask_where_the_others_do_not() -> None:
    endpoints = {**ENDPOINTS, "vllm": {**ENDPOINTS["vllm"], "require_key": True}}
    found = expand({"server": "nginx", "keys": {"agents": "generate"}}, endpoints)
    config = found["file/Library/macstate/etc/nginx.conf"].managed["content"]
    (wants,) = re.findall(r"map \$way \$wants_key \{(.*?)\n  \}", config, re.DOTALL)
    assert re.findall(r"(\S+) 1;", wants) == ["key", "tailnet/vllm", "funnel/ollama"]


SHAPES = {
    **ENDPOINTS,
    "ui": {"engine": "rest", "command": ["/c"], "port": 7860, "serve": {"https": 7860}},
    "kept": {
        "engine": "rest",
        "command": ["/d"],
        "port": 8001,
        "serve": {"path": "/k", "keep_path": True},
        "open": ["/x"],
    },
}


@pytest.mark.parametrize("server", ["nginx", "caddy"])
def test_access_is_decided_by_expressions_that_heed_case(server: str) -> None:
    """On macOS nginx compares every location without case, and Caddy's ``path`` does everywhere."""
    found = expand({"server": server, "keys": {"agents": "generate"}}, SHAPES)
    (config,) = (each.content for name, each in found.items() if name.endswith(("nginx.conf", "Caddyfile")))  # type: ignore[attr-defined]
    if server == "nginx":
        locations = set(re.findall(r"^ *location (.*) \{", config, re.MULTILINE))
        own = {'= "/macstate state"', *(f'= "/macstate {status}"' for status in (400, 405, 414, 431))}
        assert {each for each in locations if not each.startswith("@")} == {"/", *own}  # no route can have a blank
        assert config.count("internal;") == len(own)
        keyed = re.findall(r'map (?:\$uri|"[^"]*\$(?:uri|request_uri)") \S+ \{(.*?)\n  \}', config, re.DOTALL)
        words = [
            line.split('"')[1]
            for block in keyed
            for line in block.splitlines()
            if '"' in line and "default" not in line
        ]
        assert len(words) > 40
        assert [word for word in words if not word.startswith(("~^", "~(?s)^"))] == []
    else:
        assert re.findall(r"^\s*(?:@\S+ )?path .*$|^\s*handle_path.*$|^\s*handle /.*$", config, re.MULTILINE) == []
        assert re.findall(r"^\t+(?:@\S+ )?(?:not )?path_regexp", config, re.MULTILINE) == []
        assert config.count("vars_regexp {http.request.uri.path}") > 20


def test_a_door_is_a_port_of_its_own_for_each_audience_and_https_port() -> None:
    found = expand({"server": "nginx", "keys": {"agents": "generate"}, "ports": {"tailnet": {7860: 9082}}}, SHAPES)
    targets = {name: each.managed["target"] for name, each in found.items() if "serve/" in name}
    assert targets == {
        "serve/443/": "http://127.0.0.1:20167",
        "serve/443/vllm": "http://127.0.0.1:20167/vllm",
        "serve/443/k": "http://127.0.0.1:20167/k",
        "serve/7860/": "http://127.0.0.1:9082",
        "serve/8443/": "http://127.0.0.1:8081",
    }
    assert found["launchd/system/macstate.gateway"].ports == (20167, 9082, 8081)  # type: ignore[attr-defined]
