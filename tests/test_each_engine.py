"""Every engine, taken through all that is made of an endpoint.

Its cases lie in `tests/engines/NAME.yml`:

`endpoint`   its entry, to which the test adds a route for each audience and a watchdog
`users`      lines of the guide for those who use it, `keeper` of that for whoever keeps the Mac
`page`       lines of the guide's page, `llms.txt` of what agents read
`mistakes`   entries that are refused, and what is said of each
`watchdog`   `knows`: what it is told in `variables`, also by an entry that differs `with` these fields; `asks`: paths
             that it asks while all is well, in this order, with an answer (`says`), and those of 200, 401 and 500 that
             it takes for well
`status`     `asks`: what the probe asks; `answers`: by section, those of a server that is well; `says`: what is told
`gateway`    requests that it `passes` on to the server, and that it `refuses`; the `host` and `origin` that go there
`laptop`     `variables`, and what stands in the configuration of each of the `tools`
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_health import found
from test_watchdog import Dog

from macstate import spec
from macstate.endpoint.engines import ENGINES
from macstate.endpoint.entry import Endpoint
from macstate.errors import MacstateError
from macstate.gateway.doors import Door
from macstate.gateway.entry import doors_of
from macstate.gateway.servers import SERVERS
from macstate.guide.guide import Guide
from macstate.kernel.change import Plan
from macstate.kernel.resource import Actual
from macstate.kinds.launchd import Launchd
from macstate.kinds.model import Model
from macstate.language.facts import Facts, Node
from macstate.language.facts.machine import Listener
from macstate.language.secrets import Secret
from macstate.laptop import tools
from macstate.laptop.neighbour import Neighbour
from macstate.review import health
from macstate.review.status import Status
from macstate.spec.declared import Declared

CASES = Path(__file__).with_name("engines")
GATEWAYS = Path(__file__).with_name("gateways")
HOST = "studio.tail1.ts.net"
CAPABILITIES = frozenset({"https", "funnel", "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"})
ROUTES = {"serve": "/coder", "funnel": {"https": 8443, "path": "/coder"}, "watchdog": True}
STATUSES = (200, 400, 401, 404, 500, 502, 503)
USAGE = {"requests", "counted"}
"""What the gateway's log is asked, whatever the engine is."""


def case(engine: str) -> dict[str, Any]:
    file = CASES / f"{engine}.yml"
    assert file.exists(), f"write tests/engines/{engine}.yml, as the beginning of tests/test_each_engine.py says"
    read: dict[str, Any] = yaml.safe_load(file.read_text())
    assert read["endpoint"]["engine"] == engine
    return read


def gateway(server: str) -> dict[str, Any]:
    """Give the cases of a gateway's server, which say how a rule looks in its configuration."""
    file = GATEWAYS / f"{server}.yml"
    assert file.exists(), f"write tests/gateways/{server}.yml, as the beginning of tests/test_each_gateway.py says"
    read: dict[str, Any] = yaml.safe_load(file.read_text())
    return read


def wishes(engine: str, server: str = "nginx", **fields: Any) -> Declared:
    """Give a Mac with one such endpoint, whose name is coder, behind a gateway; ``fields`` differ in its entry."""
    data = {
        "macs": {"studio": {"hostname": HOST, "user": "anna"}},
        "gateway": {"server": server, "keys": {"agents": "generate"}},
        "endpoints": {"coder": {**case(engine)["endpoint"], **ROUTES, **fields}},
    }
    return spec.parse(yaml.safe_dump(data, sort_keys=False), "macs.yml").for_host("studio")


def endpoint(engine: str) -> Endpoint:
    entry = dict(wishes(engine).entries)["coder"]
    assert isinstance(entry, Endpoint)
    return entry


def facts(server: str = "nginx") -> Facts:
    node = Node(name=HOST, capabilities=CAPABILITIES)
    programs = {SERVERS[server].program: gateway(server)["about"]}
    return Facts(user="anna", home="/Users/anna", node=node, programs=programs)


def lacking(lines: list[str], text: str) -> list[str]:
    """Give the lines that a text does not have."""
    return [line for line in lines if line not in text.splitlines()]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_they_stand_in_an_order_of_their_own() -> None:
    assert [*ENGINES][:4] == ["ollama", "mlx", "openai", "rest"]


def test_no_cases_are_of_an_engine_that_is_not_there() -> None:
    assert {file.stem for file in CASES.iterdir()} <= {*ENGINES}


def test_the_guide_tells_of_it_in_all_its_forms(engine: str) -> None:
    own = case(engine)
    files = Guide.of_spec(wishes(engine).macs[0]).files()
    users, _, keeper = files["guide.md"].partition("\n## Health\n")
    assert lacking(own["users"], users) == []
    assert lacking(own["keeper"], keeper) == []
    assert lacking(own["page"], files["index.html"]) == []
    assert lacking(own["llms.txt"], files["llms.txt"]) == []
    assert all(own[form] for form in ("users", "keeper", "page", "llms.txt"))
    assert all(re.search(r"\bcoder\b", text) for text in (users, keeper, files["index.html"], files["llms.txt"]))


def test_what_it_does_not_understand_is_refused_in_a_line(engine: str) -> None:
    for mistake in case(engine)["mistakes"]:
        text = yaml.safe_dump({"macs": {"m": {"hostname": "h", "user": "u"}}, "endpoints": {"a": mistake["endpoint"]}})
        assert mistake["endpoint"]["engine"] == engine
        with pytest.raises(MacstateError) as refused:
            spec.parse(text, "macs.yml")
        assert re.fullmatch(r"macs\.yml:\d+:\d+: [^\n]+", refused.value.message)
        assert mistake["says"] in refused.value.message
    assert case(engine)["mistakes"]


def dogs(engine: str, **fields: Any) -> dict[str, str]:
    """Give the watchdog's environment, without what every one has."""
    resources = wishes(engine, **fields).expand(facts(), lambda *_: Secret("a-key-that-is-long-enough"))
    (job,) = (each for name, each in resources.items() if name.endswith("/macstate.coder.watchdog"))
    assert isinstance(job, Launchd)
    given: dict[str, str] = (job.file or {})["EnvironmentVariables"]
    return {name: given[name] for name in given if name not in {"HOME", "PATH", "NAME", "TARGET", "PLIST", "STATE"}}


def watched(engine: str, folder: Path, status: dict[str, int]) -> tuple[list[str], list[str]]:
    """Have its watchdog look once, at a server that is well but for these; give what it says, and what it has asked."""
    folder.mkdir()
    dog = Dog(folder)
    for path, answer in case(engine)["watchdog"]["asks"].items():
        dog.answer(path, answer["says"], status.get(path, 200))
    known = {**dogs(engine), "READY": "0"}
    return dog.look(known.pop("ENGINE"), **known), [line.partition("\t")[0] for line in dog.lines("asked")]


def test_its_watchdog_knows_what_to_ask_and_which_answers_are_well(engine: str, tmp_path: Path) -> None:
    own = case(engine)["watchdog"]
    usual = {"EVERY", "DEADLINE", "PATIENCE", "COOLDOWN", "GIVE_UP", "READY"}
    for told in own["knows"]:
        given = dogs(engine, **told.get("with", {}))
        assert {name: value for name, value in given.items() if name not in usual} == told["variables"]
    assert "with" not in own["knows"][0]
    assert watched(engine, tmp_path / "well", {}) == ([], [*own["asks"]])
    for path, answer in own["asks"].items():
        assert 200 in answer["well"]
        assert max(answer["well"]) < 500, "what answers 500 is not well"
        for status in (401, 500):
            said, _ = watched(engine, tmp_path / f"{[*own['asks']].index(path)}-{status}", {path: status})
            ill = [line for line in said if re.fullmatch(rf"x: restarted: status {status} \(\S+\)", line)]
            assert (ill == []) is (status in answer["well"]), (path, status, said)
            assert ill == said


def looked_at(engine: str, answers: dict[str, str]) -> Actual:
    """Give a Mac where it runs, listens on its port, has its models, and answers this."""
    entry = endpoint(engine)
    was = found(answers, name=HOST)
    listeners = (Listener(entry.port, "127.0.0.1", 7, 7, "/opt/x"),)
    machine = replace(was.facts.machine, listeners=listeners)
    wished = wishes(engine).expand(facts(), lambda *_: Secret("a-key-that-is-long-enough"))
    models = {name: each for name, each in wished.items() if isinstance(each, Model)}
    return replace(was, facts=replace(was.facts, machine=machine), resources={**was.resources, **models})


def test_its_state_is_judged_and_told(engine: str) -> None:
    own, mac = case(engine)["status"], wishes(engine)
    asked = [f"{name} {value}" for name, value in health.lists(mac, usage=True) if name not in USAGE]
    assert asked == own["asks"]
    answers = {f"{section} coder": text for section, text in own["answers"].items()}
    assert {section.partition(" ")[0] for section in asked} == {*own["answers"]}

    (judged,) = health.healths(mac, looked_at(engine, answers))
    assert judged.state == "up"
    seen = Status(mac, looked_at(engine, {**answers, "age coder": "1-02:03:04"}), Plan(()), in_tailnet=False)
    told = [f"{about.rstrip()} {state.text.strip()}{text[1:]}" for about, state, text in seen.lines()]
    assert lacking(own["says"], "\n".join(told)) == []
    assert own["says"]
    for status in STATUSES:
        ill = {**answers, "health coder": f"\n{status}"}
        (judged,) = health.healths(mac, looked_at(engine, ill))
        assert (judged.state == "down") is (status >= 500), (status, judged)


def passed(door: Door, method: str, path: str) -> bool:
    """Say whether a door lets a request through, by the expressions that every server's configuration has."""
    (way,) = door.upstreams
    rules = any((not methods or method in methods) and re.fullmatch(paths, path) for methods, paths in way.rules)
    return rules or any(re.fullmatch(paths, path) for paths in way.open_paths)


def rules(door: Door, form: dict[str, Any]) -> Iterator[str]:
    """Give each rule of a door as it stands in a server's configuration."""
    for way in door.upstreams:
        for methods, paths in way.rules:
            if methods:
                words = form["between_methods"].join(methods)
                yield form["rule"].format(audience=door.audience, way=way.name, methods=words, paths=paths)
        yield from (form["open"].format(audience=door.audience, way=way.name, paths=paths) for paths in way.open_paths)


@pytest.mark.parametrize("server", SERVERS)
def test_a_gateway_passes_on_what_people_use_of_it_and_nothing_else(engine: str, server: str) -> None:
    own, mac = case(engine)["gateway"], wishes(engine, server)
    doors = doors_of(mac.scope(facts(server)))
    assert [door.audience for door in doors] == ["tailnet", "funnel"]
    for door in doors:
        for word in ("passes", "refuses"):
            requests = [request.split(" ") for request in own[word]]
            wrong = [each for each in requests if passed(door, each[0], f"/coder{each[1]}") is not (word == "passes")]
            assert wrong == [], (door.name, word)
        (way,) = door.upstreams
        assert (way.host, way.origin) == (own["host"], own["origin"])
        assert not passed(door, "GET", "/other/v1/models")

    resources = mac.expand(facts(server), lambda *_: Secret("a-key-that-is-long-enough"))
    config = str(resources[f"file/Library/macstate/etc/{SERVERS[server].file}"].managed["content"])
    for door in doors:
        wanted = [*rules(door, gateway(server))]
        assert all(rule in config for rule in wanted)
        assert bool(wanted) is (own["refuses"] != [])


def test_a_laptop_gets_its_variables_and_its_tools_configuration(engine: str) -> None:
    own = case(engine)["laptop"]
    mac = Neighbour(wishes(engine).macs[0], Facts(), "tailnet", None, first=True)
    assert dict(mac.variables) == own["variables"]
    assert {*own["tools"]} == {*tools.CONTENTS}
    for tool, content in tools.CONTENTS.items():
        text = content([mac])
        assert [part for part in own["tools"][tool] if part not in text] == [], tool
        assert (HOST in text) is (own["tools"][tool] != []), tool
    assert json.loads(tools.CONTENTS["opencode"]([mac]))["$schema"]
    assert endpoint(engine).made_by.chats is ("OPENAI_BASE_URL" in own["variables"])
