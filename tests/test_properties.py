"""What holds for any spec and any Mac."""

from __future__ import annotations

import json
import random
import shlex
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from laptop import SHOWN, Laptop, changes
from test_interrupted import FOREIGN, answer

from macstate import spec
from macstate.kernel.change import Batch
from macstate.kernel.plan import plan
from macstate.kernel.record import Record, Recorded
from macstate.kernel.resource import Actual
from macstate.kernel.steps import Delete, Run, Write
from macstate.kinds import KINDS
from macstate.language.facts import Facts, Node

MACS = {"macstudio": {"hostname": "matiass-mac-studio.tail174e9b.ts.net", "user": "mmirvois"}}
FUNNEL = "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000"
FACTS = Facts(
    user="mmirvois",
    home="/Users/mmirvois",
    node=Node(name="matiass-mac-studio.tail174e9b.ts.net", capabilities=frozenset({"https", "funnel", FUNNEL})),
    programs={"/opt/homebrew/bin/nginx": "nginx/1.29.3", "/opt/homebrew/bin/caddy": "v2.11.7"},
)
PROFILE = st.fixed_dictionaries(
    {},
    optional={
        "sleep": st.integers(0, 60),
        "displaysleep": st.integers(0, 60),
        "womp": st.booleans(),
        "autorestart": st.booleans(),
    },
)
ROUTES = st.sampled_from([None, "/", "/a", "/b/c", {"https": 8443}, {"https": 443, "path": "/k", "keep_path": True}])


@st.composite
def endpoints(draw: st.DrawFn, *, gateway: bool) -> dict[str, Any]:
    """Up to four endpoints that do not collide."""
    found: dict[str, Any] = {}
    routes: set[str] = set()
    for number in range(draw(st.integers(0, 4))):
        engine = draw(st.sampled_from(["ollama", "openai", "rest"] if gateway else ["openai", "rest"]))
        entry = {"engine": engine, "command": [f"/opt/servers/s{number}", "--port", "{port}"], "port": 9000 + number}
        route = draw(ROUTES)
        if route and json.dumps(route) not in routes:
            routes.add(json.dumps(route))
            entry["serve"] = route
        if gateway and draw(st.booleans()):
            entry["funnel"] = {"https": 10000, "path": f"/public{number}"}
            entry["require_key"] = draw(st.booleans())
        if draw(st.booleans()):
            entry["environment"] = {"NAME": draw(st.text("abc 'öß$\"\\=", max_size=12))}
        found[f"s{number}"] = entry
    return found


GATEWAY = st.fixed_dictionaries(
    {"server": st.sampled_from(["nginx", "caddy"]), "keys": st.just({"agents": "env:MACSTATE_TEST_KEY"})},
    optional={"require_key": st.sampled_from(["funnel", "always"])},
)
SERVERS = st.fixed_dictionaries({"endpoints": endpoints(gateway=False)}) | st.fixed_dictionaries(
    {"endpoints": endpoints(gateway=True), "gateway": GATEWAY}
)
REST = st.fixed_dictionaries(
    {"macs": st.just(MACS)},
    optional={
        "power": st.fixed_dictionaries({}, optional={"ac": PROFILE, "disablesleep": st.booleans()}),
        "firewall": st.fixed_dictionaries(
            {},
            optional={
                "enabled": st.booleans(),
                "stealth": st.booleans(),
                "allow": st.sampled_from([[], ["/usr/local/bin/x y"]]),
            },
        ),
        "screen_sharing": st.fixed_dictionaries({"enabled": st.booleans()}),
        "tailscale": st.just({"ssh": True}),
        "files": st.dictionaries(
            st.sampled_from(["/usr/local/etc/one", "/private/etc/it's two"]),
            st.fixed_dictionaries({"content": st.text(max_size=40)}),
        ),
        "launchd": st.just({"com.example.tick": {"command": ["/usr/local/bin/tick"], "interval": "5m"}}),
    },
)
SPECS = st.builds(dict.__or__, REST, SERVERS)
HANDS = st.lists(
    st.sampled_from(
        [
            "sudo pmset -c sleep 7 womp 0",
            "sudo pmset -a disablesleep 1",
            "sudo tailscale serve --bg --https=8443 --set-path=/hand http://127.0.0.1:1",
            "sudo launchctl disable system/macstate.s0",
            "sudo launchctl bootout system/macstate.s1",
            "sudo rm /Library/LaunchDaemons/macstate.s2.plist",
            "sudo tailscale serve --https=443 --set-path=/a off",
            'sudo "$MACSTATE_ROOT"/usr/libexec/ApplicationFirewall/socketfilterfw --setstealthmode on',
        ]
    ),
    max_size=4,
)


def text(data: dict[str, Any]) -> str:
    dumped: str = yaml.safe_dump(data, allow_unicode=False, sort_keys=False)
    return dumped


def wishes(data: dict[str, Any]) -> dict[str, Any]:
    return dict(spec.parse(text(data), "x.yml").for_host("macstudio").expand(FACTS))


def shuffled(data: Any, shuffle: random.Random) -> Any:
    if isinstance(data, dict):
        pairs = list(data.items())
        shuffle.shuffle(pairs)
        return {key: shuffled(value, shuffle) for key, value in pairs}
    return data


def mac(resources: dict[str, Any]) -> Actual:
    """A Mac that has these, all of them ours."""
    lines = {name: Recorded("owned", each.fingerprint) for name, each in resources.items() if each.owned}
    outputs = {
        "serve": {
            "tailscale serve status --json": "{}",
            "tailscale status --json": '{"BackendState": "Running", "Self": {"DNSName": "m.ts.net."}}',
        }
    }
    return Actual(FACTS, resources, Record(lines), {}, outputs, kinds=KINDS)


@given(SPECS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_the_order_of_keys_does_not_matter(data: dict[str, Any], shuffle: random.Random) -> None:
    straight, other = wishes(data), wishes(shuffled(data, shuffle))
    assert straight == other
    settings_there = {
        name: each.model_copy(update=dict.fromkeys(each.managed, -1))
        for name, each in straight.items()
        if not each.owned
    }
    assert plan(straight, mac(settings_there)) == plan(other, mac(settings_there))


@given(SPECS)
@settings(deadline=None, max_examples=60)
def test_a_mac_that_is_as_wished_needs_nothing_and_one_without_entries_loses_all(data: dict[str, Any]) -> None:
    there = wishes(data)
    assert plan(there, mac(there)).changes == ()
    gone = plan({}, mac(there))
    assert {change.id for change in gone.changes} == {name for name, each in there.items() if each.owned}
    assert {change.action for change in gone.changes} <= {"remove"}


def changes_something(call: list[str]) -> bool:
    """Tell what runs in a step from what a script does around it (sudo, owners) and from verify's reading."""
    return call[0] not in {"sudo", "chown", "stat", "id", "nginx", "caddy", "ps", "shasum"} and call[:2] not in (
        ["launchctl", "print"],
        ["curl", "-qs"],
    )


BESIDE = {"lock", "expect", "record", "journal", "takes", "removes"}
"""What a change's script is sent beside its steps."""


def shown(laptop: Laptop, data: dict[str, Any]) -> tuple[Batch, ...]:
    """Give what a person sees beforehand."""
    dry = laptop.run(text(data), dry=True)
    return dry.shown[0].plan.batches


def note(sent: list[str], lines: list[str]) -> list[str]:
    """Take down what goes over the wire, of a change alone."""
    if lines[0] == "PAYLOAD":
        sent += lines[1:-1]
    return lines


def straight_line(before: dict[str, Any], hands: list[str], after: dict[str, Any]) -> None:
    """Apply, let somebody meddle, apply another spec, and look: converged, no trace, nothing foreign touched."""
    with tempfile.TemporaryDirectory() as folder:
        laptop = Laptop(Path(folder))
        laptop.run(text({"macs": MACS}))
        for command in FOREIGN:
            laptop.command(command)
        first = laptop.run(text(before))
        assert not first.failed, first.said
        for command in hands:
            laptop.command(command)
        time.sleep(SHOWN)
        looked = len(laptop.calls())
        told = [step for batch in shown(laptop, after) for step in batch.steps]
        begun = len(laptop.calls())
        sent: list[str] = []
        second = laptop.run(
            text(after),
            data={"allow": "takeover,removal,lose-key,firewall-off"},
            wire=lambda _, lines: note(sent, lines),
        )
        assert not second.failed, second.said
        assert [line for line in sent if line.partition(" ")[0] not in BESIDE] == [step.line for step in told]
        reads, calls = laptop.calls()[looked:begun], laptop.calls()[begun:]
        assert [shlex.join(call) for call in calls if call not in reads and changes_something(call)] == [
            shlex.join((step.words[0].rpartition("/")[2], *step.words[1:])) for step in told if isinstance(step, Run)
        ]
        files = {step.path: step for step in told if isinstance(step, Write | Delete)}
        for path, step in files.items():
            there = laptop.mac() / path.lstrip("/")
            assert (there.read_bytes() if there.exists() else None) == getattr(step, "content", None)
        assert second.commands <= len(changes(second)) + 3
        assert laptop.run(text(after)).rows == []
        root = laptop.mac()
        served = answer(root, "tailscale serve status --json")
        assert "127.0.0.1:9999" in served
        assert '"com.example.other" => disabled' in answer(root, "launchctl print-disabled system")
        assert "/usr/bin/ruby" in answer(
            root, '"$MACSTATE_ROOT"/usr/libexec/ApplicationFirewall/socketfilterfw --listapps'
        )
        left = {name: each for name, each in before["endpoints"].items() if name not in after["endpoints"]}
        for name, entry in left.items():
            assert not (root / f"Library/LaunchDaemons/macstate.{name}.plist").exists()
            assert f"127.0.0.1:{entry['port']}" not in served
            assert (
                f"macstate.{name}" not in (root / "var/db/macstate/owned").read_text() if after["endpoints"] else True
            )
        for path in set(before.get("files", {})) - set(after.get("files", {})):
            assert not (root / path.lstrip("/")).exists()


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(SPECS, HANDS, SPECS)
@settings(deadline=None, max_examples=1, derandomize=True, suppress_health_check=SLOW)
@pytest.mark.slow
def test_some_specs_on_some_macs(before: dict[str, Any], hands: list[str], after: dict[str, Any]) -> None:
    straight_line(before, hands, after)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(4))
def test_many_specs_on_many_macs(start: int, share: Callable[[int], int]) -> None:
    @given(SPECS, HANDS, SPECS)
    @seed(start)
    @settings(deadline=None, max_examples=share(20), suppress_health_check=SLOW, database=None)
    def check(before: dict[str, Any], hands: list[str], after: dict[str, Any]) -> None:
        straight_line(before, hands, after)

    check()


@pytest.mark.slow
def test_two_macs_get_each_its_own(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path)
    both = """
macs:
  studio: {hostname: studio.tail174e9b.ts.net, user: anna, endpoints: [a]}
  mini: {hostname: mini.tail174e9b.ts.net, user: bert, endpoints: [b], power: {ac: {sleep: 3}}}
power: {ac: {sleep: 0}}
endpoints:
  a: {engine: rest, command: [/opt/a], port: 8001, serve: /a}
  b: {engine: rest, command: [/opt/b], port: 8002, serve: /b}
"""
    outcome = laptop.run(both, "studio", "mini")
    assert not outcome.failed, outcome.said
    done = {line for line in outcome.done if "verify" not in line}
    assert done == {f"studio {row}" for row in ("~ power/ac", "+ launchd/system/macstate.a", "+ serve/443/a")} | {
        f"mini {row}" for row in ("~ power/ac", "+ launchd/system/macstate.b", "+ serve/443/b")
    }
    assert len(outcome.rows) == len(set(outcome.rows)) == 6  # the row that both have, two each, and verify
    assert (laptop.mac("mini") / "Library/LaunchDaemons/macstate.b.plist").exists()
    assert not (laptop.mac("mini") / "Library/LaunchDaemons/macstate.a.plist").exists()
    assert laptop.run(both, "studio", "mini").commands == 2


@pytest.mark.slow
def test_one_macs_trouble_ends_neither_the_other_nor_the_rest(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path)
    both = "macs:\n  studio: {hostname: s.ts.net, user: anna}\n  mini: {hostname: m.ts.net, user: bert}\n"
    laptop.run(both, "studio", "mini")
    laptop.command("sudo launchctl bootout system/com.tailscale.tailscaled", "mini")
    laptop.command("rehearse tailscale stop", "mini")
    more = both + "power: {ac: {sleep: 0}}\ntailscale: {ssh: true}\n"
    outcome = laptop.run(more, "studio", "mini")
    assert outcome.failed
    assert "studio ~ power/ac" in outcome.done
    assert [line for line in outcome.done if line.startswith("mini")] == ["mini ~ power/ac"]
    left = "left: tailscale/prefs: `tailscale debug prefs` ended with 1: Failed to connect"
    assert any(left in line for line in outcome.said)
