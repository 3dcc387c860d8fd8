"""The watchdog before real processes: what hangs is restarted, what works is left alone, an idle model still goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import build, tinymodel
from lab.tailnet import listens, wait_for
from ports import free_port

from macstate.rehearsal.mac import birth

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
EVERY, DEADLINE = 2, 2
SOON = EVERY + 2 * DEADLINE + 4
"""Seconds until a restart: an interval, two questions, and a busy machine's own."""
KEEP_ALIVE = 12
"""Seconds for which the Ollama keeps an idle model."""
OURS = {"every": f"{EVERY}s", "deadline": f"{DEADLINE}s", "cooldown": "1s", "patience": "60s"}
STAND_IN = """\
import http.server, json, os, sys, threading, time
port, mode = int(sys.argv[2]), sys.argv[3]
born, one_at_a_time = time.time(), threading.Lock()
def told():  # what it was told since its start; ALWAYS holds beyond a restart
    try:
        word, since = open(mode).read(), os.stat(mode).st_mtime
    except OSError:
        return "well"
    return word.removeprefix("always ") if since > born or word.startswith("always ") else "well"
def work(seconds):
    end = time.time() + seconds
    while time.time() < end:
        sum(range(1000))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if told() == "hang":
            time.sleep(600)
        self.say({"object": "list", "data": [{"id": "stand-in"}]})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with one_at_a_time:
            if told() == "loading":
                work(8)
            if asked["max_tokens"] > 8:
                work(asked["max_tokens"] / 100)
        self.say({"choices": [{"message": {"content": "" if told() == "empty" else "four"}}]})
    def say(self, what):
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


class Studio:
    """A rehearsal Mac with servers that really run; each watchdog is loaded while its server is looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "macs/macstudio"
        self.ports = {name: free_port() for name in ("openai", "starting", "ollama")}
        birth.create(self.root, user="rehearsed", dns_name="studio.tail1.ts.net", programs=[])
        self.program("stand-in", f"#!{sys.executable} -IS\n{STAND_IN}")
        self.program("real-ollama", f'#!/bin/sh\nexec {build.ollama()} "$@"\n')
        server: dict[str, Any] = {"engine": "openai", "ready_within": "1s", "throttle": "90s"}
        server |= {"command": ["/opt/homebrew/bin/stand-in", "--port", "{port}", str(folder / "mode")]}
        ollama = {"engine": "ollama", "command": ["/opt/homebrew/bin/real-ollama", "serve"], "ready_within": "5s"}
        environment = {"OLLAMA_KEEP_ALIVE": f"{KEEP_ALIVE}s", "OLLAMA_CONTEXT_LENGTH": str(tinymodel.CONTEXT // 2)}
        endpoints = {
            "openai": {**server, "watchdog": {**OURS, "give_up": 2}},
            "starting": {**server, "ready_within": "60s", "watchdog": OURS},
            "ollama": {**ollama, "environment": environment, "watchdog": OURS},
        }
        for name, port in self.ports.items():
            endpoints[name]["port"] = port
        mac = {"hostname": "studio.tail1.ts.net", "user": "rehearsed"}
        (folder / "spec.yml").write_text(yaml.safe_dump({"macs": {"macstudio": mac}, "endpoints": endpoints}))

    def program(self, name: str, text: str) -> None:
        """Install a program."""
        file = self.root / "opt/homebrew/bin" / name
        file.write_text(text)
        file.chmod(0o755)

    def run(self, command: str) -> str:
        """Run a command on it."""
        words = ["/bin/sh", "-c", f"exec 2>&1; {command}"]
        environment = birth.environment(self.root)
        return subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False).stdout

    def deploy(self) -> None:
        """Do the main job."""
        variables = {"MACSTATE_SPEC": str(self.folder / "spec.yml"), "MACSTATE_REHEARSAL": str(self.folder / "macs")}
        program = str(Path(sys.executable).with_name("pyinfra"))
        words = [program, "@rehearsal/macstudio", "deploy.py", "-y"]
        done = subprocess.run(
            words, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def told(self, mode: str) -> None:
        """Tell the stand-in what to be."""
        (self.folder / "mode").write_text(mode)

    def pid(self, name: str) -> int | None:
        """Give the process of an endpoint."""
        state = json.loads((self.root / ".mac/state.json").read_text())
        found: int | None = state["launchd"]["jobs"][f"system/macstate.{name}"]["pid"]
        return found

    def log(self, name: str) -> list[str]:
        """Give what an endpoint's watchdog has said."""
        file = self.root / f"var/log/macstate.{name}.watchdog.log"
        return [line.partition(" ")[2] for line in file.read_text().splitlines()] if file.exists() else []

    @contextmanager
    def watched(self, name: str) -> Iterator[int | None]:
        """Start an endpoint anew, and let its watchdog look at it."""
        label = f"macstate.{name}"
        self.run(f"sudo launchctl kickstart -k system/{label}")
        wait_for(lambda: listens(self.ports[name]), name)
        was = self.pid(name)
        (self.root / f"var/log/{label}.watchdog.log").unlink(missing_ok=True)
        self.run(f"sudo launchctl bootstrap system /Library/LaunchDaemons/{label}.watchdog.plist")
        try:
            yield was
        finally:
            self.run(f"sudo launchctl bootout --wait system/{label}.watchdog")
            (self.folder / "mode").unlink(missing_ok=True)

    def post(self, name: str, path: str, **body: Any) -> dict[str, Any]:
        """Ask an endpoint something."""
        url = f"http://127.0.0.1:{self.ports[name]}{path}"
        with urllib.request.urlopen(url, json.dumps(body).encode() if body else None, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def looks(self, name: str) -> int:
        """Count the looks of a watchdog."""
        state = json.loads((self.root / ".mac/state.json").read_text())
        return int(state["launchd"]["jobs"][f"system/macstate.{name}.watchdog"]["runs"])


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = Studio(tmp_path_factory.mktemp("watchdog"))
    studio.run("sudo rehearse run-jobs on")
    try:
        studio.deploy()
        for name in studio.ports:
            studio.run(f"sudo launchctl bootout --wait system/macstate.{name}.watchdog")
        yield studio
    finally:
        studio.run("sudo rehearse run-jobs off")


def crash(studio: Studio) -> None:
    studio.run("sudo rehearse crash macstate.openai")  # launchd itself would start it after its throttle only


def hang(studio: Studio) -> None:
    studio.told("hang")


def say_nothing(studio: Studio) -> None:
    studio.told("empty")


@pytest.mark.parametrize(
    ("disturb", "why"),
    [
        (crash, "not running"),
        (hang, f"no answer within {DEADLINE} s (/v1/models)"),
        (say_nothing, "an empty answer (stand-in)"),
    ],
)
def test_what_does_not_answer_is_restarted(studio: Studio, disturb: Callable[[Studio], None], why: str) -> None:
    with studio.watched("openai") as was:
        wait_for(lambda: studio.looks("openai") >= 2, "two looks")
        assert studio.log("openai") == []
        disturb(studio)
        begun = time.monotonic()
        wait_for(lambda: studio.pid("openai") not in {was, None}, "a new process", SOON)
        assert time.monotonic() - begun < SOON
        wait_for(lambda: listens(studio.ports["openai"]), "the stand-in")
        assert studio.post("openai", "/v1/chat/completions", max_tokens=8)["choices"][0]["message"]["content"] == "four"
        wait_for(lambda: "openai: answers again" in studio.log("openai"), "its good answer", SOON)
        assert studio.log("openai")[0] == f"openai: restarted: {why}"


def test_what_loads_its_model_is_left_alone(studio: Studio) -> None:
    with studio.watched("openai") as was:
        studio.told("loading")
        wait_for(lambda: studio.looks("openai") >= 3, "three looks", 30)
        assert studio.pid("openai") == was
        assert studio.log("openai") == [
            f"openai: busy: no token within {DEADLINE} s (stand-in), but it works; left alone for up to 60 s"
        ]


def test_what_starts_is_left_alone(studio: Studio) -> None:
    studio.told("always hang")
    with studio.watched("starting") as was:
        wait_for(lambda: studio.looks("starting") >= 3, "three looks", 30)
        assert studio.pid("starting") == was
        why = f"no answer within {DEADLINE} s (/v1/models)"
        assert studio.log("starting") == [f"starting: starting: {why}; left alone for up to 60 s"]


def test_a_long_generation_is_left_alone(studio: Studio) -> None:
    with studio.watched("openai") as was:
        asking = threading.Thread(target=lambda: studio.post("openai", "/v1/chat/completions", max_tokens=800))
        asking.start()
        asking.join()
        assert studio.pid("openai") == was
        assert [line.split(": ")[1] for line in studio.log("openai")] == ["busy"]


def test_after_the_give_up_nothing_more_is_done(studio: Studio) -> None:
    studio.told("always hang")
    with studio.watched("openai"):
        wait_for(lambda: len(studio.log("openai")) >= 3, "the give-up", 40)
        was, looks = studio.pid("openai"), studio.looks("openai")
        wait_for(lambda: studio.looks("openai") >= looks + 2, "two more looks", 30)
        assert studio.pid("openai") == was
        words = [line.split(": ")[1] for line in studio.log("openai")]
        assert words == ["restarted", "restarted", "gave up after 2 restarts in a row"]


@pytest.mark.parametrize(
    ("wish", "seconds", "context"),
    [
        ({}, KEEP_ALIVE, tinymodel.CONTEXT // 2),  # as the server's environment says
        ({"options": {"num_ctx": tinymodel.CONTEXT}}, KEEP_ALIVE, tinymodel.CONTEXT),
        ({"options": {"num_ctx": 384}, "keep_alive": "7s"}, 7, 384),
    ],
)
def test_an_idle_model_stays_as_it_is_and_goes_in_time(
    studio: Studio, tmp_path: Path, wish: dict[str, Any], seconds: int, context: int
) -> None:
    with studio.watched("ollama") as was:
        tinymodel.write(tmp_path / "tiny.gguf", tinymodel.SENTENCE)
        tinymodel.create(studio.ports["ollama"], "tiny", tmp_path / "tiny.gguf", num_ctx=None)
        log = "cat ~/Library/Logs/macstate.ollama.log"
        before = studio.run(log)
        asking = time.monotonic()
        studio.post("ollama", "/api/generate", model="tiny", prompt="x", stream=False, **wish)
        answered = time.monotonic()
        seen: set[int] = set()

        def is_gone() -> bool:
            models = studio.post("ollama", "/api/ps")["models"]
            seen.update(model["context_length"] for model in models)
            return not models

        wait_for(is_gone, "the end of its keep-alive", seconds + 10)
        gone = time.monotonic()
        assert gone - asking > seconds - 1  # the watchdog counts whole seconds, and may cut one short
        assert gone - answered < seconds + 3
        assert seen == {context}
        lines = studio.run(log).removeprefix(before).splitlines()
        assert sum("starting runner" in line and "--model" in line for line in lines) == 1, lines
        asked = [line for line in lines if "POST" in line and "/api/generate" in line]
        assert len(asked) >= 3  # ours, and a question with what follows it
        assert studio.pid("ollama") == was
        assert studio.log("ollama") == []
