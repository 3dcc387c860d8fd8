"""What stands in the way is told before anything is done, each from a state of the Mac that brings it about."""

from __future__ import annotations

import ast
import os
import re
import time
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import CliRunner
from laptop import REFERENCE, Laptop

from macstate import spec
from macstate.cli import macstate
from macstate.kernel.change import Plan
from macstate.kernel.record import Record
from macstate.kernel.resource import Actual
from macstate.kinds import KINDS
from macstate.kinds.model import Model
from macstate.language.facts import Facts
from macstate.language.facts.machine import Machine
from macstate.language.types import Warned
from macstate.review import preflight
from macstate.review.preflight import capacity
from macstate.review.preflight.finding import Flight

STATES = """
rehearse filevault on
rehearse clock 500
rehearse version 13.7.2 22H313
rehearse uninstall /Users/mmirvois/vllm/bin/vllm
rehearse listen 7860 /Applications/Diffusion.app/Contents/MacOS/server
rehearse disk 12000000000
rehearse sudo-password secret
rehearse sysctl hw.memsize 68719476736
"""
TOGETHER = "\n      llama4:scout: {about: Llama 4 Scout, resident: true}"


def doctor(laptop: Laptop, spec: str) -> tuple[int, dict[str, list[str]]]:
    """Give the exit status, and what was said by level."""
    laptop.count += 1
    file = laptop.folder / f"spec{laptop.count}.yml"  # a file is read once
    file.write_text(spec)
    os.environ.update(MACSTATE_SPEC=str(file), MACSTATE_REHEARSAL=str(laptop.folder / "macs"))
    result = CliRunner().invoke(macstate, ["doctor", "@rehearsal/macstudio"])
    levels: dict[str, list[str]] = {}
    for line in result.output.splitlines():
        level, _, text = line.partition(" ")
        levels.setdefault(level, []).append(text.strip())
    return result.exit_code, levels


@pytest.mark.slow
def test_a_mac_with_nothing_wrong(laptop: Laptop) -> None:
    code, said = doctor(laptop, REFERENCE)
    assert (code, set(said)) == (0, {"ok"})
    assert "FileVault: off: daemons start on their own after a power cut" in said["ok"]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (1000, "the same as the laptop's"),
        (1190, "the same as the laptop's"),
        (1300, "it is 101 s ahead of this laptop's"),
        (800, "it is 200 s behind this laptop's"),
    ],
)
def test_a_mac_that_answers_slowly_has_no_wrong_clock(there: int, said: str) -> None:
    """It was read at some time between question and answer, and what a key's command takes comes behind that."""
    found = Actual(
        Facts(user="me", home="/Users/me", machine=Machine(clock=there)),
        {},
        Record({}),
        asked_at=(1000, 1199),
        kinds=KINDS,
    )
    wishes = spec.parse("macs: {m: {hostname: m, user: me}}", "macs.yml").for_host("m")
    [finding] = preflight.clock(Flight(wishes, found, Plan(())))
    assert finding.text.startswith(said)


@pytest.mark.slow
def test_every_finding(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    laptop.command(STATES)
    spec = REFERENCE.replace("\n      llama4:scout: Llama 4 Scout", TOGETHER)
    begun = time.monotonic()
    code, said = doctor(laptop, spec)
    took = time.monotonic() - begun
    assert code == 1
    warnings = "\n".join(said["warning"])
    assert "FileVault: it is on: after a power cut nothing here starts until somebody enters the password" in warnings
    ahead = re.search(r"clock: it is (\d+) s ahead of this laptop's", warnings)
    assert ahead
    assert 499 - took <= int(ahead[1]) <= 500  # by at least so much
    assert "macOS: 13.7.2: the output of versions before 14 may be misread" in warnings
    assert "disk: 12.0 GB free below /Users" in warnings
    assert "sudo: asks for a password, once a run" in said["ok"]
    errors = "\n".join(said["error"])
    assert "endpoints.vllm: /Users/mmirvois/vllm/bin/vllm is not on this Mac, or cannot be run" in errors
    assert (
        "endpoints.a1111: port 7860 is in use by /Applications/Diffusion.app/Contents/MacOS/server (process" in errors
    )
    assert "quit it in the menu bar" in errors
    assert "memory: llama4:scout needs about 75 GB, and the GPU gets 48 GB of this Mac" in errors
    # the same stop a run before anything is done; the warnings are said, and do not stop it
    outcome = laptop.run(spec)
    assert outcome.failed
    assert outcome.commands == 1
    assert "warning: clock: it is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limit", "level", "said"),
    [
        ("", "error", "memory: x needs about 75 GB, and the GPU gets 72 GB of this Mac; remove `resident` from"),
        ("0", "error", "memory: x needs about 75 GB, and the GPU gets 72 GB of this Mac; remove `resident` from"),
        (
            "60000",
            "error",
            "memory: x needs about 75 GB, and the GPU gets 59 GB of this Mac; remove `resident` from",
        ),
        ("90000", "ok", "memory: 75 GB needed of 88 GB"),  # in the very run that raises it
        (
            "98305",
            "error",
            "gpu_memory: wired_limit_mb: 98305 is more than this Mac has: 98304 MB; type a lower number",
        ),
        ("98305", "ok", "memory: 75 GB needed of 96 GB"),
    ],
)
def test_memory_under_the_limit_that_is_wished(limit: str, level: str, said: str) -> None:
    text = "macs: {m: {hostname: h, user: anna}}\nendpoints: {o: {engine: ollama, command: [/x], port: 9001, models: "
    text += "{x: {about: X, resident: true}}}}\n" + (f"gpu_memory: {{wired_limit_mb: {limit}}}\n" if limit else "")
    machine = Machine(memory=96 * 1024**3, wired_limit=0)
    here = Model(key="o/x:latest", pulled=True, size=67 * 10**9)
    found = Actual(Facts(machine=machine), {here.id: here}, Record(), kinds=KINDS)
    findings = list(capacity.memory(Flight(spec.parse(text, "macs.yml").for_host("m"), found, Plan(()))))
    told = [each for each in findings if f"{each.about}: {each.text}".startswith(said)]
    assert [each.level for each in told] == [level], findings


@pytest.mark.slow
def test_homebrews_formula_is_told_with_the_path_that_it_brings(laptop: Laptop) -> None:
    there = "/opt/homebrew/bin/ollama"
    laptop.command(f"rehearse uninstall /usr/local/bin/ollama; rehearse uninstall {there}")
    _, elsewhere = doctor(laptop, REFERENCE)
    _, right = doctor(laptop, REFERENCE.replace("/usr/local/bin/ollama", there))
    assert any(f"`brew install ollama` puts it at {there}: type that, or" in line for line in elsewhere["error"])
    assert any(line.endswith("install it (`brew install ollama`)") for line in right["error"]), right


@pytest.mark.slow
def test_tailscale_that_is_logged_out(laptop: Laptop) -> None:
    laptop.command("rehearse tailscale logout")
    _, said = doctor(laptop, "macs: {macstudio: {hostname: studio, user: mmirvois}}")
    assert said["warning"] == ["Tailscale: tailscaled is in state NeedsLogin (accept: tailscale)"]


@pytest.mark.parametrize(
    ("host", "process"),
    [
        ("127.0.0.1", "0 0 131072 131072              ollama:812   00100 00000006"),
        ("127.0.0.1", "131072 131072    812      0 0x0100 0x00000106"),
        ("127.0.0.1", "0 0 131072 131072    812      0 00100 00000006"),
        ("*", "0 0  131072 131072  My Prog (Service):812  00100 00000006"),
    ],
)
def test_both_forms_of_netstat(host: str, process: str) -> None:
    row = f"tcp4       0      0  {host}.11434        *.*                    LISTEN                 {process}"
    machine = Machine.read({"netstat -anv -p tcp": row, "ps": "  812   800 /usr/local/bin/ollama"}, {})
    [listener] = machine.at(11434)
    assert (listener.pid, listener.group, listener.program) == (812, 800, "/usr/local/bin/ollama")
    assert listener.on_loopback == (host != "*")


def test_what_cannot_be_read_is_unknown() -> None:
    said = {"sysctl": "x", "clock": "?", "fdesetup status": "{}"}
    assert Machine.read(said, {}) == Machine(free={})


@pytest.mark.slow
def test_what_the_spec_accepts_of_a_mac_is_no_warning(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    laptop.command("rehearse filevault on")
    laptop.command("rehearse disk 12000000000")
    accepting = (
        f"accept: [disablesleep, disk]\n{REFERENCE.replace('user: mmirvois', 'user: mmirvois, accept: [sleep]')}"
    )

    _, said = doctor(laptop, accepting.replace("user: mmirvois, accept: [sleep]", "user: mmirvois"))
    laptop.run(accepting.replace("user: mmirvois, accept: [sleep]", "user: mmirvois"))

    assert {line.partition(":")[0] for line in said["accepted"]} == {"disk"}
    assert len(said["warning"]) == 1
    assert said["warning"][0].endswith(" (accept: filevault)")
    told = capsys.readouterr().err
    assert "accept: filevault" in told
    assert "disk" not in told
    assert "disablesleep" not in told


def test_every_warning_has_a_name_and_every_name_a_warning() -> None:
    """In the sources, since no Mac has them all."""
    texts = [
        path.read_text() for path in (Path(__file__).parents[1] / "macstate").rglob("*.py") if path.name != "types.py"
    ]
    levels = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    names = set(get_args(Warned))

    assert names <= {node.value for node in levels}
    for text in texts:
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Finding" and len(call.args) > 2:
                words = [ast.literal_eval(word) for word in call.args[2:] if isinstance(word, ast.Constant)]
                assert words[:1] != ["warning"] or words[1:] or isinstance(call.args[-1], ast.Name), ast.unparse(call)


KEYED = """
macs: {macstudio: {hostname: studio.tail1.ts.net, user: anna}}
gateway: {server: nginx, keys: {me: env:MACSTATE_TEST_KEY}}
endpoints:
  ollama: {engine: ollama, command: [/usr/local/bin/ollama, serve], port: 11434, serve: /}
  coder:
    engine: rest
    command: [/opt/homebrew/bin/mlx_lm.server, --port, "{port}"]
    port: 8091
    serve: /c
    require_key: true
"""


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    """A Mac with one endpoint that asks for a key behind one that does not."""
    laptop = Laptop(tmp_path_factory.mktemp("keyed"))
    assert not laptop.run(KEYED).failed
    return laptop


LOGS = "`macstate logs @rehearsal/macstudio"


@pytest.mark.slow
def test_what_is_down_is_told_with_the_way_to_its_log(keyed: Laptop) -> None:
    before = keyed.keep()
    code, said = doctor(keyed, KEYED)
    assert (code, "error" in said, said["ok"][-1]) == (0, False, "endpoints: ollama up, coder up")

    keyed.command("rehearse crash macstate.coder; sudo launchctl kill TERM system/macstate.ollama")
    code, said = doctor(keyed, KEYED)
    down = f"endpoints.coder: down: its job is not running (last exit: 1); {LOGS} coder` shows why"
    assert (code, down in said["error"]) == (1, True), said
    keyed.put_back(before)


@pytest.mark.slow
def test_a_job_that_is_started_again_and_again_is_told(keyed: Laptop) -> None:
    before = keyed.keep()
    keyed.command("rehearse crash-loop macstate.gateway; rehearse crash macstate.gateway")
    code, said = doctor(keyed, KEYED)
    assert code == 1
    why = rf"gateway: its job (is not running|was started \d+ times); last exit: 1; {LOGS} gateway` .*"
    assert any(re.fullmatch(why, line) for line in said["error"]), said
    keyed.put_back(before)


@pytest.mark.slow
def test_doctor_says_why_a_plan_would_be_refused(keyed: Laptop) -> None:
    code, said = doctor(keyed, KEYED.replace("require_key: true", "require_key: false"))
    assert code == 1
    assert said["error"] == [
        "route tailnet 443/c: refused, it asks for a key now, and would stop asking; if that is meant, add "
        "`--data allow=lose-key`"
    ]


@pytest.mark.slow
def test_a_port_that_somebody_holds_is_no_lost_key(keyed: Laptop) -> None:
    before = keyed.keep()
    keyed.command(
        "rehearse crash-loop macstate.coder; rehearse crash macstate.coder; rehearse listen 8091 /opt/python3"
    )
    [seen] = keyed.run(KEYED, dry=True).shown
    lines = [click.unstyle(line) for line in seen.text(steps=False)]
    assert any(re.match("left: endpoints.coder: port 8091 is .* /opt/python3 ", line) for line in lines), lines
    assert seen.refusals == []
    keyed.put_back(before)


@pytest.mark.slow
def test_doctor_says_that_nothing_was_applied_yet_and_what_servers_download(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path)
    mlx = "mlx: {engine: mlx, model: mlx-community/Qwen3-8B-4bit}"
    spec = "macs: {macstudio: {hostname: studio, user: anna}}\n"
    spec += f"endpoints: {{ollama: {{engine: ollama, models: [qwen3]}}, {mlx}}}\n"
    code, said = doctor(laptop, spec)
    assert code == 0
    text = str(said)
    count = len(laptop.run(spec, dry=True).shown[0].plan.changes)
    assert f"not applied yet: {count} changes are pending" in text
    assert "its server downloads mlx-community/Qwen3-8B-4bit at its first start" in text
    assert text.count("free below") == 1, text
    assert not laptop.run(spec).failed
    laptop.wait_for_models()
    text = str(doctor(laptop, spec))
    assert "not applied" not in text
    assert "downloads" not in text
    assert text.count("free below") == 1
