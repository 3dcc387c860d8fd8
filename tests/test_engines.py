"""What an engine knows: its server, its port, its model; and what must be typed where it does not."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from test_health import found

from macstate import spec
from macstate.errors import MacstateError
from macstate.gateway.ports import chosen_port
from macstate.guide.guide import Guide
from macstate.kinds.launchd import Launchd
from macstate.language import meant
from macstate.review import health
from macstate.spec.declared import Declared

MAC = "macs: {studio: {hostname: studio.tail1.ts.net, user: anna}}\n"
GATEWAY = "gateway: nginx\n"
MLX = "{engine: mlx, model: mlx-community/Qwen3-8B-4bit, serve: /mlx}"
MODEL = "mlx-community/Qwen3-8B-4bit"


def wishes(endpoints: str, more: str = "") -> Declared:
    return spec.parse(f"{MAC}{more}endpoints:\n  {endpoints}\n", "macs.yml").for_host("studio")


def entry(text: str) -> Any:
    return dict(wishes(f"a: {text}").entries)["a"]


def refused(endpoints: str, more: str = "") -> str:
    with pytest.raises(MacstateError) as caught:
        wishes(endpoints, more)
    lines: list[str] = caught.value.message.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("typed", "port", "words"),
    [
        (MLX, None, ["/opt/homebrew/bin/mlx_lm.server", "--model", MODEL, "--host", "127.0.0.1", "--port", "{port}"]),
        (
            "{engine: mlx, model: x, program: /Users/anna/.local/bin/mlx_lm.server, port: 8100}",
            8100,
            ["/Users/anna/.local/bin/mlx_lm.server", "--model", "x", "--host", "127.0.0.1", "--port", "{port}"],
        ),
        ("{engine: mlx, model: x, command: [/opt/own, '{model}', '{port}']}", None, ["/opt/own", "x", "{port}"]),
        ("{engine: ollama}", 11434, ["/opt/homebrew/bin/ollama", "serve"]),
        ("{engine: ollama, program: /usr/local/bin/ollama, port: 8100}", 8100, ["/usr/local/bin/ollama", "serve"]),
        ("{engine: openai, model: x/y, command: [/opt/v, serve, '{model}', \"--port={port}\"]}", None, None),
        ("{engine: rest, command: [/opt/w], environment: {PORT: '{port}'}}", None, ["/opt/w"]),
    ],
)
def test_a_short_entry_is_whole_and_what_is_typed_wins(typed: str, port: int | None, words: list[str] | None) -> None:
    read = entry(typed)
    assert read.port == port or (port is None and read.port == chosen_port("endpoints/a"))
    assert list(read.command) == (words or ["/opt/v", "serve", "x/y", "--port={port}"])


def test_the_job_is_started_with_the_port_that_its_name_gives() -> None:
    mine = wishes(f"mlx: {MLX}", GATEWAY)
    facts = found({}, name="studio.tail1.ts.net").facts
    facts = replace(facts, node=replace(facts.node, capabilities=frozenset({"https"})))
    facts = replace(facts, programs={"/opt/homebrew/bin/nginx": "nginx/1.29.3"})
    job = mine.expand(facts)["launchd/system/macstate.mlx"]
    assert isinstance(job, Launchd)
    port = str(chosen_port("endpoints/mlx"))
    assert (job.file or {})["ProgramArguments"][-2:] == ["--port", port]
    assert job.ports == (int(port),)


def test_an_added_entry_moves_no_port() -> None:
    one: Any = dict(wishes(f"mlx: {MLX}").entries)["mlx"]
    two: Any = dict(wishes("a: {engine: mlx, model: x}\n  mlx: " + MLX).entries)["mlx"]
    assert one.port == two.port
    assert 20000 <= one.port < 29000


COLLISIONS = {
    # both have 28549
    "m77: {engine: mlx, model: x}\n  m256: {engine: mlx, model: y}": "28549, chosen by its name, is taken by "
    "endpoints.m77",
    "a: {engine: rest, command: [/a], port: 28549}\n  m77: {engine: mlx, model: x}": "is taken by endpoints.a",
    "a: {engine: ollama}\n  b: {engine: ollama}": "none is typed, and 11434, the usual one of ollama, is taken "
    "by endpoints.a",
}


@pytest.mark.parametrize("endpoints", COLLISIONS)
def test_two_that_want_one_port_are_named_and_what_to_type_is_valid(endpoints: str) -> None:
    line = refused(endpoints)
    assert COLLISIONS[endpoints] in line
    typed = re.findall(r"add `(port: \d+)`", line)[0]
    name, _, rest = endpoints.rpartition("\n")
    assert wishes(f"{name}\n{rest.removesuffix('}')}, {typed}}}")


def test_a_port_by_a_name_is_not_that_of_a_door() -> None:
    routes = "b: {engine: rest, command: [/b], port: 1234, serve: /}\n  c: {engine: rest, command: [/c], port: 1235, "
    line = refused(f"d4374: {{engine: mlx, model: x}}\n  {routes}serve: {{https: 8443}}}}", GATEWAY)
    assert "port: 22179 is taken by endpoints.d4374, and the door of tailnet/8443 has it too" in line
    assert "`gateway: {ports: {tailnet: {8443: PORT}}}`" in line


@pytest.mark.parametrize(
    ("typed", "said", "instead"),
    [
        (
            "{engine: openai}",
            "command: engine openai is an API that many servers have; add yours",
            '{engine: openai, command: [/PATH/TO/SERVER, --port, "{port}"]}',
        ),
        (
            "{engine: mlx}",
            "model: engine mlx is started with the one model that it serves; add `model: mlx-community/Qwen3-8B-4bit`",
            "{engine: mlx, model: mlx-community/Qwen3-8B-4bit}",
        ),
        ("{engine: mlx, model: [a, b]}", "model: a server has one; type it as one text", "{engine: mlx, model: a}"),
        ("{engine: mlx, model: ''}", "model: it is empty; type it as one text", "{engine: mlx, model: a}"),
        (
            "{engine: ollama, model: qwen3}",
            "model: an Ollama serves many models; type `models: [qwen3]`",
            "{engine: ollama, models: [qwen3]}",
        ),
        ("{engine: mlx_lm, model: x}", "engine: mlx_lm is not one of", "{engine: mlx, model: x}"),
        (
            "{engine: mlx, model: x, program: /opt/x, command: [/opt/y, '{port}']}",
            "program: the command begins with the program already; take this out",
            "{engine: mlx, model: x, command: [/opt/y, '{port}']}",
        ),
        (
            "{engine: openai, command: [/opt/l, --port, '8000']}",
            'command: the server would listen on 8000, and 23907 is its port; type "{port}" there, or add `port: 8000`',
            "{engine: openai, command: [/opt/l, --port, '8000'], port: 8000}",
        ),
        (
            "{engine: openai, port: 8000, command: [/opt/l, --port=8001]}",
            'command: the server would listen on 8001, and 8000 is its port; type "{port}" there',
            "{engine: openai, port: 8000, command: [/opt/l, '--port={port}']}",
        ),
        (
            "{engine: openai, command: [/opt/l]}",
            "port: nobody tells the server on which port to listen",
            "{engine: openai, command: [/opt/l], port: 8000}",
        ),
        (
            "{engine: rest, command: [/opt/l, '{port}'], model: x}",
            "model: engine rest knows of no models",
            "{engine: rest, command: [/opt/l, '{port}']}",
        ),
        (
            "{engine: openai, command: [/opt/l, '{model}', '{port}']}",
            "command: {model} is not filled in; add `model: MODEL`",
            "{engine: openai, command: [/opt/l, '{model}', '{port}'], model: MODEL}",
        ),
    ],
)
def test_what_is_missing_is_one_line_and_what_it_says_is_valid(typed: str, said: str, instead: str) -> None:
    line = refused(f"a: {typed}")
    assert re.match(r"macs\.yml:3:\d+: ", line)
    assert said in line
    assert entry(instead)


@pytest.mark.parametrize(
    ("command", "warned"),
    [
        ("[/opt/vllm, serve, x, --port, '{port}']", True),
        ("[/opt/vllm, serve, x, --host, 127.0.0.1, --port, '{port}']", False),
        ("[/opt/python3, -m, mlx_vlm.server, --port, '{port}']", True),
        ("[/opt/litellm, --port, '{port}'], environment: {HOST: 127.0.0.1}", False),
        ("[/opt/llama-server, -m, /Users/a/vllm, --port, '{port}']", False),
    ],
)
def test_a_server_that_listens_everywhere_by_itself_is_told(command: str, *, warned: bool) -> None:
    said = wishes(f"a: {{engine: openai, command: {command}}}").warnings
    assert any("listens on every address" in line and "(accept: listens-everywhere)" in line for line in said) == warned
    accepted = wishes(f"a: {{engine: openai, command: {command}}}", "accept: [listens-everywhere]\n").warnings
    assert not any("listens on every address" in line for line in accepted)


@pytest.mark.parametrize(
    ("asked", "state", "text"),
    [
        ({"health coder": '{"status": "unavailable"}\n503', "served coder": "\n200"}, "down", "HTTP 503"),
        (
            {"health coder": "ok\n200", "served coder": json.dumps({"data": [{"id": "x"}]}) + "\n200"},
            "up",
            "process 7 on",
        ),
        (
            {"health coder": "ok\n200", "served coder": json.dumps({"data": [{"id": "z"}]}) + "\n200"},
            "up",
            "which models it serves is not known: /v1/models lists what is downloaded, and x is not in it, or not yet",
        ),
        # mlx_lm.server 0.32.2 without a Hugging Face folder
        ({"health coder": "ok\n200", "served coder": "\n200"}, "up", "something other than a list of models"),
    ],
)
def test_mlx_lists_what_is_downloaded_and_not_what_it_serves(asked: dict[str, str], state: str, text: str) -> None:
    mine = wishes("coder: {engine: mlx, model: x, port: 8000}")
    assert ("served", "coder 8000") in list(health.lists(mine))
    [judged] = health.healths(mine, found(asked))
    assert judged.state == state
    assert text in judged.text


def test_the_guide_names_the_model_of_an_mlx_server() -> None:
    read = spec.parse(f"{MAC}{GATEWAY}endpoints: {{mlx: {MLX}}}\n", "macs.yml").for_host("studio")
    files = Guide.of_spec(read.macs[0]).files()
    assert f"| `{MODEL}` |" in files["guide.md"]
    assert MODEL in files["llms.txt"]
    assert re.search("<dt>speaks</dt><dd>OpenAI.*/v1", files["index.html"])


def test_a_program_of_an_app_may_have_blanks() -> None:
    program = "/Applications/LM Studio.app/Contents/MacOS/LM Studio"

    assert meant.command(f"{program} --run-as-service") == f'["{program}", --run-as-service]'
    assert meant.command("/opt/bin/x serve a --b") == "[/opt/bin/x, serve, a, --b]"
