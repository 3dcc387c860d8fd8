"""At no moment is a model reachable by more people than before a run and after it, wherever the run is killed."""

from __future__ import annotations

import json
import plistlib
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_cases import written

from macstate import spec
from macstate.errors import MacstateError
from macstate.gateway import changes
from macstate.kernel.plan import plan
from macstate.kernel.record import Record, Recorded
from macstate.kernel.resource import Actual, Resource
from macstate.kernel.steps import Delete, Run, Step, Write
from macstate.kinds import KINDS
from macstate.kinds.file import File
from macstate.kinds.launchd import Launchd
from macstate.kinds.launchd.launchctl import as_printed
from macstate.kinds.serve import Serve
from macstate.kinds.serve.document import READ, STATUS, Audience, addresses, after
from macstate.language.facts import Facts, Node
from macstate.language.facts.machine import Listener, Machine
from macstate.language.secrets import Secret

NAME = "m.tail1.ts.net"
NODE = Node(
    name=NAME,
    capabilities=frozenset({"https", "funnel", "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"}),
)
FACTS = Facts(
    user="me",
    home="/Users/me",
    node=NODE,
    programs={"/opt/homebrew/bin/nginx": "nginx/1.29.3", "/opt/homebrew/bin/caddy": "v2.11.7"},
)
WATCHED = (File, Launchd, Serve)
PORTS = (8000, 8001, 8080, 8081, 9080, 20443)
MISSING = "no such file: the server does not start with it, and goes on with what it has"
Exposed = set[tuple[str, str, str]]
"""(audience, HTTPS port, endpoint) of whatever is reached without a key."""


def reach(document: Mapping[str, Any]) -> dict[str, tuple[str, Audience]]:
    """Say where each address leads, and who can reach it: ``NAME:443/vllm`` or, of a forward, ``tcp:2222``."""
    found: dict[str, tuple[str, Audience]] = {}
    for each in addresses(document):
        place = f"{each.host}:{each.port}{each.mount.rstrip('/') or '/'}" if each.host else f"tcp:{each.port}"
        prefix = f"{each.part}/" if each.part not in {"", "foreground"} else ""
        found.setdefault(prefix + place, (each.target, each.audience))
    return found


@dataclass
class World:
    """A Mac, as far as it decides who reaches what: what is served, which jobs run, and what each has taken in."""

    socket: bool = True
    document: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
    """By target: the plist, and the gateway's configuration as it is in force."""
    record: dict[str, Recorded] = field(default_factory=dict)

    def step(self, step: Step) -> None:
        """Do one step of a plan."""
        match step:
            case Write(path=path, content=content):
                self.files[path] = content
            case Delete(path=path):
                self.files.pop(path, None)
            case Run(words=("launchctl", "bootout", target)):
                self.jobs.pop(target, None)
            case Run(words=("launchctl", "bootstrap", domain, path)):
                plist = plistlib.loads(self.files[path])
                self.jobs[f"{domain}/{plist['Label']}"] = plist, self.config(plist)
            case Run(words=("launchctl", "kill", _, target)):
                plist, was = self.jobs[target]
                now = self.config(plist)
                self.jobs[target] = plist, was if now == MISSING else now
            case Run(words=("curl", *_), stdin=text) | Run(words=(*_, "set-raw"), stdin=text):
                self.document = json.loads(text)

    def config(self, plist: dict[str, Any]) -> str:
        """Read the configuration that a job is given."""
        words = plist["ProgramArguments"]
        return self.files.get(words[-1], MISSING.encode()).decode() if words[-2] in {"-c", "--config"} else ""

    def listeners(self) -> dict[int, str]:
        """Say which job listens where; whoever was first has a port."""
        found: dict[int, str] = {}
        for target, (plist, config) in self.jobs.items():
            words = plist["ProgramArguments"]
            own = [port for port, _, _ in doors(config)] if config else [int(words[words.index("--port") + 1])]
            for port in own:
                found.setdefault(port, target)
        return found

    def exposed(self) -> Exposed:
        """Say who reaches which endpoint without a key now."""
        here, found = self.listeners(), set()
        for address, (url, audience) in reach(self.document).items():
            https = address.removeprefix(f"{NAME}:").partition("/")[0]
            match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/.*)?", url)
            assert match
            target, mount = here.get(int(match[1]), ""), match[2] or "/"
            config = self.jobs[target][1] if target else ""
            if target and not config:
                found.add((audience, https, target))
            for port, _, ways in doors(config):
                if port == int(match[1]):
                    behind = [
                        way for way in ways if f"{way[0]}/".startswith(f"{mount.rstrip('/')}/") or below(mount, way[0])
                    ]
                    found |= {(audience, https, here[to]) for _, to, key in behind if not key and to in here}
        return {(audience, https, target) for audience, https, target in found if audience != "nobody"}

    def actual(self, known: dict[str, Resource]) -> Actual:
        """Read it, as the probe would."""
        pids = {target: 100 + index for index, target in enumerate(self.jobs)}
        resources: dict[str, Resource] = {}
        for name, each in known.items():
            if isinstance(each, File) and each.path in self.files:
                resources[name] = each.model_copy(update={"content": self.files[each.path].decode(), "valid": ()})
            if isinstance(each, Launchd) and (each.path in self.files or each.key in self.jobs):
                loaded = as_printed(self.jobs[each.key][0], each.path or "") if each.key in self.jobs else {}
                file = plistlib.loads(self.files[each.path]) if each.path in self.files else {}
                now = {"file": file, "loaded": loaded, "running": bool(loaded), "pid": pids.get(each.key), "ports": ()}
                resources[name] = each.model_copy(update={**now, "config_digest": "", "refresh": ()})
        status = json.dumps({"BackendState": "Running", "Self": {"DNSName": f"{NAME}."}})
        outputs = {"tailscale status --json": status, **after(self.document)}
        outputs.pop(STATUS if self.socket else READ)
        outputs["owned"] = written(self.record)
        resources |= {each.id: each for each in Serve.parse(outputs)}
        listening = tuple(
            Listener(port, "127.0.0.1", pids[job], pids[job], "x") for port, job in self.listeners().items()
        )
        facts = replace(FACTS, machine=Machine(listeners=listening))
        return Actual(facts, resources, Record(dict(self.record)), {}, {"serve": outputs}, kinds=KINDS)


def below(path: str, mount: str) -> bool:
    return f"{path}/".startswith(f"{mount}/")


def doors(config: str) -> list[tuple[int, str, list[tuple[str, int, bool]]]]:
    """Read (port, name, ways) of every door from a configuration; a way is (mount, port, whether it wants a key)."""
    block = re.search(r"map \$way \$to_port \{(.*?)\n  \}", config, re.DOTALL)
    ports = iter(
        re.findall(r"^    \S+/\S+ (\d+);$", block[1], re.MULTILINE)
        if block
        else re.findall(r"route @way_\S+ \{.*?reverse_proxy 127\.0\.0\.1:(\d+)", config, re.DOTALL)
    )
    found = []
    for name, port, routes in re.findall(r"# door: (\S+) (\d+)\n((?:# route: .*\n)*)", config):
        ways = re.findall(r"# route: \S+ \d+(/\S*) (\w+)", routes)
        found.append((int(port), name, [(mount.rstrip("/"), int(next(ports)), word == "key") for mount, word in ways]))
    return found


ROUTES = (None, "/", "/a", "/a/b", "/b", {"https": 7860}, {"https": 7860, "path": "/a"})
FUNNELS = (None, None, {"https": 8443}, {"https": 8443, "path": "/p"}, {"https": 10000}, {"https": 10000, "path": "/p"})


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Up to four endpoints on few ports and mounts, with a gateway or without: whatever can take another's place."""
    ports = draw(st.permutations(PORTS))
    gate = draw(st.booleans())
    endpoints: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=4)):
        command = [f"/opt/{name}", "--port", "{port}"]
        entry = {"engine": draw(st.sampled_from(["rest", "openai"])), "command": command, "port": ports[len(endpoints)]}
        entry["serve"] = draw(st.sampled_from(ROUTES))
        if gate:
            entry |= {
                "funnel": draw(st.sampled_from(FUNNELS)),
                "require_key": draw(st.sampled_from([None, True, False])),
            }
        endpoints[name] = {key: value for key, value in entry.items() if value is not None}
    data: dict[str, Any] = {"macs": {"m": {"hostname": NAME, "user": "me"}}, "endpoints": endpoints}
    if gate:
        tailnet, funnel = ports[len(endpoints) : len(endpoints) + 2]
        data["gateway"] = {
            "server": draw(st.sampled_from(["nginx", "caddy"])),
            "ports": {"tailnet": tailnet, "funnel": {draw(st.sampled_from([8443, 10000])): funnel}},
            "require_key": draw(st.sampled_from(["funnel", "always"])),
            "keys": {"k": "env:K"},
        }
    return data


def wished(data: dict[str, Any]) -> dict[str, Resource] | None:
    """Give what a spec wishes for of what decides who reaches what; None: it contradicts itself."""
    try:
        wishes = spec.parse(yaml.safe_dump(data), "x.yml").for_host("m")
    except MacstateError:
        return None
    found = wishes.expand(FACTS, lambda *_: Secret("a-key-that-nobody-knows"))
    return {name: each for name, each in found.items() if isinstance(each, WATCHED)}


def carried_out(
    world: World, desired: dict[str, Resource], known: dict[str, Resource], stop: int = -1
) -> list[Exposed]:
    """Plan for a Mac and carry that out, up to a step; give who reached what after each."""
    seen: list[Exposed] = []
    for batch in plan(desired, world.actual(known)).batches:
        world.record |= {change.id: Recorded("pending", "-") for change in batch.changes if batch.steps}
        for step in batch.steps:
            if len(seen) == stop:
                return seen
            world.step(step)
            seen.append(world.exposed())
        for change in batch.changes:
            world.record.pop(change.id, None)
            if change.want:
                world.record[change.id] = Recorded("owned", change.want.fingerprint)
    return seen


def pair(before: dict[str, Any], after_: dict[str, Any], *, socket: bool, chance: random.Random) -> bool:
    """Hold one pair of specs against the promise; say whether both were specs."""
    old, new = wished(before), wished(after_)
    if old is None or new is None:
        return False
    known = {**old, **new}
    world = World(socket)
    carried_out(world, old, known)
    first = world.exposed()
    cut = World(socket, world.document, dict(world.files), dict(world.jobs), dict(world.record))
    seen = carried_out(world, new, known)
    last = world.exposed()
    assert carried_out(world, new, known) == []
    for number, each in enumerate(seen):
        assert each <= first | last, f"after step {number + 1}"
    carried_out(cut, new, known, chance.randrange(len(seen) + 1))
    for each in carried_out(cut, new, known):
        assert each <= first | last
    assert cut.exposed() == last
    return True


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def many(examples: int) -> int:
    """Try that many pairs; say how many were pairs of specs."""
    count = 0

    @given(specs(), specs(), st.booleans(), st.randoms(use_true_random=False))
    @settings(deadline=None, max_examples=examples, derandomize=True, suppress_health_check=SLOW, database=None)
    def check(before: dict[str, Any], after_: dict[str, Any], socket: bool, chance: random.Random) -> None:
        nonlocal count
        count += pair(before, after_, socket=socket, chance=chance)

    check()
    return count


def test_nobody_new_reaches_a_model_without_a_key_between_two_steps(share: Callable[[int], int]) -> None:
    assert many(share(700)) >= share(300)


def keyed(ports: dict[int, int], **endpoints: dict[str, Any]) -> str:
    """Give a spec with a gateway."""
    gate = {"server": "nginx", "keys": {"k": "env:K"}, "ports": {"tailnet": ports}}
    entries = {
        name: {"engine": "rest", "command": [f"/opt/{name}", "--port", "{port}"], **each}
        for name, each in endpoints.items()
    }
    return yaml.safe_dump({"macs": {"m": {"hostname": NAME, "user": "me"}}, "gateway": gate, "endpoints": entries})


@pytest.mark.parametrize(
    ("before", "after_", "named"),
    [
        (
            keyed(
                {443: 8080},
                a={"port": 8000, "serve": "/a"},
                b={"port": 8001, "serve": "/b"},
                c={"port": 8002, "serve": "/c", "require_key": True},
            ),
            keyed(
                {443: 8080},
                a={"port": 8000, "serve": "/a", "open": ["/x"]},
                b={"port": 8002, "serve": "/b"},
                c={"port": 8003, "serve": "/c", "require_key": True},
            ),
            "endpoints.b, endpoints.c",
        ),
        (
            keyed({443: 8080, 7860: 8082}, a={"port": 8000, "serve": "/a"}, b={"port": 8001, "serve": {"https": 7860}}),
            keyed(
                {443: 8082, 7860: 8080},
                a={"port": 8000, "serve": "/a", "open": ["/x"]},
                b={"port": 8001, "serve": {"https": 7860}},
            ),
            "endpoints.b",
        ),
    ],
)
def test_a_run_about_one_endpoint_changes_the_gateway_for_no_other(before: str, after_: str, named: str) -> None:
    """Their servers would stay where they are, and the gateway would lead to somebody else's."""
    old, new = wished(yaml.safe_load(before)), wished(yaml.safe_load(after_))
    assert old
    assert new
    world = World()
    carried_out(world, old, old)
    ids = frozenset(name for name in new if "macstate.b" not in name and "macstate.c" not in name)
    todo = plan(new, world.actual({**old, **new}), ids)
    assert ", ".join(changes.others(todo, ("endpoints.a",))) == named
    assert changes.others(todo, ("endpoints.a", "endpoints.b", "endpoints.c")) == []
    more = keyed({443: 8080}, a={"port": 8000, "serve": "/a"}, d={"port": 8004, "serve": "/d"})
    one = keyed({443: 8080}, a={"port": 8000, "serve": "/a"})
    old, new = wished(yaml.safe_load(one)), wished(yaml.safe_load(more))
    assert old
    assert new
    world = World()
    carried_out(world, old, old)
    assert changes.others(plan(new, world.actual({**old, **new}), frozenset(new)), ("endpoints.d",)) == []


def test_who_reaches_what() -> None:
    """Every part of a document of the real form."""
    document = {
        "TCP": {
            "443": {"HTTPS": True},
            "8443": {"HTTPS": True},
            "80": {"HTTP": True},
            "22": {"TCPForward": "127.0.0.1:22"},
            "5000": {"TCPForward": "127.0.0.1:5000", "TerminateTLS": "m.ts.net"},
            "9443": {"TCPForward": "127.0.0.1:9"},
        },
        "Web": {
            "m.ts.net:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:1"}, "/x/": {"Text": "hello"}}},
            "m.ts.net:8443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:2"}}},
            "m.ts.net:80": {"Handlers": {"/": {"Path": "/srv"}}},
            "m.ts.net:9443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:3"}}},
            "m.ts.net:10000": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:4"}}},
        },
        "AllowFunnel": {"m.ts.net:443": False, "m.ts.net:8443": True, "m.ts.net:5000": True},
        "Foreground": {
            "session": {
                "TCP": {"8443": {"HTTPS": True}},
                "Web": {"m.ts.net:8443": {"Handlers": {"/now": {"Proxy": "http://127.0.0.1:5"}}}},
                "AllowFunnel": {"m.ts.net:443": True},
            }
        },
        "Services": {
            "svc:web": {
                "TCP": {"443": {"HTTPS": True}},
                "Web": {"web.ts.net:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:6"}}}},
            }
        },
    }
    assert reach(document) == {
        "m.ts.net:8443/now": ("http://127.0.0.1:5", "internet"),
        "m.ts.net:443/": ("http://127.0.0.1:1", "internet"),  # what runs in the foreground has turned it on
        "m.ts.net:443/x": ('{"Text": "hello"}', "internet"),
        "m.ts.net:8443/": ("http://127.0.0.1:2", "nobody"),  # covered by what runs in the foreground
        "m.ts.net:80/": ('{"Path": "/srv"}', "tailnet"),
        "m.ts.net:9443/": ("http://127.0.0.1:3", "nobody"),  # the port forwards
        "m.ts.net:10000/": ("http://127.0.0.1:4", "nobody"),  # the port has no handler
        "tcp:22": ("127.0.0.1:22", "tailnet"),
        "tcp:5000": ("127.0.0.1:5000", "internet"),
        "tcp:9443": ("127.0.0.1:9", "tailnet"),
        "svc:web/web.ts.net:443/": ("http://127.0.0.1:6", "tailnet"),
    }
    assert reach({}) == {}
