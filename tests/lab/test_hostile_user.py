"""A local user of the Mac without any right, at every place of theirs that root touches: nothing of root's changes.

What root touches is seen by strace in whole runs; what of it the user may change is tried as that user. Each attack is
made before the very commands that root was sent in those runs, one by one, so that none hides behind another's failure.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.owned_mac import owned_mac
from lab.siege import CANARY, ROTATION, WATCHDOG, Siege
from laptop import Outcome

from macstate.kernel import scripts
from macstate.kernel.steps import Aside, Preserve, Step, Write
from macstate.kinds import log_rotation

pytestmark = pytest.mark.lab
MAC = "macs: {macstudio: {hostname: matiass-mac-studio.tail174e9b.ts.net, user: USER}}\n"
SPEC = f"""{MAC}
power: {{ac: {{sleep: 0}}}}
firewall: {{enabled: true, allow: [/usr/local/bin/ollama]}}
screen_sharing: {{enabled: true}}
tailscale: {{ssh: true}}
gpu_memory: {{wired_limit_mb: 400000}}
log_rotation: {{size: 1KB}}
files: {{/etc/newsyslog.d/example.conf: {{content: one}}}}
gateway: {{server: nginx, require_key: always, keys: {{agents: generate}}}}
endpoints:
  ollama: {{engine: ollama, command: [/usr/local/bin/ollama, serve], port: 11434, serve: /, watchdog: {{every: 5m}}}}
launchd:
  com.example.shared: {{command: [/opt/homebrew/bin/shared], log: /Users/Shared/shared.log}}
  com.example.agent: {{command: [/opt/homebrew/bin/agent], domain: gui}}
"""
CHANGED = SPEC.replace("content: one", "content: two").replace("agents: ", "more: generate, agents: ")
GOING = "removal,lose-key"
UNREADABLE = {
    "usr/local/etc/macstate/nginx.conf",
    "usr/local/libexec/macstate/rotate",
    "usr/local/libexec/macstate/watchdog",
}
"""What the user's session has to read there, and cannot through a link to what is root's."""
OUTCOME = re.compile(r"^macstate: (done|failed): .*\s*(^macstate: record: \d+ \d+\s*)?\Z", re.MULTILINE)
"""How a command of root's ends."""
ONCE = {
    "Library/macstate/bin": "usr/local/libexec/macstate",
    "Library/macstate/etc": "usr/local/etc/macstate",
    "Library/macstate/guide": "usr/local/share/macstate/guide",
}
"""Where these lay once: in folders that are a user's on many Macs."""


def run(siege: Siege, spec: str, **data: str) -> Outcome:
    return siege.mac.run(spec.replace("USER", siege.mac.user), data=data)


def age(siege: Siege) -> None:
    """Make it a Mac with long logs, that an older macstate was on."""
    mac, record = siege.mac, siege.mac.root / "var/db/macstate/owned"
    lines = record.read_text().splitlines()
    for now, once in ONCE.items():
        old, new = mac.root / once, mac.root / now
        old.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", new, old], check=True)
        if now.endswith("bin"):  # its programs are what the jobs run
            lines += [line.replace(now, once) for line in lines if f"/{now}/" in line]
        else:
            shutil.rmtree(new)
            lines = [line.replace(now, once) for line in lines]
        subprocess.run(["chown", mac.user, mac.root.joinpath(*Path(once).parts[:3])], check=True)
    record.write_text("".join(f"{line}\n" for line in lines))
    subprocess.run(["chown", mac.user, mac.root / "usr/local/etc/macstate"], check=True)
    for log in siege.logs():
        file = Path(f"{mac.root}{log}")
        file.write_text(99 * "what a server has to say\n")
        if log.startswith("/Users"):
            subprocess.run(["chown", mac.user, file], check=True)


def refused(siege: Siege) -> Iterator[list[str]]:
    """Give what nobody plans, and root is to refuse: a file of root's at a place that is the user's."""
    job = "launchd/system/x"
    steps: list[tuple[Step | str, ...]] = [
        (Write("/usr/local/etc/macstate/nginx.conf", b"root's", owner="root:wheel"),),
        (Write(f"/Users/{siege.mac.user}/Library/Logs/macstate.ollama.log", b"root's", owner="root:wheel"),),
        (Preserve("/usr/local/etc/macstate/gateway.keys", "/var/db/macstate/gateway.keys.old"),),
        (f"takes {job}", Aside(job, "/usr/local/libexec/macstate/rotate")),
    ]
    for each in steps:
        lines = [step if isinstance(step, str) else step.line for step in each]
        yield ["PAYLOAD", "lock /var/db/macstate 5 anna@macbook", *lines, "END"]


@pytest.fixture(scope="module")
def siege() -> Iterator[Siege]:
    """A Mac of which is known what root touches in all of its runs."""
    with owned_mac(SPEC) as mac:
        siege = Siege(mac)
        with siege.watching():
            outcomes = [run(siege, SPEC), run(siege, SPEC)]
        age(siege)
        siege.keep()
        with siege.watching():
            outcomes.append(run(siege, CHANGED))
            said = [siege.job(ROTATION), siege.job(WATCHDOG)]
        assert said[0].count(": rotated: ") == len(siege.logs()) - 1  # all but that in a folder of everybody's
        assert said[1] == ""
        siege.put_back()
        with siege.watching():
            outcomes.append(run(siege, MAC, allow=GOING))
        assert [outcome.said for outcome in outcomes if outcome.failed] == []
        siege.put_back()
        siege.look_around()
        siege.refused = list(refused(siege))
        yield siege


def test_root_opens_and_runs_nothing_by_a_path_that_its_user_could_change(siege: Siege) -> None:
    theirs = [touch for touch in siege.touched if siege.is_theirs(touch.path)]

    assert [touch for touch in theirs if touch.how != "looks" and not touch.entered] == []

    seen = {touch.path.removeprefix(f"{siege.root}/") for touch in theirs}
    assert seen >= {"usr/local/etc/macstate/nginx.conf", "usr/local/share/macstate", "Users/Shared/shared.log"}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "content", "same file"])
def test_whatever_the_user_puts_there_nothing_of_roots_changes(siege: Siege, kind: str) -> None:
    for places in siege.rounds(files=kind in {"content", "same file"}):
        siege.put_back()
        siege.attack(kind, places)

        said = siege.go_on(scripts.apply())

        assert siege.harm() == []
        assert [text for text in said if not OUTCOME.search(text)] == []


def test_links_that_come_and_go_meanwhile(siege: Siege) -> None:
    for places in siege.rounds():
        siege.put_back()
        with siege.swapping(places):
            siege.go_on(scripts.apply())
        assert siege.harm() == []


def test_a_run_fails_with_one_line_each_or_goes_on(siege: Siege) -> None:
    """The person who keeps the Mac runs macstate all the same, and the session itself reads what is hostile."""
    leaves = next(siege.rounds())
    siege.put_back()
    siege.attack("link", leaves)

    outcome = run(siege, CHANGED)

    assert outcome.failed
    assert "macstudio ~ file/etc/newsyslog.d/example.conf" in outcome.done
    [seen] = outcome.shown
    assert {f"file/{place}" for place in UNREADABLE} <= seen.plan.left.keys()
    assert siege.harm() == []

    siege.put_back()
    home = f"{siege.root}/Users/{siege.mac.user}"
    books = [f"{home}/.local/state/macstate/{name}" for name in ("owned", "journal")]
    siege.attack("link", [place for place in leaves if place.endswith(".log")])
    siege.attack("content", [*books, f"{home}/Library/LaunchAgents/com.example.new.plist"])
    outcomes = [run(siege, CHANGED)]
    siege.attack("fill", [f"{siege.root}/Library/macstate/etc/gateway.keys"])
    outcomes.append(run(siege, SPEC))

    assert [outcome.said for outcome in outcomes if outcome.failed] == []
    assert siege.harm() == []


def test_a_root_that_trusts_every_path_is_noticed(siege: Siege) -> None:
    """Takes root's look at a path out of the scripts: what then becomes of what the links lead to is seen."""
    _, folders, *_ = siege.rounds()
    siege.put_back()
    Path(siege.root, "Library/macstate/bin/rotate").write_text(blind(log_rotation.program()))
    siege.attack("link", folders)

    siege.go_on(blind(scripts.apply()))

    logs, once = f"{CANARY}/Users/{siege.mac.user}/Library/Logs", f"{CANARY}/usr/local"
    rotated = {f"{logs}/macstate.gateway.log", f"{logs}/macstate.gateway.log.1.gz"}
    written, deleted = (
        f"{once}/etc/macstate/nginx.conf",
        {f"{once}/share/macstate/guide", f"{once}/libexec/macstate/rotate"},
    )
    assert {*siege.harm()} >= {written, *rotated, *deleted}


def blind(script: str) -> str:
    """Have a script take every path for root's alone."""
    assert script.count("way() {") == 1
    return script.replace("way() {", "way() { echo 0; }\nnever() {")
