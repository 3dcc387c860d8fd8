"""Short forms, a Mac's own layer of the spec, and what nobody wrote."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from macstate import spec
from macstate.endpoint.entry import Endpoint
from macstate.errors import MacstateError
from macstate.kinds.serve.route import Route
from macstate.language import document
from macstate.spec.model import view
from macstate.spec.schema import schema

MAC = "macs:\n  macstudio: {hostname: studio.example, user: me}\n"


def test_an_entry_is_written_out_and_then_completed_before_it_is_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    def written_out(_: type[Endpoint], name: str, value: Any) -> Any:
        return {"engine": "rest", "command": [f"/bin/{name}"]} if value is True else value

    def completed(_: type[Endpoint], name: str, value: dict[str, Any]) -> dict[str, Any]:
        return {"port": 8000 + len(name), **value}

    monkeypatch.setattr(Endpoint, "written_out", classmethod(written_out))
    monkeypatch.setattr(Endpoint, "completed", classmethod(completed))

    [(name, endpoint)] = spec.parse(f"{MAC}endpoints: {{abc: true}}\n", "macs.yml").for_host("macstudio").entries

    assert (name, endpoint.engine, endpoint.command, endpoint.port) == ("abc", "rest", ("/bin/abc",), 8003)  # type: ignore[attr-defined]


SHARED = """
power: {ac: {sleep: 0, womp: true}}
firewall: {enabled: true, allow: [/bin/x]}
gateway: {server: nginx, keys: {agents: generate, laptop: generate}}
endpoints:
  a:
    engine: rest
    command: [/bin/a, --port, "{port}"]
    port: 8001
    environment: {A: "1", B: "2"}
    serve: {https: 8443, path: /a}
    models: {one: The one}
  b: {engine: rest, command: [/bin/b], port: 8002}
"""


def mac(own: str, shared: str = SHARED) -> dict[str, Any]:
    """Give the sections of a Mac with these fields of its own, and see that another one is as if they were not."""
    macs = f"macs:\n  other: {{hostname: o, user: me}}\n  mini: {{hostname: m, user: me, {own}}}\n"
    both = spec.parse(f"{macs}{shared}", "macs.yml")
    alone = spec.parse(f"macs:\n  other: {{hostname: o, user: me}}\n{shared}", "macs.yml")

    assert both.for_host("other").entries == alone.for_host("other").entries
    found: dict[str, Any] = {}
    for name, entry in view(both.root, "mini").entries:
        if type(entry).named:
            found.setdefault(entry.section, {})[name] = entry
        else:
            found[name] = entry
    return found


def said(own: str, shared: str = SHARED) -> list[str]:
    macs = f"macs:\n  other: {{hostname: o, user: me}}\n  mini:\n    hostname: m\n    user: me\n    {own}\n"
    with pytest.raises(MacstateError) as caught:
        spec.parse(f"{macs}{shared}", "macs.yml")
    return list(caught.value.lines)


def test_a_mac_s_own_mapping_is_laid_over_the_common_one_field_by_field() -> None:
    own = "endpoints: {a: {port: 9000, command: [/bin/z], environment: {B: '3', C: '4'}}}"

    entries = mac(own)["endpoints"]

    assert (entries["a"].port, entries["a"].command) == (9000, ("/bin/z",))
    assert entries["a"].environment == {"A": "1", "B": "3", "C": "4"}
    assert entries["a"].serve.https == 8443
    assert list(entries) == ["a", "b"]


def test_a_new_name_is_added_for_that_mac_alone() -> None:
    entries = mac("endpoints: {c: {engine: rest, command: [/bin/c], port: 8003}}")["endpoints"]

    assert list(entries) == ["a", "b", "c"]


def test_null_takes_out_an_entry_a_field_a_name_and_a_section() -> None:
    own = "firewall: null, gateway: {keys: {laptop: null}}, endpoints: {b: null, a: {serve: null, environment: {A: }}}"

    sections = mac(own)

    assert "firewall" not in sections
    assert list(sections["gateway"].keys) == ["agents"]
    assert list(sections["endpoints"]) == ["a"]
    assert sections["endpoints"]["a"].serve is None
    assert sections["endpoints"]["a"].environment == {"B": "2"}


def test_null_for_a_field_that_is_not_there_adds_nothing() -> None:
    assert mac("endpoints: {a: {watchdog: null}}") == mac("endpoints: {}")


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ("gateway: {keys: {agent: null}}", "6:22: agent: keys of all Macs has no such name .*mean `agents`\\?$"),
        ("gateway: {keys: {phone: null}}", "6:22: phone: keys of all Macs .*; take the line out$"),
        ("endpoints: {a: {environment: {X: }}}", "6:35: X: environment of all Macs .*; take the line out$"),
        ("endpoints: {a: {models: {ona: }}}", "6:30: ona: models .*; did you mean `one`\\?, and to add it `ona: {}`$"),
    ],
)
def test_a_name_that_is_taken_out_must_be_there(own: str, line: str) -> None:
    [told] = said(own)

    assert re.match(f"macs.yml:{line}", told), told


def test_a_model_with_nothing_behind_it_is_added_where_no_other_is_like_it() -> None:
    for own in ("qwen3: ", "ona: {}"):
        assert len(mac(f"endpoints: {{a: {{models: {{{own}}}}}}}")["endpoints"]["a"].models) == 2


@pytest.mark.parametrize("field", ["serve", "funnel"])
@pytest.mark.parametrize(("short", "path"), [("/x", "/x"), ("true", "/a")])
def test_a_path_laid_over_a_route_keeps_its_port(field: str, short: str, path: str) -> None:
    shared = SHARED.replace("serve: {https: 8443, path: /a}", f"{field}: {{https: 8443, path: /old, keep_path: true}}")

    route = getattr(mac(f"endpoints: {{a: {{{field}: {short}}}}}", shared)["endpoints"]["a"], field)

    assert (route.https, route.path, route.keep_path) == (8443, path, True)


def test_a_list_chooses_and_an_empty_one_or_null_leaves_none() -> None:
    assert list(mac("endpoints: [b]")["endpoints"]) == ["b"]
    assert "endpoints" not in mac("endpoints: []")
    assert "endpoints" not in mac("endpoints: null")


def test_a_section_without_names_is_laid_over_too() -> None:
    power = mac("power: {ac: {womp: false}, disablesleep: false}")["power"]

    assert (power.ac.sleep, power.ac.womp, power.disablesleep) == (0, False, False)
    assert mac("firewall: {allow: []}")["firewall"].model_dump(exclude_none=True) == {"enabled": True, "allow": ()}


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ("endpoints: {a: {port: 80000}}", "6:27: port: 80000 is too large"),
        ("endpoints: {a: {prot: 8001}}", "6:21: prot: unknown here; did you mean `port`?"),
        ("endpoints: {b: {port: 8001}}", "6:27: port: 8001 is taken by endpoints.a"),
        ("endpoints: {c: {port: 8003, command: [/bin/c]}}", "6:17: engine: it is missing"),
        ("endpoints: {a: {engine: null}}", "6:17: engine: it is missing"),
        ("endpoints: {a: {environment: {OLLAMA_HOST: x}}}", "6:48: OLLAMA_HOST: "),
        ("endpoints: {c: null}", "6:17: c: nothing stands behind it, and endpoints has no such entry"),
        ("endpoints: [c, b]", "6:17: c: endpoints has no such entry"),
        ("endpoints: [{b: {port: 1}}]", "6:17: endpoints: a list only chooses from what all Macs have"),
        ("gateway: {keys: {agents: null, laptop: null}}", "6:14: keys: "),
        ("gateway: {require_key: never}\n    endpoints: {b: {funnel: /b}}", "7:29: funnel: "),
    ],
)
def test_a_mistake_is_told_once_where_it_was_written(own: str, line: str) -> None:
    shared = SHARED.replace("    models", "    require_key: true\n    models")

    assert [each.startswith(f"macs.yml:{line}") for each in said(own, shared)] == [True], said(own, shared)


def test_a_mistake_of_the_common_section_is_told_once_whoever_gets_it() -> None:
    wrong = SHARED.replace("port: 8002", "port: 0")

    for own in ("endpoints: {a: {port: 1}}", "endpoints: [a]", "endpoints: {b: {environment: {A: x}}}"):
        assert [line.partition(": ")[2] for line in said(own, wrong)] == ["port: 0 is too small; type `1` or more"]


def test_what_no_mac_gets_is_checked_too() -> None:
    text = "macs:\n  mini: {hostname: m, user: me, endpoints: [a]}\n"
    wrong = SHARED.replace("/bin/b", "bin/b")

    with pytest.raises(MacstateError, match=r"macs.yml:15:31: command: 'bin/b' is not an absolute path"):
        spec.parse(f"{text}{wrong}", "macs.yml")


def test_an_overlay_s_entry_can_be_what_a_run_is_about() -> None:
    text = "macs:\n  mini: {hostname: m, user: me, endpoints: {c: {engine: rest, command: [/bin/c], port: 8003}}}\n"

    assert spec.parse(f"{text}{SHARED}", "x").for_host("mini").narrowed(["endpoints.c"]).only == ("endpoints.c",)


def test_an_editor_takes_what_macstate_takes() -> None:
    text = """
macs:
  a: {hostname: a, user: me, endpoints: {a: {port: 9000, serve: null}, b: null}, firewall: null}
  b: {hostname: b, user: me, endpoints: [a], power: {ac: {sleep: null}}}
"""
    tree = Draft202012Validator(json.loads(schema()))

    assert list(tree.iter_errors(yaml.safe_load(f"{text}{SHARED}"))) == []
    assert [error.message for error in tree.iter_errors(yaml.safe_load(text.replace("9000", "'x'")))] != []
    assert spec.parse(f"{text}{SHARED}", "x")


def test_two_macs_with_two_hundred_endpoints_are_read_in_a_moment() -> None:
    macs = "".join(f"  m{n}: {{hostname: m, user: u, endpoints: {{e{n}: {{port: 999{n}}}}}}}\n" for n in range(2))
    each = "{{engine: rest, command: [/bin/x], port: {port}, environment: {{A: b}}, serve: /e{n}, models: {{m: M}}}}"
    text = f"macs:\n{macs}endpoints:\n" + "".join(f"  e{n}: {each.format(n=n, port=10000 + n)}\n" for n in range(200))
    begun = time.process_time()
    document.read(text)
    read = time.process_time()
    assert len(spec.parse(text, "x").for_host("m0").entries) == 200
    assert time.process_time() - read - (read - begun) < 1


WARNS = "power: {ac: {sleep: 5}, disablesleep: true}\n"


def warnings(own: str, top: str = "", name: str = "mini") -> list[str]:
    text = f"{top}macs:\n  other: {{hostname: o, user: me}}\n  mini: {{hostname: m, user: me{own}}}\n{WARNS}"
    told = spec.parse(text, "x").for_host(name).warnings
    return [line.partition("(accept: ")[2].rstrip(")") for line in told]


def test_every_warning_says_the_name_that_silences_it() -> None:
    assert warnings("") == ["sleep", "disablesleep"]
    assert warnings("", "accept: [disablesleep]\n") == ["sleep"]


def test_what_one_mac_accepts_the_others_are_warned_of() -> None:
    assert warnings(", accept: [sleep, disablesleep]") == []
    assert warnings(", accept: [sleep, disablesleep]", name="other") == ["sleep", "disablesleep"]
    assert warnings(", power: {ac: {sleep: 0}, disablesleep: null}") == []


def test_a_warning_that_nobody_knows_cannot_be_accepted() -> None:
    with pytest.raises(MacstateError, match=r"x:1:10: accept: disabelsleep is not .* mean `disablesleep`"):
        warnings("", "accept: [disabelsleep]\n")


def test_via_is_how_to_log_in_and_ssh_says_the_same() -> None:
    def login(own: str) -> str:
        return str(spec.parse(f"macs: {{m: {{hostname: h, user: me{own}}}}}", "x").macs["m"].login)

    assert [login(own) for own in ("", ", via: openssh", ", ssh: openssh", ", ssh: openssh, via: openssh")] == [
        "tailscale",
        *["openssh"] * 3,
    ]
    with pytest.raises(MacstateError, match=r"x:1:56: ssh: it means the same as `via`"):
        login(", via: tailscale, ssh: openssh")
    with pytest.raises(MacstateError, match=r"x:1:\d+: via: opnssh is not one of .*; did you mean `openssh`"):
        login(", via: opnssh")


BARE = "{engine: openai, command: [/bin/x], port: 8000"
MODELS = {"qwen3:32b": "", "deepseek-r1": "DeepSeek"}


@pytest.mark.parametrize(
    ("typed", "field", "meant"),
    [
        ("serve: true", "serve", {"https": 443, "path": "/vllm", "keep_path": False}),
        ("serve: /x", "serve", {"https": 443, "path": "/x", "keep_path": False}),
        ("serve: false", "serve", None),
        ("funnel: false", "funnel", None),
        ("watchdog: false", "watchdog", None),
        ("models: [qwen3:32b, deepseek-r1: DeepSeek]", "models", MODELS),
        ("models: {qwen3:32b: , deepseek-r1: DeepSeek}", "models", MODELS),
        ("models: {qwen3:32b: true, deepseek-r1: {about: DeepSeek}}", "models", MODELS),
    ],
)
def test_a_short_form_of_an_endpoint_is_as_good_as_the_long_one(typed: str, field: str, meant: Any) -> None:
    value = getattr(mac("", f"endpoints: {{vllm: {BARE}, {typed}}}}}\n")["endpoints"]["vllm"], field)

    assert ({name: each.about for name, each in value.items()} if field == "models" else value) == (
        Route.model_validate(meant) if field == "serve" and meant else meant
    )


def test_a_watchdog_asks_every_five_minutes() -> None:
    short, long = (mac("", f"endpoints: {{vllm: {BARE}, watchdog: {typed}}}}}\n") for typed in ("true", "{every: 5m}"))

    assert short == long


@pytest.mark.parametrize(
    ("typed", "long"),
    [
        ("firewall: true", "firewall: {enabled: true}"),
        ("screen_sharing: true", "screen_sharing: {enabled: true}"),
        ("remote_login: false", "remote_login: {enabled: false}"),
        ("log_rotation: true", "log_rotation: {}"),
        ("log_rotation: false", ""),
        ("gpu_memory: 48GB", "gpu_memory: {wired_limit_mb: 49152}"),
        ("gpu_memory: 900MB", "gpu_memory: {wired_limit_mb: 900}"),
        ("host_name: studio", "host_name: {name: studio}"),
        ("gateway: nginx", "gateway: {server: nginx}"),
        ("power: {ac: {sleep: never, disksleep: 2h}}", "power: {ac: {sleep: 0, disksleep: 120}}"),
    ],
)
def test_a_short_form_of_a_section_is_as_good_as_the_long_one(typed: str, long: str) -> None:
    assert mac("", typed) == mac("", long)
    assert mac(typed, "") == mac("", long)
    assert list(Draft202012Validator(json.loads(schema())).iter_errors(yaml.safe_load(f"{MAC}{typed}"))) == []


def test_clients_may_be_true() -> None:
    short, long, local, none = (
        spec.parse(f"{MAC}clients: {typed}\n", "x").clients
        for typed in ("true", "{local: {}}", "{local: true}", "false")
    )

    assert short == long == local
    assert none is None


def test_the_short_form_is_written_out_before_another_layer_lies_over_it() -> None:
    shared = f"gateway: nginx\nendpoints: {{vllm: {BARE}, serve: true, watchdog: true, models: [a, b]}}}}\n"
    own = "gateway: {keys: {x: generate}}, endpoints: {vllm: {serve: {keep_path: true}, models: {a: null, b: B, c: }}}"

    sections = mac(own, shared)

    assert (sections["gateway"].server, list(sections["gateway"].keys)) == ("nginx", ["x"])
    endpoint = sections["endpoints"]["vllm"]
    assert (endpoint.serve.path, endpoint.serve.keep_path, endpoint.watchdog.every) == ("/vllm", True, 300)
    assert {name: each.about for name, each in endpoint.models.items()} == {"b": "B", "c": ""}
    assert (
        mac("endpoints: {vllm: {models: [c], watchdog: false, serve: /y}}", shared)["endpoints"]["vllm"].watchdog
        is None
    )


@pytest.mark.parametrize(
    ("keys", "secret"),
    [
        ("[sk-abcdef0123456789]", "sk-abc"),
        ("sk-abcdef0123456789", "sk-abc"),
        ("{sk-abcdef0123456789: generate}", "sk-abc"),
        ("{agents: 12345678901234567}", "123456"),
        ("{agents: [[sk-abcdef0123456789]]}", "sk-abc"),
        ("{agents: {value: sk-abcdef0123456789}}", "sk-abc"),
        ("{agents: sk-abcdef0123456789}", "sk-abc"),
        ("{9f8e7d6c5b4a39281706f5e4d3c2b1a0: generate}", "9f8e"),
    ],
)
def test_a_key_in_the_spec_is_refused_and_not_shown(keys: str, secret: str) -> None:
    lines = said("via: tailscale", f"gateway: {{server: nginx, keys: {keys}}}")

    assert secret not in "\n".join(lines)
    assert "generate" in "\n".join(lines)


SECRETS = ("hunter2-secret-pw", "9f8e7d6c5b4a39281706f5e4d3c2b1a0")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("environment: [API_KEY={}, A=b]", "{API_KEY: …, A: b}"),
        ("environment: 'DB_PASSWORD={} A=b'", "{DB_PASSWORD: …, A: b}"),
        ("environment: {DB_PASSWORD: ['{}']}", "DB_PASSWORD: "),
        ("env: [HF_TOKEN={}]", "environment: {HF_TOKEN: …}"),
        ("command: '/x --api-key {} -v'", '[/x, --api-key, "…", -v]'),
        ("command: ['/x/bin/y --api-key={}']", "/x/bin/y, "),
        ("args: [--api-key, '{}', -v]", "--api-key"),
        ("keys: ['{}']", "keys: "),
        ("require_key: '{}'", "require_key: "),
        ("api_key: '{}'", "api_key: "),
    ],
)
def test_what_stands_under_the_name_of_a_secret_is_not_shown(typed: str, line: str, secret: str) -> None:
    own = f"endpoints: {{a: {{engine: rest, port: 8000, {typed.replace('{}', secret)}}}}}"

    told = "\n".join(said("via: tailscale", own))

    assert secret not in told
    assert line in told


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "typed",
    [
        "gateway: [nginx, '{}']",
        "gateway: [{keys: '{}'}]",
        "gateway: {server: nginx, require_key: '{}'}",
        "gateway: {server: nginx, master_key: '{}'}",
        "endpoints: [{name: v, engine: openai, api_key: '{}'}]",
    ],
)
def test_no_section_repeats_a_secret(typed: str, secret: str) -> None:
    assert secret not in "\n".join(said("via: tailscale", typed.replace("'{}'", f"'{secret}'")))


def test_a_key_that_is_taken_out_by_itself_is_not_shown() -> None:
    [line] = said("gateway: {keys: {9f8e7d6c5b4a39281706f5e4d3c2b1a0: null}}")

    assert "9f8e" not in line


def test_a_limit_of_tokens_is_no_secret() -> None:
    own = "endpoints: {a: {engine: rest, command: [/x], port: 8000, environment: [MAX_TOKENS=4096]}}"

    assert "MAX_TOKENS: '4096'" in said("via: tailscale", own)[0]


def test_the_place_of_a_model_in_a_list_is_its_own() -> None:
    shared = "endpoints: {o: {engine: ollama, command: [/bin/x], port: 8000, models: [qwen3, q :32b, qwen3:latest]}}"

    assert [line.split(":")[1:3] for line in said("via: tailscale", shared)] == [["7", "80"], ["7", "88"]]


def test_a_key_that_stands_anywhere_is_told_without_its_value() -> None:
    for token in ("hf_0123456789abcdef", "sk-0123456789abcdef"):
        [line] = said("via: tailscale", f"endpoints: {{a: {BARE}, env: [TOKEN={token}]}}}}")
        assert token not in line
        assert "TOKEN" in line
