"""What cannot be read or done is told and left, and stops nothing else; the run ends with 1."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest
from laptop import Laptop, Outcome

from macstate.kernel.change import Plan

MACS = "macs: {macstudio: {hostname: studio.tail1.ts.net, user: mmirvois}}\n"
POWER = "power: {ac: {sleep: 7}}\n"


def endpoint(name: str, port: int, more: str = "") -> str:
    return (
        f"  {name}: {{engine: rest, command: [/opt/{name}, --port, '{{port}}'], port: {port}, serve: /{name}{more}}}\n"
    )


TWO = f"{MACS}{POWER}tailscale: {{ssh: true}}\nendpoints:\n{endpoint('a', 8001)}{endpoint('b', 8002)}"


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    laptop = Laptop(tmp_path)
    laptop.run(TWO, dry=True)
    return laptop


def done(outcome: Outcome) -> set[str]:
    return {line.removeprefix("macstudio ") for line in outcome.done}


def plan(outcome: Outcome) -> Plan:
    [seen] = outcome.shown
    return seen.plan


MISSING = "endpoints.a: /opt/a is not on this Mac, or cannot be run; type its path"


@pytest.mark.slow
def test_a_program_that_is_missing_keeps_its_endpoint_waiting_and_nothing_else(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    laptop.command("rehearse uninstall /opt/a")

    outcome = laptop.run(TWO)

    assert outcome.failed
    assert done(outcome) == {"~ power/ac", "+ launchd/system/macstate.b", "+ serve/443/b", "~ tailscale/prefs"}
    assert plan(outcome).left == dict.fromkeys(("launchd/system/macstate.a", "serve/443/a"), MISSING)
    shown = capsys.readouterr().out.splitlines()
    assert f"left: {MISSING} (launchd/system/macstate.a, serve/443/a)" in shown
    assert "Plan: 2 to add, 2 to change, 0 to remove. 1 left." in shown
    assert [line for line in outcome.said if "verify: left: endpoints.a: " in line]
    assert "/a" not in laptop.output("tailscale serve status --json").split("8002")[0]

    again = laptop.run(TWO)

    assert (again.failed, again.rows, again.commands) == (True, [], 1)
    assert "No changes now. macstudio does not match the spec: 1 left." in capsys.readouterr().out
    assert any(line.startswith(f"macstudio: left: {MISSING}") for line in again.said), again.said


@pytest.mark.slow
def test_what_is_there_already_stays_where_its_program_goes(laptop: Laptop) -> None:
    assert not laptop.run(TWO).failed
    before = laptop.output("tailscale serve status --json; launchctl print system | grep macstate")
    laptop.command("rehearse uninstall /opt/a")

    outcome = laptop.run(TWO.replace("sleep: 7", "sleep: 8"))

    assert outcome.failed
    assert done(outcome) == {"~ power/ac"}
    assert laptop.output("tailscale serve status --json; launchctl print system | grep macstate") == before


@pytest.mark.slow
def test_a_gui_job_without_a_login_is_left(laptop: Laptop) -> None:
    laptop.command("rehearse logout")

    outcome = laptop.run(f"{MACS}{POWER}launchd: {{com.example.g: {{command: [/opt/a], domain: gui}}}}\n")

    assert outcome.failed
    assert done(outcome) == {"~ power/ac"}
    [(name, why)] = plan(outcome).left.items()
    assert name == "launchd/gui/501/com.example.g"
    assert "nobody is logged in at the Mac's screen" in why


@pytest.mark.slow
@pytest.mark.parametrize("state", ["stop", "logout"])
def test_a_tailscaled_that_is_stopped_or_logged_out(laptop: Laptop, state: str) -> None:
    laptop.command(f"rehearse tailscale {state}")

    outcome = laptop.run(TWO)

    assert outcome.failed
    assert done(outcome) >= {"~ power/ac", "+ launchd/system/macstate.a", "+ launchd/system/macstate.b"}
    assert plan(outcome).left
    laptop.command("rehearse tailscale start; rehearse tailscale login")
    assert not laptop.run(TWO).failed


@pytest.mark.slow
def test_nothing_of_an_entry_that_cannot_be_expanded_is_removed(laptop: Laptop) -> None:
    assert not laptop.run(TWO).failed
    before = laptop.output("tailscale serve status --json")
    laptop.command("rehearse tailscale logout")

    outcome = laptop.run(TWO.replace("sleep: 7", "sleep: 8"))

    assert done(outcome) == {"~ power/ac"}
    laptop.command("rehearse tailscale login")
    assert laptop.output("tailscale serve status --json") == before


MODELS = f"""{MACS}{POWER}tailscale: {{ssh: true}}
endpoints:
  ollama:
    engine: ollama
    command: [/usr/local/bin/ollama, serve]
    port: 11434
    models: {{all-minilm: A, no-such-model-anywhere: B, "llama3.2:1b": C}}
"""


@pytest.mark.slow
def test_a_model_that_does_not_exist_stops_no_other_and_nothing_else(laptop: Laptop) -> None:
    outcome = laptop.run(MODELS)

    assert outcome.failed
    assert "~ tailscale/prefs" in done(outcome)
    assert {line for line in done(outcome) if "model/" in line} == {
        "+ model/ollama/all-minilm:latest",
        "+ model/ollama/llama3.2:1b",
    }
    why = "model/ollama/no-such-model-anywhere:latest: its registry has no such model"
    assert plan(outcome).left == {"model/ollama/no-such-model-anywhere:latest": why}
    assert [line for line in outcome.said if line.endswith(f"verify: left: {why}")]
    assert outcome.commands == 1 + len(outcome.rows) + 1  # verify looks once: what is left does not come by itself


@pytest.mark.slow
def test_a_model_that_cannot_be_pulled_stops_no_other_and_nothing_else(laptop: Laptop) -> None:
    """The registry has it, and the disk has no room: the Mac itself says so, once it is asked to pull."""
    laptop.command("rehearse disk 20000000000")

    outcome = laptop.run(MODELS.replace("no-such-model-anywhere", "a:70b").replace("a:70b", '"qwen3:32b"'))

    assert outcome.failed
    assert {line for line in done(outcome) if "model/" in line} == {
        "+ model/ollama/all-minilm:latest",
        "+ model/ollama/llama3.2:1b",
    }
    [wanting] = [line for line in outcome.said if "verify: " in line and "qwen3" in line]
    assert "not as the spec says after the run: model/ollama/qwen3:32b pulled" in wanting
    assert outcome.commands == 1 + len(outcome.rows) + 1  # verify looks once: what has failed does not come by itself


DISK = f"""{MACS}{POWER}endpoints:
{endpoint("a", 8001, ", environment: {OLLAMA_MODELS: /Volumes/X/models}WAITS")}"""


@pytest.mark.slow
def test_a_disk_that_is_not_mounted(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = laptop.run(DISK.replace("WAITS", ""))
    assert outcome.failed
    assert done(outcome) == {"~ power/ac"}
    why = "/Volumes/X/models is on /Volumes/X, which is not mounted; connect the disk, or have the job wait for it"
    assert any(why in line for line in outcome.said)

    waits = DISK.replace("WAITS", ", waits_for: /Volumes/X")
    outcome = laptop.run(waits)
    assert not outcome.failed, outcome.said
    assert "endpoints.a: it waits for /Volumes/X, which is not mounted" in capsys.readouterr().err
    assert "state = not running" in laptop.output("launchctl print system/macstate.a")
    assert laptop.run(waits).rows == []

    laptop.command("rehearse mount X 1000000000")
    assert "state = running" in laptop.output("launchctl print system/macstate.a")
    assert laptop.run(waits).rows == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "why"),
    [
        (", user: nobody-here", "user: this Mac has no user nobody-here; launchd would end it with 78 (EX_CONFIG)"),
        (", log: /no/where/a.log", "log: the folder /no/where does not exist; launchd would end it with 78"),
        (", working_directory: /no/where", "working_directory: the folder /no/where does not exist"),
    ],
)
def test_what_launchd_itself_needs_is_looked_for(laptop: Laptop, more: str, why: str) -> None:
    outcome = laptop.run(f"{MACS}{POWER}endpoints:\n{endpoint('a', 8001, more)}")
    assert done(outcome) == {"~ power/ac"}
    assert any(why in line for line in outcome.said), outcome.said


@pytest.mark.slow
def test_a_damaged_line_of_the_record_hides_nothing_else(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    assert not laptop.run(TWO).failed
    capsys.readouterr()
    record = laptop.mac() / "var/db/macstate/owned"
    text = record.read_text()
    [at] = [number for number, line in enumerate(text.split("\n"), start=1) if "\tserve/443/a\t" in line]
    record.write_text(text.replace("owned\tserve/443/a\t", "owne"))

    outcome = laptop.run(TWO.replace("sleep: 7", "sleep: 8"))

    assert (outcome.failed, done(outcome)) == (False, {"~ power/ac", "verify: nothing left to change"})
    said = capsys.readouterr()
    assert f"owned:{at}: a line is damaged: what it stood for is no longer macstate's" in said.err
    assert "unmanaged: serve/443/a (as wished, but not in macstate's record" in said.out
    assert "owne" in record.read_text().replace("owned", "")  # it is nobody's to take out
    assert not laptop.run(TWO.replace("sleep: 7", "sleep: 8"), data={"allow": "adopt"}).failed
    assert "\tserve/443/a\t" in record.read_text()


@pytest.mark.slow
def test_a_plist_of_ours_that_cannot_be_read_is_left_and_nothing_else(laptop: Laptop) -> None:
    assert not laptop.run(TWO).failed
    plist = laptop.mac() / "Library/LaunchDaemons/macstate.a.plist"
    plist.unlink()
    plist.symlink_to("nowhere")

    outcome = laptop.run(TWO.replace("sleep: 7", "sleep: 8"))

    assert done(outcome) >= {"~ power/ac"}
    assert not {line for line in done(outcome) if "serve/443/b" in line or "macstate.b" in line}
    assert outcome.failed
    assert list(plan(outcome).left) == ["launchd/system/macstate.a"]


GATED = "gateway: {server: nginx, keys: {agents: generate}}\n"


def config(laptop: Laptop) -> str:
    return (laptop.mac() / "Library/macstate/etc/nginx.conf").read_text()


@pytest.mark.slow
def test_no_door_leads_to_what_is_left(laptop: Laptop) -> None:
    """A stranger's program on an endpoint's port was behind the gateway, from the tailnet without a key."""
    a, b = (
        endpoint("a", 8001, ", funnel: {https: 8443, path: /a}"),
        endpoint("b", 8002).replace("serve: /b", "serve: /"),
    )
    text = f"{MACS}{GATED}endpoints:\n{b}{a}"
    laptop.command("rehearse listen 8001 /opt/strangerd")

    outcome = laptop.run(text)

    assert outcome.failed
    assert "+ serve/443/" in done(outcome)
    assert " 8001" not in config(laptop)
    assert laptop.run(text).rows == []
    laptop.command("rehearse unlisten 8001")
    assert not laptop.run(text).failed
    assert "# server: tailnet/443:8080 /a a 8001 open" in config(laptop)


@pytest.mark.slow
def test_what_is_in_force_stays_behind_the_gateway(laptop: Laptop) -> None:
    text = f"{MACS}{GATED}{POWER}endpoints:\n{endpoint('a', 8001)}{endpoint('b', 8002)}"
    assert not laptop.run(text).failed
    before = config(laptop)
    laptop.command("rehearse uninstall /opt/a")

    outcome = laptop.run(text.replace("sleep: 7", "sleep: 8"))

    assert (outcome.failed, done(outcome)) == (True, {"~ power/ac", "~ guide/pages"})
    assert config(laptop) == before


@pytest.mark.slow
def test_a_port_that_a_left_job_keeps_is_taken_by_no_other(laptop: Laptop) -> None:
    two = f"{MACS}{POWER}endpoints:\n{endpoint('a', 8001)}{endpoint('b', 8002)}"
    assert not laptop.run(two).failed
    before = laptop.output("tailscale serve status --json; launchctl print system | grep macstate")
    laptop.command("rehearse uninstall /opt/a")

    outcome = laptop.run(two.replace("8002", "8003").replace("8001", "8002").replace("8003", "8001"))

    assert (outcome.failed, done(outcome)) == (True, set())
    why = "endpoints.b: port 8001 belongs to macstate.a, which stays as it is now"
    assert any(why in line for line in outcome.said), outcome.said
    assert laptop.output("tailscale serve status --json; launchctl print system | grep macstate") == before


@pytest.mark.slow
def test_a_route_to_what_goes_goes_with_it(laptop: Laptop) -> None:
    """An endpoint has another name, and its new program is missing: its route led to a port that anybody could take."""
    assert not laptop.run(f"{MACS}endpoints:\n{endpoint('a', 8001)}{endpoint('b', 8002)}").failed
    laptop.command("rehearse uninstall /opt/c")
    renamed = endpoint("c", 8001).replace("serve: /c", "serve: /a")

    outcome = laptop.run(f"{MACS}endpoints:\n{renamed}{endpoint('b', 8002)}")

    assert outcome.failed
    assert done(outcome) == {"- serve/443/a", "- launchd/system/macstate.a"}
    assert "8001" not in laptop.output("tailscale serve status --json")


@pytest.mark.slow
def test_routes_of_a_node_that_is_logged_out_stay_in_the_record(laptop: Laptop) -> None:
    """They counted as removed, and answered the internet after the next login, as somebody else's."""
    text = f"{MACS}{GATED}{POWER}endpoints:\n{endpoint('a', 8001, ', funnel: {https: 8443, path: /a}')}"
    assert not laptop.run(text).failed
    laptop.command("rehearse tailscale logout")

    outcome = laptop.run(f"{MACS}{POWER}", data={"allow": "removal"})

    assert outcome.failed
    assert {"serve/443/a", "serve/8443/a"} <= plan(outcome).left.keys()
    laptop.command("rehearse tailscale login")
    assert not laptop.run(f"{MACS}{POWER}", data={"allow": "removal"}).failed
    assert laptop.output("tailscale serve status --json").strip() == "{}"


@pytest.mark.slow
def test_a_plist_that_lies_where_ours_goes_is_set_aside(laptop: Laptop) -> None:
    folder = laptop.mac() / "Library/LaunchDaemons"
    theirs = plistlib.dumps({"Label": "org.other", "ProgramArguments": ["/opt/x", "--port", "8001"], "KeepAlive": True})
    (folder / "com.ex.e.plist").write_bytes(theirs)
    laptop.command("sudo launchctl bootstrap system /Library/LaunchDaemons/com.ex.e.plist")
    text = f"{MACS}endpoints:\n{endpoint('a', 8001, ', label: com.ex.e')}"

    assert laptop.run(text).failed
    assert (folder / "com.ex.e.plist").read_bytes() == theirs
    outcome = laptop.run(text, data={"allow": "takeover"})

    assert not outcome.failed, outcome.said
    assert (folder / "com.ex.e.plist.before-macstate").read_bytes() == theirs
    assert plistlib.loads((folder / "com.ex.e.plist").read_bytes())["Label"] == "com.ex.e"
    assert "org.other" not in laptop.output("launchctl print system")
    assert laptop.run(text).rows == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "odd",
    [
        {"EnvironmentVariables": ["PORT"]},
        {"EnvironmentVariables": "PORT=1"},
        {"ProgramArguments": True},
        {"ProgramArguments": 5},
        {"ProgramArguments": [1, {"a": b"x"}], "EnvironmentVariables": {"PORT": "9" * 5000, "OLLAMA_HOST": {}}},
    ],
)
def test_a_plist_of_somebody_elses_may_hold_anything(laptop: Laptop, odd: dict[str, object]) -> None:
    folder = laptop.mac() / "Users/mmirvois/Library/LaunchAgents"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bad.plist").write_bytes(plistlib.dumps({"Label": "org.bad", **odd}))

    outcome = laptop.run(TWO, dry=True)

    assert not outcome.failed, outcome.said


@pytest.mark.slow
def test_models_on_a_disk_that_is_away_wait_for_it(laptop: Laptop) -> None:
    text = MODELS.replace(
        "    models: {all-minilm: A, no-such-model-anywhere: B, ",
        "    waits_for: /Volumes/X\n    environment: {OLLAMA_MODELS: /Volumes/X/m}\n    models: {",
    )

    outcome = laptop.run(text)

    assert outcome.failed
    why = "model/ollama/llama3.2:1b: /Volumes/X/m is on a disk that is not mounted"
    assert plan(outcome).left == {"model/ollama/llama3.2:1b": why}
    laptop.command("rehearse mount X 100000000000")
    assert not laptop.run(text).failed
    laptop.wait_for_models()
    laptop.command("rehearse unmount X; rehearse crash macstate.ollama")
    again = laptop.run(text)
    assert (again.failed, again.rows) == (False, [])
    assert plan(again).notes == ()


@pytest.mark.slow
def test_a_typo_in_the_command_of_what_runs_closes_no_door(laptop: Laptop) -> None:
    text = f"{MACS}{GATED}endpoints:\n{endpoint('a', 8001)}{endpoint('b', 8002)}"
    assert not laptop.run(text).failed
    before = config(laptop)
    laptop.command("rehearse uninstall /opt/aa")

    outcome = laptop.run(text.replace("[/opt/a,", "[/opt/aa,"))

    assert (outcome.failed, done(outcome)) == (True, set())
    assert config(laptop) == before


@pytest.mark.slow
def test_a_link_to_the_start_disk_is_no_disk(laptop: Laptop) -> None:
    (laptop.mac() / "Volumes").mkdir(exist_ok=True)
    (laptop.mac() / "Volumes/Macintosh HD").symlink_to("..")
    more = ", environment: {OLLAMA_MODELS: '/Volumes/Macintosh HD/Users/models'}"

    outcome = laptop.run(f"{MACS}endpoints:\n{endpoint('a', 8001, more)}", dry=True)

    assert (outcome.failed, plan(outcome).left) == (False, {})


@pytest.mark.slow
def test_a_run_about_one_entry_calls_nothing_gone_that_cannot_be_seen(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not laptop.run(TWO).failed
    laptop.command("rehearse tailscale stop")
    capsys.readouterr()

    laptop.run(TWO, dry=True, data={"only": "endpoints.b"})

    assert "no longer in the spec" not in capsys.readouterr().out
