"""The rendered guide: always what the spec says, and none of the errors of the guide that it replaces."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from laptop import REFERENCE

from macstate import spec
from macstate.cli.guide import show_guide
from macstate.services.guide import Guide

NAME = "matiass-mac-studio.tail174e9b.ts.net"
MINIMAL = """
macs: {mini: {hostname: mini.tail1.ts.net, user: anna}}
endpoints: {a: {engine: rest, command: [/opt/a], port: 8001, serve: /a}}
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
        assert "From the internet, by Tailscale Funnel, with a key and never without: ollama." in markdown(text)

    def test_disablesleep_is_of_the_whole_system(self, text: str) -> None:
        assert "-c disablesleep" not in markdown(text)
        assert "`disablesleep` is on: it is of the whole system" in markdown(text)

    def test_ssh_is_never_turned_on_with_up(self, text: str) -> None:
        assert "tailscale up" not in markdown(text)

    def test_health_is_asked_where_the_job_lives(self, text: str) -> None:
        for command in re.findall(r"launchctl print (.+) \|", markdown(text)):
            domain, _, label = command.partition("/")
            assert domain == ("gui" if "macstate.own" in label else "system")

    def test_nothing_restarts_by_kickstart_alone(self, text: str) -> None:
        assert "kickstart" not in markdown(text)

    def test_no_key_is_a_placeholder_where_one_is_wanted(self, text: str) -> None:
        assert "API_KEY=ollama" not in markdown(text)
        assert ("OPENAI_API_KEY=unused" in markdown(text)) == (text is not ALWAYS)
        assert "Bearer KEY" not in markdown(text)

    def test_identifiers_are_those_of_the_spec(self, text: str) -> None:
        assert "qwen25" not in "".join(files(text).values())
        for model in ("qwen2.5", "qwen2.5vl", "llama4:scout"):
            assert f"| `{model}` |" in markdown(text)

    def test_no_alias_stands_in_an_ssh_configuration(self, text: str) -> None:
        assert "alias" not in markdown(text)

    def test_the_macs_whole_name_is_in_every_url(self, text: str) -> None:
        for url in re.findall(r"(?:https|vnc)://([^/`\s:\"<&]+)", "".join(files(text).values())):
            assert url.rpartition("@")[2] == NAME

    def test_the_older_variable_is_never_alone(self, text: str) -> None:
        assert markdown(text).count("export OPENAI_API_BASE=") == markdown(text).count("export OPENAI_BASE_URL=") == 1

    def test_a_daemon_is_looked_at_as_root(self, text: str) -> None:
        lines = "".join(snippets(markdown(text), "sh", "mac")).splitlines()
        asked = [line for line in lines if "launchctl" in line or "lsof" in line]
        assert asked
        assert "launchctl list" not in markdown(text)
        for line in asked:
            assert line.startswith("sudo ") != ("gui/" in line or ":9000" in line)

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


def test_what_is_not_there_is_not_told() -> None:
    text = markdown(MINIMAL, "mini")

    for word in (
        "gateway",
        "nginx",
        "macstate/",
        "llms.txt",
        "Funnel,",
        "## Power",
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
    assert files() == files()


class Page(HTMLParser):
    """What a browser would load, run and show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.endpoints: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.loads += [str(named[name]) for name in ("src", "href") if name in named]
        self.endpoints += [str(named["data-endpoint"])] if "data-endpoint" in named else []


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = Page(files()["index.html"])

    assert [link for link in page.loads if not link.startswith(("#", "data:"))] == ["guide.md", "../llms.txt"]
    assert sorted(page.endpoints) == ["a1111", "ollama", "vllm"]
    assert page.tags.count("button") == len(FENCE.findall(markdown()))


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
    file.write_text(
        MINIMAL.replace("mini: {", "mini: {hostname: x.ts.net, user: bert}, other: {", 1).replace(
            "x.ts.net", "x.ts.net"
        )
    )
    monkeypatch.setenv("MACSTATE_SPEC", str(file))

    both = CliRunner().invoke(show_guide, [])
    one = CliRunner().invoke(show_guide, ["other", "--form", "html"])
    neither = CliRunner().invoke(show_guide, ["--form", "html"])
    wrong = CliRunner().invoke(show_guide, ["othr"])

    assert re.findall(r"^# (.+): models at home$", both.output, re.MULTILINE) == ["mini", "other"]
    assert one.output.startswith("<!doctype html>")
    assert "a page is about one Mac" in neither.output
    assert "did you mean 'other'?" in wrong.output
