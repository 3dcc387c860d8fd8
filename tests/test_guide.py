"""The rendered guide: always what the spec says, and none of the errors of the guide that it replaces."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from laptop import REFERENCE

from macstate import spec
from macstate.cli import macstate
from macstate.endpoint.reach import chief
from macstate.guide.guide import Guide
from macstate.guide.subject import UNKNOWN
from macstate.kernel.resource import Resource
from macstate.kinds.power import Power

NAME = "matiass-mac-studio.tail174e9b.ts.net"
MINIMAL = """
macs: {mini: {hostname: mini.tail1.ts.net, user: anna}}
endpoints: {a: {engine: rest, command: [/opt/a], port: 8001, serve: /a}}
"""
PUBLIC = """
macs: {mini: {hostname: mini.tail1.ts.net, user: anna}}
gateway: {server: caddy, keys: {agents: "cmd:of-nobodys-business", phone: [env:PHONE]}}
endpoints:
  nobodys: {engine: openai, command: [/opt/n], port: 8003, models: {n: ''}}
  spoken: {engine: openai, command: [/opt/s], port: 8001, funnel: {https: 8443}, models: {it's: ''}}
  drawn:
    {engine: rest, command: [/opt/d], port: 8002, funnel: {https: 443, path: /d}, example: "/sdapi/v1/samplers?a=1&b"}
"""
FENCE = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def changed(**sections: Any) -> str:
    data = yaml.safe_load(REFERENCE)
    for name, value in sections.items():
        data[name] = {**data.get(name, {}), **value}
    return yaml.safe_dump(data, sort_keys=False)


def files(text: str = REFERENCE, mac: str = "macstudio") -> dict[str, str]:
    return Guide.of_spec(spec.parse(text, "macs.yml").for_host(mac).macs[0]).files()


def markdown(text: str = REFERENCE, mac: str = "macstudio") -> str:
    return files(text, mac)["guide.md"]


def snippets(text: str, language: str, where: str) -> list[str]:
    return [body for kind, place, body in FENCE.findall(text) if (kind, place) == (language, where)]


GUI = changed(endpoints={"own": {"engine": "rest", "command": ["/opt/own"], "port": 9000, "domain": "gui"}})
ALWAYS = changed(gateway={"require_key": "always"})
SPECS = {"reference": REFERENCE, "gui": GUI, "always": ALWAYS}


@pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
class TestTheOldGuidesErrors:
    """Each was in the hand-written guide."""

    def test_serve_is_never_given_a_path_as_its_port(self, text: str) -> None:
        assert not re.search(r"--https[= ]/", markdown(text))

    def test_ollama_is_reached_through_the_gateway(self, text: str) -> None:
        assert "Tailscale Serve  -> nginx 127.0.0.1:8080 -> ollama" in markdown(text)

    def test_a_mounts_url_is_the_servers_root(self, text: str) -> None:
        assert f"https://{NAME}/vllm/v1" in markdown(text)
        assert "/v1/vllm" not in markdown(text)

    def test_nothing_is_bound_to_all_addresses(self, text: str) -> None:
        assert "0.0.0.0" not in "".join(files(text).values())  # noqa: S104 - it is looked for
        assert "listens on 127.0.0.1 alone" in markdown(text)

    def test_funnel_is_the_whole_internet(self, text: str) -> None:
        reached = f"ollama, this guide (`https://{NAME}:8443/macstate/`). Nothing else."
        assert f"From the internet, through Tailscale Funnel, always with a key: {reached}" in markdown(text)

    def test_disablesleep_is_of_the_whole_system(self, text: str) -> None:
        assert "-c disablesleep" not in markdown(text)
        assert "`disablesleep` is on: it applies to the whole system" in markdown(text)

    def test_ssh_is_never_turned_on_with_up(self, text: str) -> None:
        assert re.findall(r"tailscale up.*", markdown(text)) == ["tailscale up`"]  # a client's, to log in

    def test_health_is_asked_where_the_job_lives(self, text: str) -> None:
        for command in re.findall(r"launchctl print (.+) \|", markdown(text)):
            domain, _, label = command.partition("/")
            assert domain == ("gui" if "macstate.own" in label else "system")

    def test_nothing_restarts_by_kickstart_alone(self, text: str) -> None:
        assert "kickstart" not in markdown(text)

    def test_no_key_is_a_placeholder_where_one_is_wanted(self, text: str) -> None:
        assert "API_KEY=ollama" not in markdown(text)
        assert ("OPENAI_API_KEY=unused" in markdown(text)) == (text is not ALWAYS)
        assert "Bearer KEY" not in "".join(files(text).values())

    def test_identifiers_are_those_of_the_spec(self, text: str) -> None:
        assert "qwen25" not in "".join(files(text).values())
        for model in ("qwen2.5", "qwen2.5vl", "llama4:scout"):
            assert f"| `{model}` |" in markdown(text)

    def test_no_alias_stands_in_an_ssh_configuration(self, text: str) -> None:
        assert "alias" not in markdown(text)

    def test_the_macs_whole_name_is_in_every_url(self, text: str) -> None:
        whole = "".join(files(text).values()).replace("curl -fsSL https://tailscale.com/install.sh | sh", "")
        for url in re.findall(r"(?:https|vnc)://([^/`\s:\"<&]+)", whole):
            assert url.rpartition("@")[2] == NAME

    def test_the_older_variable_is_never_alone(self, text: str) -> None:
        assert markdown(text).count("export OPENAI_API_BASE=") == markdown(text).count("export OPENAI_BASE_URL=") == 1

    def test_a_daemons_port_is_looked_at_as_root(self, text: str) -> None:
        lines = "".join(snippets(markdown(text), "sh", "mac")).splitlines()
        asked = [line for line in lines if "lsof" in line]
        assert asked
        assert not [line for line in lines if "launchctl list" in line]
        for line in asked:
            assert line.startswith("sudo ") != (":9000" in line)
        assert not [line for line in lines if line.startswith("sudo ") and line not in asked]

    def test_a_health_command_tells_well_from_ill(self, text: str) -> None:
        lines = "".join(snippets(markdown(text), "sh", "mac")).splitlines()
        shown = "x = {\n\tstate = running\n\tpid = 7\n\tevents = {\n\t\tstate = 0\n\t\tpid = 8\n\t}\n}\n"
        for line in (line for line in lines if "launchctl print" in line):
            words = ["sh", "-c", line.partition("|")[2]]
            seen = subprocess.run(words, input=shown, capture_output=True, text=True, check=True)
            assert seen.stdout == "\tstate = running\n\tpid = 7\n"
        assert all("%{http_code}" in line for line in lines if line.startswith("curl"))
        assert ("Only while mmirvois is logged in at the Mac's screen: own." in markdown(text)) == (text is GUI)

    def test_no_process_is_looked_for_by_its_name(self, text: str) -> None:
        assert "pgrep" not in markdown(text)


@pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
def test_every_snippet_is_whole(text: str) -> None:
    found = FENCE.findall(markdown(text))
    assert {(language, place) for language, place, _ in found} == {
        *(("sh", "laptop"), ("sh", "mac"), ("python", "laptop")),
        *(("text", ""), ("yaml", "spec"), ("json", "policy")),
    }
    for language, _, body in found:
        match language:
            case "sh":
                subprocess.run(["sh", "-n"], input=body, text=True, check=True)
            case "python":
                ast.parse(body)
            case "json":
                json.loads(body)
            case "yaml":
                macs = "macs: {m: {hostname: m.ts.net, user: me}}\n"
                assert spec.parse(macs + body, "macs.yml").warnings == ()
        assert not re.search(r"<[a-z]+>|YOUR|\.\.\.", body)


@pytest.mark.parametrize(("text", "mac"), [(REFERENCE, "macstudio"), (ALWAYS, "macstudio"), (PUBLIC, "mini")])
def test_the_policy_lets_through_what_the_guide_tells_to_do(text: str, mac: str) -> None:
    found = markdown(text, mac)
    ports = {"22"}
    for body in (*snippets(found, "sh", "laptop"), *snippets(found, "python", "laptop")):
        ports |= {port or "443" for port in re.findall(r"https://[\w.-]+(?::(\d+))?", body)}
        ports |= {"5900"} if "vnc://" in body else set()
    (policy,) = map(json.loads, snippets(found, "json", "policy"))

    assert {f"tcp:{port}" for port in ports} == set(policy["grants"][0]["ip"])
    assert '`{"src": ["*"], "dst": ["*"], "ip": ["*"]}`, which lets every device reach every port' in found
    assert "key expiry" in found


class TestANewClient:
    """It has nothing yet: no Tailscale, no key, no variable."""

    @pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
    def test_the_guide_begins_with_the_way_into_the_tailnet(self, text: str) -> None:
        first, second = (part for part in markdown(text).split("\n## ")[1:3])
        systems = re.findall(r"^- ([\w, ]+): ", first, re.MULTILINE)
        commands = snippets(f"\n{first}", "sh", "laptop")

        assert first.startswith("Connect\n")
        assert second.startswith("Endpoints\n")
        assert systems[:4] == ["macOS", "iPhone, iPad", "Windows", "Linux"]
        assert commands[0] == "tailscale status | grep matiass-mac-studio\n"
        assert commands[-1].endswith(f"https://{NAME}/v1/models\n")
        assert ("OPENAI_API_KEY" in "".join(commands)) == (text is ALWAYS)
        assert f"On a phone, open `https://{NAME}/macstate/` in the browser: this guide, and what is up now." in first
        assert "Connect every further device of the family the same way. It needs nothing else" in first

    def test_the_internet_needs_a_url_and_a_key_and_no_tailscale(self) -> None:
        connect = markdown(PUBLIC, "mini").split("\n## ")[1]
        both = markdown()

        assert "All you need is the URL and a key. Tailscale is not needed." in connect
        assert "tailscale status" not in markdown(PUBLIC, "mini")
        assert "https://mini.tail1.ts.net:8443/v1/models" in snippets(f"\n{connect}", "sh", "laptop")[-1]
        assert f"the URL and a key are enough for ollama at `https://{NAME}:8443/v1`" in both
        (section,) = (part for part in both.split("\n## ") if part.startswith("From the internet\n"))
        assert ":8443/v1/models" in section
        assert "The URL and a key are enough. Tailscale is not needed." in section
        assert "From the internet" not in markdown(MINIMAL, "mini").replace("From the internet |", "").replace(
            "From the internet: nothing.", ""
        )

    @pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
    def test_no_request_is_shown_twice(self, text: str) -> None:
        shown = [body for language in ("sh", "python") for body in snippets(markdown(text), language, "laptop")]

        assert len(set(shown)) == len(shown)

    def test_an_agent_finds_base_urls_and_models_before_all_else(self) -> None:
        for text, mac in ((REFERENCE, "macstudio"), (PUBLIC, "mini")):
            found = files(text, mac)["llms.txt"]
            for part in found.partition("## Rules")[0].split("\n### ")[1:]:
                urls = (
                    r"(- base URL from the \w+: https://\S+ \(.*\)\n)+|- no route: only programs on the Mac reach it\n"
                )
                assert re.match(rf"[\w-]+\n\n({urls})(- model `.+`.*\n)*- speaks", part), part
            told = found.index("## Rules")
            for name, entry in yaml.safe_load(text)["endpoints"].items():
                assert found.index(f"### {name}\n") < told
                assert all(found.index(f"- model `{model}`") < told for model in entry.get("models", {}))

    def test_where_the_mac_is_is_asked_by_the_name_that_tailscale_shows(self) -> None:
        mac = spec.parse(MINIMAL, "macs.yml").for_host("mini").macs[0]

        text = Guide(mac, "studio-2.tail1.ts.net", "/Users/anna").files()

        assert "tailscale status | grep studio-2\n" in text["guide.md"]
        assert "`tailscale status | grep studio-2`" in text["llms.txt"]
        assert "disable the key expiry of studio-2." in text["guide.md"]


def test_the_keeper_sees_what_the_internet_reaches() -> None:
    public = markdown(PUBLIC, "mini")

    for text, urls in (
        (markdown(), f"`https://{NAME}:8443`"),
        (public, "`https://mini.tail1.ts.net`, `https://mini.tail1.ts.net:8443`"),
    ):
        assert "tailscale funnel status\n" in "".join(snippets(text, "sh", "mac"))
        assert f"`(Funnel on)` is printed after {urls}, which the internet reaches;" in text
        assert "public DNS may need 10 minutes" in text
    plain = markdown(MINIMAL, "mini")
    assert "tailscale serve status\n" in "".join(snippets(plain, "sh", "mac"))
    assert "The routes, on the Mac. macstate's routes are `(tailnet only)`:" in plain
    assert "funnel" not in plain


@pytest.mark.parametrize("text", [REFERENCE, ALWAYS, PUBLIC])
def test_a_key_is_fetched_before_it_is_used(text: str) -> None:
    found = snippets(markdown(text, "mini" if text is PUBLIC else "macstudio"), "sh", "laptop")
    (fetches,) = (index for index, body in enumerate(found) if 'export OPENAI_API_KEY="$(' in body)
    uses = [index for index, body in enumerate(found) if "$OPENAI_API_KEY" in body]
    unused = [index for index, body in enumerate(found) if "OPENAI_API_KEY=unused" in body]

    assert uses
    assert fetches < min(uses)
    assert all(index < fetches for index in unused)


@pytest.mark.parametrize(
    ("reference", "line"),
    [
        ("env:A_KEY", "printenv A_KEY"),
        ("file:~/a key", "cat ~/'a key'"),
        ("op://vault/mac/key", "op read --no-newline op://vault/mac/key"),
        ("sops:~/keys.yml#mac.key", """sops decrypt --extract '["mac"]["key"]' ~/keys.yml"""),
    ],
)
def test_a_key_is_fetched_by_its_reference_from_any_laptop(reference: str, line: str) -> None:
    text = PUBLIC.replace("env:PHONE", f"'{reference}'")

    assert f'export OPENAI_API_KEY="$({line})"\n' in snippets(markdown(text, "mini"), "sh", "laptop")


@pytest.mark.parametrize("folder", [".config", "Library/Application Support"])
def test_a_key_that_macstate_made_is_found_where_it_keeps_it(folder: str, tmp_path: Any) -> None:
    (fetches,) = (body for body in snippets(markdown(), "sh", "laptop") if "$(" in body)
    kept = tmp_path / folder / "macstate/keys/macstudio/gateway.keys.agents"
    kept.parent.mkdir(parents=True)
    kept.write_text("the-key\n")

    words = ["sh", "-ec", f'{fetches}echo "$OPENAI_API_KEY"']
    told = subprocess.run(words, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, check=True)

    assert (told.stdout, told.stderr) == ("the-key\n", "")


def test_what_only_the_internet_reaches_has_all_examples() -> None:
    found = files(PUBLIC, "mini")
    laptop = snippets(found["guide.md"], "sh", "laptop")

    assert "export OPENAI_BASE_URL=https://mini.tail1.ts.net:8443/v1\n" in "".join(laptop)
    assert "OPENAI_API_KEY=unused" not in found["guide.md"]
    assert "OpenAI()" in snippets(found["guide.md"], "python", "laptop")[0]
    for text in (found["guide.md"], found["llms.txt"]):
        assert "  https://mini.tail1.ts.net:8443/v1/chat/completions\n" in text
        assert "'https://mini.tail1.ts.net/d/sdapi/v1/samplers?a=1&b'\n" in text
    assert "of-nobodys-business" not in "".join(found.values())
    assert found["llms.txt"].count("\ncurl ") == 2


def test_every_endpoint_with_a_model_has_a_chat_and_the_library_means_one_that_has() -> None:
    bare = {name: {**each, "models": {}} for name, each in yaml.safe_load(REFERENCE)["endpoints"].items()}
    laptop = snippets(markdown(), "sh", "laptop")
    (script,) = snippets(
        markdown(changed(endpoints={"ollama": bare["ollama"]})),
        "python",
        "laptop",
    )

    chats = re.findall(r"https://\S+/chat/completions", "".join(laptop))
    assert chats == [f"https://{NAME}{path}/v1/chat/completions" for path in ("", "/vllm")]
    assert 'OpenAI(base_url=os.environ["VLLM_API_BASE"])' in script
    assert "model='Qwen/Qwen3-8B'" in script


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, "`/`, `/api/version`"),
        ({"open": ["/api/pull"]}, "`/v1/messages/count_tokens`, `/api/pull`"),
        ({"engine": "rest", "models": None, "watchdog": None}, None),
        ({"engine": "rest", "models": None, "watchdog": None, "open": ["/x/*"]}, ": `/x/*`"),
    ],
)
def test_what_is_open_is_told_as_it_is(entry: dict[str, Any], told: str | None) -> None:
    ollama = yaml.safe_load(REFERENCE)["endpoints"]["ollama"]
    text = markdown(changed(endpoints={"ollama": {**ollama, **entry}}))

    said = [line for line in text.splitlines() if "Of ollama, the gateway passes on these paths and no others" in line]
    assert [told in line for line in said if told] == [True] * bool(told)
    assert bool(said) == bool(told)


@pytest.mark.parametrize("field", sorted(Power.model_fields.keys() - Resource.model_fields.keys() - {"key"}))
def test_every_power_setting_is_told(field: str) -> None:
    for value in (0, 3) if field == "hibernatemode" else (0, 1):
        wished: Any = bool(value) if Power.model_fields[field].annotation == bool | None else value
        power = {field: wished} if field == "disablesleep" else {"ups": {field: wished}}
        text = markdown(MINIMAL + yaml.safe_dump({"power": power}), "mini")

        (row,) = (line for line in text.splitlines() if f"`{field} {value}`" in line)
        switch = row.split(" | ")[1]
        words = {"displaysleep": ("never", "1 min"), "powermode": ("automatic", "low power")}
        expected = words.get(field, ("off", "on"))
        assert switch == expected[min(value, 1) if field != "sleep" else 1 - value]
        assert "A request does not wake a sleeping Mac" in text


def test_when_a_mac_sleeps_is_told_where_the_yaml_does_not_say() -> None:
    asleep = "Out of the box it sleeps"

    assert asleep in markdown(MINIMAL, "mini")
    assert asleep in markdown(MINIMAL + "power: {battery: {sleep: 0}, disablesleep: false}", "mini")
    assert asleep not in markdown(MINIMAL + "power: {ac: {sleep: 10}}", "mini")
    assert asleep not in markdown()


def test_a_name_outside_the_tailnet_is_in_no_url() -> None:
    mac = spec.parse(MINIMAL.replace("mini.tail1.ts.net", "mini.local"), "macs.yml").for_host("mini").macs[0]

    unknown, known = Guide.of_spec(mac).files(), Guide.of_spec(mac, ["a.tail1.ts.net", "mini.tail1.ts.net"]).files()

    for form, text in unknown.items():
        assert "not known" in text.partition("https://")[0], form
        assert f"https://{UNKNOWN}/a" in text
        assert "mini.local" not in text
    for form, text in known.items():
        assert "https://mini.tail1.ts.net/a" in text, form
        assert UNKNOWN not in text


def test_the_command_asks_this_laptops_tailnet_for_the_whole_name(tmp_path: Path) -> None:
    (tmp_path / "macs.yml").write_text(MINIMAL.replace("mini.tail1.ts.net", "mini"))
    peers = {"k": {"DNSName": "mini.tail1.ts.net.", "sshHostKeys": []}}
    tool = tmp_path / "tailscale"
    tool.write_text(f"#!/bin/sh\necho '{json.dumps({'BackendState': 'Running', 'Peer': peers})}'\n")
    tool.chmod(0o755)

    def told(path: str) -> str:
        words = [str(Path(sys.executable).with_name("macstate")), "guide"]
        environment = {"MACSTATE_SPEC": str(tmp_path / "macs.yml"), "PATH": path, "HOME": str(tmp_path)}
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout

    assert "https://mini.tail1.ts.net/a" in told(f"{tmp_path}:/usr/bin:/bin")
    assert f"https://{UNKNOWN}/a" in told("/usr/bin:/bin")


def test_what_is_only_true_of_some_specs_is_told_of_them() -> None:
    plain = markdown(MINIMAL, "mini")
    own = markdown(MINIMAL.replace("user: anna", "user: anna, endpoints: [a], tailscale: {ssh: false}"), "mini")

    assert "On the laptop that macstate set up, `ssh macstudio` is enough." in markdown()
    assert "`ssh mini`" not in plain
    assert "Tailscale SSH knows" in plain
    assert '"ssh":' in plain
    assert "Tailscale SSH knows" not in own
    assert '"ssh":' not in own
    assert "and its name to `macs.mini.endpoints`" in own
    assert "macs.mini.endpoints" not in plain


def test_openais_variables_mean_the_shortest_url_of_the_way_that_is_taken() -> None:
    text = """
macs: {macstudio: {hostname: studio.tail1.ts.net, user: anna}}
gateway: {server: nginx, keys: {agents: generate}}
endpoints:
  a: {engine: openai, command: [/opt/a], port: 8001, serve: /, funnel: {https: 8443, path: /long}}
  b: {engine: openai, command: [/opt/b], port: 8002, serve: /b, funnel: {https: 8443}}
"""
    found = Guide.of_spec(spec.parse(text, "macs.yml").for_host("macstudio").macs[0]).reaches

    assert [each.name for via in ("tailnet", "funnel") if (each := chief(found, via))] == ["a", "b"]


def test_what_is_not_there_is_not_told() -> None:
    text = markdown(MINIMAL, "mini")

    for word in (
        "gateway",
        "nginx",
        "macstate/",
        "llms.txt",
        "Funnel,",
        "## Models",
        "OPENAI_BASE_URL",
        "vnc",
    ):
        assert word not in text
    assert "From the internet: nothing." in text
    assert "nodeAttrs" not in text


def test_a_changed_port_leaves_nothing_of_the_old_one() -> None:
    before = files()
    after = files(REFERENCE.replace("11434", "11500").replace("port: 8000", "port: 8123"))

    assert before != after
    for text in after.values():
        assert not re.search(r"\b11434\b|:8000\b", text)
    assert "127.0.0.1:11500" in after["guide.md"]
    assert "127.0.0.1:8123" in after["guide.md"]


def test_two_runs_render_the_same() -> None:
    words = [sys.executable, "-c", "from test_guide import *; print(json.dumps([files(), files(PUBLIC, 'mini')]))"]
    runs = {
        subprocess.run(
            words,
            cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONHASHSEED": seed, "HOME": f"/home/of{seed}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {f"{json.dumps([files(), files(PUBLIC, 'mini')])}\n"}


class Page(HTMLParser):
    """What a browser would load, run and show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.endpoints: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.loads += [str(named[name]) for name in ("src", "href") if name in named]
        self.endpoints += [str(named["data-endpoint"])] if "data-endpoint" in named else []

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = Page(files()["index.html"])

    assert [link for link in page.loads if not link.startswith(("#", "data:"))] == ["guide.md", "../llms.txt"]
    assert sorted(page.endpoints) == ["a1111", "ollama", "vllm"]
    assert page.tags.count("button") == len(FENCE.findall(markdown()))


def test_the_page_has_no_heading_without_text_and_leads_to_each() -> None:
    text = files()["index.html"]
    page = Page(text)

    assert not re.search(r"</h2>\s*</section>", text)
    assert [f"#{anchor}" for anchor in re.findall(r'<h2 id="([\w-]+)"', text)] == [
        link for link in page.loads if link.startswith("#")
    ]
    assert f"https://{NAME}/vllm/v1" in page.text


def test_what_somebody_writes_into_the_spec_is_no_markup() -> None:
    wild = '<script>alert(1)</script>" onload="x'
    text = changed(
        endpoints={"x": {"engine": "openai", "command": ["/x"], "port": 9000, "serve": "/x", "models": {"m": wild}}}
    )

    page = Page(files(text)["index.html"])

    assert page.tags.count("script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in files(text)["index.html"]
    assert "onload" not in " ".join(page.tags)


def test_the_command_prints_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    file = tmp_path / "macs.yml"
    file.write_text(MINIMAL.replace("mini: {", "mini: {hostname: x.ts.net, user: bert}, other: {", 1))
    monkeypatch.setenv("MACSTATE_SPEC", str(file))

    both = CliRunner().invoke(macstate, ["guide"])
    one = CliRunner().invoke(macstate, ["guide", "other", "--form", "html"])
    neither = CliRunner().invoke(macstate, ["guide", "--form", "html"])
    wrong = CliRunner().invoke(macstate, ["guide", "othr"])

    assert re.findall(r"^# (.+): models at home$", both.output, re.MULTILINE) == ["mini", "other"]
    assert one.output.startswith("<!doctype html>")
    assert 'id="security"' in one.output
    assert "a page is about one Mac" in neither.output
    assert "did you mean `other`?" in wrong.output
