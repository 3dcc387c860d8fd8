"""A Mac that was set up by hand, after the old guide: what is foreign is named, and taken over only on request."""

from __future__ import annotations

import plistlib
import re
import threading
from pathlib import Path

import pytest
from laptop import REFERENCE, Laptop, changes, snapshot

AGENTS = "Users/mmirvois/Library/LaunchAgents"


def listeners(laptop: Laptop, port: int) -> list[str]:
    """Say who listens, as the Mac itself sees it."""
    return laptop.output(f"netstat -anv -p tcp | grep LISTEN | grep '[.]{port} '").splitlines()


@pytest.fixture
def old(tmp_path: object) -> Laptop:
    laptop = Laptop(tmp_path)  # type: ignore[arg-type]
    laptop.run("macs: {macstudio: {hostname: studio.tail1.ts.net, user: mmirvois}}", dry=True)
    laptop.command("rehearse old-guide")
    return laptop


@pytest.mark.slow
def test_nothing_changes_without_the_override(old: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(old.mac())
    outcome = old.run(REFERENCE)
    assert outcome.failed
    assert outcome.commands == 1
    after = snapshot(old.mac())
    moved = {path for path in before if after.get(path) != before[path]}
    assert moved <= {".mac/state.json"}  # the rehearsal has installed what the spec names
    plan = capsys.readouterr().out.splitlines()
    assert plan[0] == "! serve/443/ answers the internet now; that ends"  # what is public comes first
    assert "    target: http://127.0.0.1:11434 -> http://127.0.0.1:8080" in plan
    assert "    funnel: true -> false" in plan
    stays = "as wished, but not in macstate's record: it stays when its entry goes; `--data allow=adopt` adopts it"
    assert f"unmanaged: firewall/allow/usr/local/bin/ollama ({stays})" in plan
    assert "- launchd/gui/501/com.ollama.server  # has the label of system/com.ollama.server, in another domain" in plan
    assert "- launchd/gui/501/com.ollama.watchdog  # handles com.ollama.server" in plan
    refused = [line for line in outcome.said if "--data allow=takeover" in line]
    assert {line.split(": ")[1] for line in refused} == {
        "serve/443/",
        "launchd/gui/501/com.ollama.server",
        "launchd/gui/501/com.ollama.watchdog",
    }


@pytest.mark.slow
def test_with_it_one_run_converges(old: Laptop) -> None:
    seen: list[list[str]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            seen.append(listeners(old, 11434))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        outcome = old.run(REFERENCE, data={"allow": "takeover"})
    finally:
        over.set()
        watcher.join()
    assert not outcome.failed, outcome.said
    assert len(seen) > outcome.commands / 2
    assert [each for each in seen if len(each) > 1] == []  # never two at once
    assert len({each[0] for each in seen if each}) > 1  # the old one, then the new one
    assert len(listeners(old, 11434)) == 1
    kept = plistlib.loads((old.mac() / AGENTS / "com.ollama.server.plist.before-macstate").read_bytes())
    assert kept["Label"] == "com.ollama.server"
    assert not list((old.mac() / AGENTS).glob("*.plist"))
    again = old.run(REFERENCE)
    assert changes(again) == []
    assert again.commands == 1


@pytest.mark.slow
@pytest.mark.parametrize(("formula", "port"), [("ollama", "11434"), ("nginx", "8080")])
def test_homebrews_own_service(tmp_path: object, formula: str, port: str) -> None:
    laptop = Laptop(tmp_path)  # type: ignore[arg-type]
    laptop.run("macs: {macstudio: {hostname: studio.tail1.ts.net, user: mmirvois}}", dry=True)
    laptop.command(f"rehearse brew-service {formula}")
    outcome = laptop.run(REFERENCE)
    assert outcome.failed
    [line] = [line for line in outcome.said if "takeover" in line]
    assert f".{formula}: refused, macstate did not make it" in line, port


MACS = "macs: {macstudio: {hostname: studio.tail1.ts.net, user: mmirvois}}\n"
FOREIGN = {
    "/Library/LaunchDaemons/ollama-start.plist": ("org.home.llm", 8001, "xml1"),
    "/Library/LaunchDaemons/local.binary.plist": ("local.binary-job", 8002, "binary1"),
    "/Library/LaunchAgents/everybodys.plist": ("org.everybody.s", 8003, "xml1"),
    "/Users/mmirvois/stuff/elsewhere.plist": ("org.elsewhere", 8004, "xml1"),
}
"""Jobs that hold ports, by file: label, port, and how it is written."""


@pytest.fixture
def used(tmp_path: object) -> Laptop:
    """A Mac that somebody has used for a year."""
    laptop = Laptop(tmp_path)  # type: ignore[arg-type]
    programs = "\n".join(f"  t{port}: {{command: [/opt/{port}]}}" for port in range(8001, 8005))
    laptop.run(f"{MACS}launchd:\n{programs}\n", dry=True)
    laptop.command("rehearse login mmirvois")
    for path, (label, port, form) in FOREIGN.items():
        plist = {"Label": label, "ProgramArguments": [f"/opt/{port}", "--port", str(port)], "KeepAlive": True}
        file = Path(f"{laptop.mac()}{path}")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(plistlib.dumps(plist, fmt=plistlib.FMT_XML if form == "xml1" else plistlib.FMT_BINARY))
        domain = "system" if "Daemons" in path else "gui/501"
        command = f"launchctl bootstrap {domain} {path}; launchctl kickstart {domain}/{label}"
        laptop.command(f"sudo chown root:wheel {path}; sudo sh -c '{command}'" if path[1] == "L" else command)
    for name, text in {"damaged": "<plist><dict>", "json": '{"Label": "x"}'}.items():
        Path(f"{laptop.mac()}/Library/LaunchDaemons/{name}.plist").write_text(text)
    Path(f"{laptop.mac()}/Library/LaunchDaemons/dangling.plist").symlink_to("/nowhere/x.plist")
    return laptop


@pytest.mark.slow
def test_a_job_goes_by_its_label_whatever_its_file_is_called(used: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    endpoints = "".join(
        f"  e{port}: {{engine: rest, command: [/opt/{port}, --port, '{{port}}'], port: {port}}}\n"
        for _, port, _ in FOREIGN.values()
    )
    spec = f"{MACS}endpoints:\n{endpoints}"
    assert [len(listeners(used, port)) for _, port, _ in FOREIGN.values()] == [1, 1, 1, 1]

    refused = used.run(spec)

    assert refused.failed
    names = {line.split(": ")[1] for line in refused.said if "allow=takeover" in line}
    targets = {
        "launchd/system/org.home.llm",
        "launchd/system/local.binary-job",
        "launchd/gui/501/org.everybody.s",
        "launchd/gui/501/org.elsewhere",
    }
    assert names == targets
    plan = capsys.readouterr().out.splitlines()
    assert "- launchd/system/org.home.llm  # uses port 8001, which system/macstate.e8001 needs" in plan
    for name in ("damaged", "json", "dangling"):
        assert any(re.match(rf"unmanaged: (.*, )?launchd/system/{name}\b", line) for line in plan), plan

    outcome = used.run(spec, data={"allow": "takeover"})

    assert not outcome.failed, outcome.said
    loaded = used.output("launchctl print system; launchctl print gui/501")
    for path, (label, port, _) in FOREIGN.items():
        assert f"\t{label}\n" not in loaded
        assert len(listeners(used, port)) == 1
        aside = Path(f"{used.mac()}{path}.before-macstate")
        assert aside.exists() == (path[1] == "L")  # what lies elsewhere is nobody's: it is not loaded by itself
    again = used.run(spec)
    assert (changes(again), again.failed, again.commands) == ([], False, 1)


@pytest.mark.slow
def test_a_file_that_is_taken_over_is_kept_beside_the_new_one(tmp_path: object) -> None:
    laptop = Laptop(tmp_path)  # type: ignore[arg-type]
    spec = f"{MACS}files: {{/etc/newsyslog.d/llm.conf: {{content: new}}}}\n"
    laptop.run(MACS, dry=True)
    laptop.command("sudo mkdir -p /etc/newsyslog.d; echo theirs | sudo tee /etc/newsyslog.d/llm.conf")
    laptop.command("sudo chmod 600 /etc/newsyslog.d/llm.conf")
    file = laptop.mac() / "etc/newsyslog.d/llm.conf"

    refused = laptop.run(spec)
    assert (refused.failed, file.read_text()) == (True, "theirs\n")
    outcome = laptop.run(spec, data={"allow": "takeover"})

    assert not outcome.failed, outcome.said
    assert file.read_text() == "new"
    kept = file.with_name("llm.conf.before-macstate")
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("theirs\n", 0o600)
    gone = laptop.run(MACS, data={"allow": "removal"})
    assert (gone.failed, file.exists(), kept.exists()) == (False, False, True)
