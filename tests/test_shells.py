"""A whole life of a Mac under each shell: a first run, a second one, a pull to its end, watchdog, rotation, removal."""

from __future__ import annotations

import os
import plistlib
import subprocess
from pathlib import Path

import pytest
from laptop import Laptop

from macstate.rehearsal.mac import birth

MACS = "macs: {macstudio: {hostname: studio.tail1.ts.net, user: mmirvois}}\n"
SPEC = f"""{MACS}
power: {{ac: {{sleep: 0}}}}
gpu_memory: {{wired_limit_mb: 60000}}
log_rotation: {{size: 1KB}}
files: {{/etc/newsyslog.d/example.conf: {{content: one}}}}
gateway: {{server: nginx, keys: {{agents: generate}}}}
launchd: {{com.example.agent: {{command: [/opt/homebrew/bin/agent], domain: gui}}}}
endpoints:
  ollama:
    engine: ollama
    command: [/usr/local/bin/ollama, serve]
    port: 11434
    serve: /
    models: {{all-minilm: A}}
    watchdog: {{every: 5m}}
"""
WATCHDOG, ROTATION = "macstate.ollama.watchdog", "macstate.log-rotation"


@pytest.mark.slow
def test_a_whole_life(shell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = birth.environment
    monkeypatch.setattr(birth, "environment", lambda root: (here := usual(root)) | {"PATH": f"{shell}:{here['PATH']}"})
    monkeypatch.setenv("PATH", f"{shell}:{os.environ['PATH']}")
    laptop = Laptop(tmp_path)
    laptop.run(SPEC, dry=True)
    laptop.command("rehearse login mmirvois")

    first = laptop.run(SPEC)

    assert (first.failed, laptop.output("command -v sh; command -v awk")) == (False, f"{shell}/sh\n{shell}/awk\n"), (
        first.said
    )
    laptop.wait_for_models()
    again = laptop.run(SPEC)
    assert (again.failed, again.rows, again.commands) == (False, [], 1), again.said
    assert "all-minilm" in laptop.output("curl -s http://127.0.0.1:11434/api/tags")

    log = laptop.mac() / "Users/mmirvois/Library/Logs/macstate.ollama.log"
    log.write_text("what a server has to say\n" * 99)
    for label in (WATCHDOG, ROTATION):
        assert job(laptop, shell, label) == 0
    assert (log.read_text(), log.with_name(f"{log.name}.1.gz").exists()) == ("", True)

    gone = laptop.run(MACS, data={"allow": "removal,lose-key"})

    assert not gone.failed, gone.said
    assert laptop.run(MACS).rows == []
    record = laptop.mac() / "var/db/macstate/owned"
    assert not record.exists() or {line[:4] for line in record.read_text().splitlines()} == {"set\t"}


def job(laptop: Laptop, shell: Path, label: str) -> int:
    """Run a job of root's as launchd does, by this shell; give its status."""
    plist = plistlib.loads((laptop.mac() / f"Library/LaunchDaemons/{label}.plist").read_bytes())
    program, *words = plist["ProgramArguments"]
    environment = birth.environment(laptop.mac()) | {"MACSTATE_AS": "root"}
    script = f"{laptop.mac()}{program}"
    told = {name: text for name, text in plist["EnvironmentVariables"].items() if name not in {"HOME", "PATH"}}
    return subprocess.run([shell / "sh", script, *words], env=environment | told, check=False).returncode
