"""Serve is per port: what is not ours is reached by the same people after a run, or the plan has named that."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from laptop import Laptop
from test_cases import written

from macstate.errors import MacstateError
from macstate.kernel.change import Plan
from macstate.kernel.plan import plan
from macstate.kernel.record import Record, Recorded
from macstate.kernel.resource import Actual, Resource
from macstate.kernel.steps import Run
from macstate.kinds import KINDS
from macstate.kinds.serve import Serve
from macstate.kinds.serve.document import STATUS, Address, addresses, after, whole
from macstate.language.facts import Facts, Node
from macstate.review import guard

NAME, OLD, OTHER = "studio-1.tail1.ts.net", "studio.tail1.ts.net", "mac.tail1.ts.net"
PORTS = ("443", "8443", "10000", "80", "2222")
MOUNTS = ("/", "/x", "/x/", "/x/y", "/admin", "/é <&>")
TARGETS = ("http://127.0.0.1:9", "https+insecure://localhost:8080", "unix:/var/run/a.sock")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

handlers = st.one_of(
    st.sampled_from(TARGETS).map(lambda target: {"Proxy": target}),
    st.just({"Text": "hello"}),
    st.just({"Path": "/srv/www/"}),
    st.just({"Redirect": "301:https://${HOST}${REQUEST_URI}"}),
    st.just({"Proxy": TARGETS[0], "AcceptAppCaps": ["example.com/cap/mon"]}),
)
ports = st.one_of(
    st.just({"HTTPS": True}),
    st.just({"HTTPS": True}),
    st.just({"HTTP": True}),
    st.sampled_from(["127.0.0.1:22", "localhost:5432", "unix:/a"]).map(lambda to: {"TCPForward": to}),
    st.just({"TCPForward": "127.0.0.1:5432", "TerminateTLS": NAME, "ProxyProtocol": 2}),
)
sites = st.builds(
    lambda name, port: f"{name}:{port}", st.sampled_from((NAME, NAME, OLD, OTHER)), st.sampled_from(PORTS)
)
webs = st.dictionaries(st.sampled_from(MOUNTS), handlers, min_size=1, max_size=3).map(lambda all_: {"Handlers": all_})


def part(funnel: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    fields: dict[str, Any] = {
        "TCP": st.dictionaries(st.sampled_from(PORTS), ports, max_size=4),
        "Web": st.dictionaries(sites, webs, max_size=4),
    }
    if funnel:
        fields["AllowFunnel"] = st.dictionaries(sites, st.sampled_from([True, True, False]), max_size=3)
    return st.fixed_dictionaries({}, optional=fields)


documents = st.builds(
    lambda own, sessions, services: whole({**own, "Foreground": sessions, "Services": services}),
    part(),
    st.dictionaries(st.sampled_from(["1a2b", "3c4d"]), part(), max_size=2) | st.just({}),
    st.dictionaries(st.sampled_from(["svc:web", "svc:db"]), part(funnel=False), max_size=2) | st.just({}),
)
"""All that `ipn.ServeConfig` of tailscale 1.102.5 can hold."""

wishes = st.dictionaries(
    st.tuples(st.sampled_from(["443", "8443", "10000", "80"]), st.sampled_from(["/", "/x", "/v1"])),
    st.sampled_from(["http://127.0.0.1:8080", "http://127.0.0.1:9"]),
    max_size=4,
)


@dataclass
class Mac:
    """What tailscaled and the record hold."""

    document: dict[str, Any]
    record: dict[str, Recorded] = field(default_factory=dict)
    name: str = NAME

    def actual(self) -> Actual:
        status = json.dumps({"BackendState": "Running", "Self": {"DNSName": f"{self.name}."}})
        outputs = {"tailscale status --json": status, **after(self.document)}
        del outputs[STATUS]
        outputs["owned"] = written(self.record)
        record = Record(dict(self.record), {True: "", False: ""})
        there = {each.id: each for each in Serve.parse(outputs)}
        return Actual(Facts(node=Node(name=self.name)), there, record, {}, {"serve": outputs}, kinds=KINDS)

    def plan(self, wished: Mapping[str, Resource]) -> Plan:
        return plan(wished, self.actual())

    def apply(self, todo: Plan) -> None:
        """Carry a plan out, with what the record is told."""
        for batch in todo.batches:
            for step in batch.steps:
                assert isinstance(step, Run)
                self.document = json.loads(step.stdin)
            for change in batch.changes:
                if change.want:
                    self.record[change.id] = Recorded("owned", change.want.fingerprint)
                elif not change.foreign:
                    del self.record[change.id]

    def theirs(self, mine: Mapping[str, Resource]) -> dict[tuple[str, str, str, str], tuple[str, str, str]]:
        """Say of all that is not ours where it leads and who reaches it."""
        return {
            place(each): (each.target, each.scheme, each.audience)
            for each in addresses(self.document)
            if f"serve/{Serve.key_of(each, self.name)}" not in mine
        }


def place(each: Address) -> tuple[str, str, str, str]:
    return each.part, each.host, each.port, each.mount


def routes(wished: Mapping[tuple[str, str], str], public: set[str]) -> dict[str, Resource]:
    found = (Serve.to(int(port), mount, to, funnel=port in public) for (port, mount), to in wished.items())
    return {each.id: each for each in found}


def let_through(todo: Plan, allow: str) -> bool:
    try:
        guard.check(todo, Node(name=NAME), allow)
    except MacstateError:
        return False
    return True


def hold(document: dict[str, Any], wished: dict[str, Resource], then: dict[str, Resource], off: set[str]) -> str:
    """Hold one Mac against the promise; say how it went. The owner takes the ports ``off`` the internet meanwhile."""
    mac = Mac(document)
    first = json.loads(json.dumps(document))
    before = mac.theirs(wished)
    todo = mac.plan(wished)
    named = {change.id for change in todo.changes if change.foreign}
    free = let_through(todo, "")
    assert free == (not named)
    mac.apply(todo)
    later = mac.theirs(wished)
    changed = {each for each in {*before, *later} if before.get(each) != later.get(each)}
    assert {key(each) for each in changed} <= named
    assert mac.plan(wished).changes == ()

    between = mac.plan(then)
    goes_on = let_through(between, "removal")
    if goes_on:
        mac.apply(between)

    allowed = mac.document.get("AllowFunnel") or {}
    closed = [site for site in allowed if site.rpartition(":")[2] in off]
    for site in closed:
        del allowed[site]
    mac.document = whole(mac.document)
    mine = {name: each for name, each in {**wished, **then}.items() if name in mac.record}
    before = mac.theirs(mine)
    last = mac.plan({})
    gone = {change.id for change in last.changes if change.foreign}
    assert let_through(last, "removal") == (not gone)
    mac.apply(last)
    later = mac.theirs(mine)
    changed = {each for each in {*before, *later} if before.get(each) != later.get(each)}
    assert {key(each) for each in changed} <= gone
    assert [each for each in changed if later.get(each, "")[-1:] == ("internet",)] == []  # leaving opens nothing
    assert mac.record == {}
    if free and goes_on and not closed:
        assert gone == set()
        assert json.dumps(mac.document, sort_keys=True) == json.dumps(first, sort_keys=True)
    return "free" if free else "named"


def key(each: tuple[str, str, str, str]) -> str:
    part_, host, port, mount = each
    return f"serve/{Serve.key_of(Address(part_, host, port, mount, '', '', 'nobody'), NAME)}"


@pytest.mark.slow
def test_random_documents(share: Callable[[int], int]) -> None:
    seen: dict[str, int] = {}
    ports = st.sampled_from(["443", "8443", "10000"])

    @given(documents, wishes, st.sets(ports), wishes, st.just(set()) | st.sets(ports))
    @settings(deadline=None, max_examples=share(5000), derandomize=True, suppress_health_check=SLOW, database=None)
    def check(document: dict[str, Any], wished: Any, public: set[str], then: Any, off: set[str]) -> None:
        how = hold(document, routes(wished, public), routes(then, public), off)
        seen[how] = seen.get(how, 0) + 1

    check()
    assert min(seen["free"], seen["named"]) > share(300), seen


def test_what_is_adopted_leaves_nothing_behind() -> None:
    """It was counted as somebody else's, beside whom macstate came."""
    site, ours = f"{NAME}:8443", {"/x": {"Proxy": "http://127.0.0.1:9"}, "/": {"Proxy": "http://127.0.0.1:9"}}
    first = {"TCP": {"8443": {"HTTPS": True}}, "Web": {site: {"Handlers": ours}}, "AllowFunnel": {site: True}}
    mac = Mac(first)
    wished = routes({("8443", "/x"): "http://127.0.0.1:9", ("8443", "/"): "http://127.0.0.1:9"}, {"8443"})

    mac.apply(plan(wished, mac.actual(), adopt=True))
    assert mac.document == first
    mac.apply(mac.plan({}))

    assert (mac.document, mac.record) == ({}, {})


MACS = f"macs: {{macstudio: {{hostname: {NAME}, user: mmirvois}}}}\nendpoints:\n"
COMMAND = "engine: rest, command: [/opt/e{port}, --port, '{{port}}'], port: {port}"
ROUTE = f"  e{{port}}: {{{{{COMMAND}, serve: {{{{https: {{https}}, path: {{path}}}}}}}}}}\n"


@pytest.mark.slow
@pytest.mark.parametrize("start", range(3))
def test_some_of_them_on_a_rehearsal(share: Callable[[int], int], tmp_path: Path, start: int) -> None:
    """What tailscaled would take: no process in the foreground, for a session ends with its process."""
    numbers = itertools.count()

    @given(
        documents,
        st.lists(st.tuples(st.sampled_from(PORTS), st.sampled_from(["/", "/x"])), min_size=1, max_size=2, unique=True),
    )
    @seed(start)
    @settings(deadline=None, max_examples=share(10), suppress_health_check=SLOW, database=None)
    def check(document: dict[str, Any], places: list[tuple[str, str]]) -> None:
        laptop = Laptop(tmp_path / str(next(numbers)))
        laptop.folder.mkdir()
        entries = [
            ROUTE.format(port=9001 + index, https=https, path=path) for index, (https, path) in enumerate(places)
        ]
        spec = MACS + "".join(entries)
        laptop.run(spec, dry=True)
        first = json.dumps({key: value for key, value in document.items() if key != "Foreground"})
        laptop.command(f"printf %s {shlex.quote(first)} | sudo tailscale serve set-raw")
        before = json.loads(laptop.output("tailscale serve status --json"))
        outcome = laptop.run(spec)
        if outcome.failed:
            assert any("allow=takeover" in line for line in outcome.said), outcome.said
            assert json.loads(laptop.output("tailscale serve status --json")) == before
            outcome = laptop.run(spec, data={"allow": "takeover"})
            assert not outcome.failed, outcome.said
            return
        assert not laptop.run(MACS.removesuffix("endpoints:\n"), data={"allow": "removal"}).failed
        assert json.loads(laptop.output("tailscale serve status --json")) == before

    check()


@pytest.mark.slow
def test_a_document_that_html_would_escape_is_written_twice_in_one_run(tmp_path: Path) -> None:
    """Once to close what is in the way, once to open what is wished: by the ETag of what the first write has left."""
    laptop = Laptop(tmp_path)
    spec = MACS + ROUTE.format(port=9001, https=443, path="/x")
    laptop.run(spec, dry=True)
    handlers = {"/x": {"Proxy": "http://127.0.0.1:9"}, "/é <&>": {"Text": "a & b"}}
    document = {"TCP": {"443": {"HTTPS": True}}, "Web": {f"{NAME}:443": {"Handlers": handlers}}}
    laptop.command(f"printf %s {shlex.quote(json.dumps(document))} | sudo tailscale serve set-raw")

    outcome = laptop.run(spec, data={"allow": "takeover"})

    assert not outcome.failed, outcome.said
    handlers["/x"] = {"Proxy": "http://127.0.0.1:9001"}
    assert json.loads(laptop.output("tailscale serve status --json")) == document
