"""The watchdog's script before tools that only note and answer: what it asks, what it makes of it, what it does."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from macstate import scripts
from macstate.services.watchdog import keep_alive

TOOLS = {
    "curl": r"""
for word; do
  [ "${before-}" != --data-binary ] || body=$word
  before=$word last=$word
done
path=${last#http://*/}
printf '%s\t%s\n' "/$path" "${body-}" >>"$FAKE/asked"
file=$FAKE/answers/$(printf %s "$path" | tr / _)
[ -f "$file" ] || exit 7
[ -s "$file" ] || exit 28
cat "$file"
""",
    "launchctl": r"""
case $1 in
  print)
    cat "$FAKE/job" 2>/dev/null || exit 113
    exit
    ;;
esac
echo "$*" >>"$FAKE/done"
again() {
  printf 'x = {\n\tendpoints = {\n\t\tpid = 1\n\t}\n\tpid = 4242\n\truns = %s\n}\n' "$1" >"$FAKE/job"
}
case $1 in
  kickstart) if [ -f "$FAKE/penalty" ]; then exec sleep 30; else again 8; fi ;;
  bootout) rm "$FAKE/job" "$FAKE/penalty" ;;
  bootstrap) again 1 ;;
esac
""",
    "ps": r"""
case $* in
  *etime*) echo "${AGE-01:00:00}" ;;
  *)
    echo x >>"$FAKE/looks"
    echo "4242 1 4242 0:0$(($(wc -l <"$FAKE/looks") * ${CPU-0})).50"
    echo "1 0 1 9:59.00"
    ;;
esac
""",
    "logger": 'echo "$*" >>"$FAKE/logged"\n',
    "sleep": '[ "$1" != 30 ] || exec /bin/sleep 30\n',
}
JOB = "system/macstate.x = {\n\tstate = running\n\tpid = 4242\n\truns = 7\n\tendpoints = {\n\t\tpid = 9\n\t}\n}\n"
DOWN = "system/macstate.x = {\n\tstate = not running\n\truns = 7\n\tendpoints = {\n\t\tpid = 9\n\t}\n}\n"
GENERATE = "/api/generate"


class Dog:
    """The script, and the Mac that it believes to be on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "answers").mkdir()
        for name, text in TOOLS.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}")
            (folder / "bin" / name).chmod(0o755)
        self.job(JOB)

    def job(self, text: str) -> None:
        (self.folder / "job").write_text(text)

    def answer(self, path: str, body: Any, code: int = 200) -> None:
        """Answer a path; None is silence."""
        text = body if isinstance(body, str) else json.dumps(body)
        file = self.folder / "answers" / path.lstrip("/").replace("/", "_")
        file.write_text("" if body is None else f"{text}\n{code}")

    def look(self, engine: str = "openai", **environment: str) -> list[str]:
        """Run it once; give what it says, without the time."""
        settings = {"NAME": "x", "TARGET": "system/macstate.x", "PLIST": "/x.plist", "ENGINE": engine, "PORT": "1"}
        settings |= {"HEALTH": "/v1/models", "ASK": "1", "DEADLINE": "30", "READY": "600", "PATIENCE": "1800"}
        settings |= {"COOLDOWN": "0", "GIVE_UP": "2", "KEEP_ALIVE": "300", "STATE": "/state"}
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        own = {"PATH": path, "FAKE": str(self.folder), "MACSTATE_ROOT": str(self.folder), **settings, **environment}
        script = Path(scripts.__file__).with_name("watchdog.sh")
        done = subprocess.run(["/bin/sh", script], env=own, capture_output=True, text=True, check=True, timeout=60)
        assert done.stderr == ""
        lines = [line.partition(" ") for line in done.stdout.splitlines()]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp) for stamp, _, _ in lines)
        return [text for _, _, text in lines]

    def lines(self, name: str) -> list[str]:
        """Give what a tool noted, and forget it."""
        file = self.folder / name
        found = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return found

    def question(self) -> dict[str, Any]:
        """Give the one question to a model that was asked."""
        asked = [line.split("\t") for line in self.lines("asked")]
        (body,) = [body for path, body in asked if path in {GENERATE, "/v1/chat/completions"}]
        found: dict[str, Any] = json.loads(body)
        return found

    def loads(self, left: float, **more: Any) -> datetime:
        """Show a loaded model that is to be unloaded in so many seconds."""
        expires = datetime.now(timezone(timedelta(hours=5, minutes=30))) + timedelta(seconds=left)
        model = {"name": "qwen3:32b", "details": {"families": ["a", "b"]}, "expires_at": expires.isoformat(), **more}
        self.answer("/api/ps", json.dumps({"models": [model]}, indent=1))
        self.answer("/api/show", {"model_info": {"q.rope.original_context_length": 9, "q.context_length": 4096}})
        self.answer(GENERATE, {"model": "qwen3:32b", "response": 'He said "hi"', "done": True})
        return expires


@pytest.fixture
def dog(tmp_path: Path) -> Dog:
    return Dog(tmp_path)


def test_times_are_read_as_python_reads_them() -> None:
    clock = scripts.whole("watchdog.sh").partition("clock='")[2].partition("}'")[0] + "}"
    chance = random.Random(1)
    stamps = {"2318-03-05T10:00:00.123456789Z": 10987264800, "1970-01-01T00:00:00Z": 0}
    for _ in range(300):
        zone = timezone(timedelta(minutes=chance.choice([0, 60, -300, 330, 765])))
        moment = datetime.fromtimestamp(chance.randrange(0, 2**34), zone)
        stamps[moment.isoformat()] = int(moment.timestamp())
    ages = {"00:05": 5, "1:02.50": 62.5, "125:01.25": 7501.25, "03:00:01": 10801, "2-03:00:01": 183601}
    text = "\n".join([*stamps, *ages])
    words = ["awk", clock + '{ printf "%.2f\\n", /T/ ? epoch($0) : seconds($0) }']
    said = subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout.split()
    assert [float(word) for word in said] == [*stamps.values(), *ages.values()]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, 300), ("30m", 1800), ("1h30m", 5400), ("-1", -1), ("-5m", -1), ("90", 90), ("soon", 300), ('"8s"', 8)],
)
def test_keep_alive_is_read_as_ollama_reads_it(text: str | None, seconds: int) -> None:
    assert keep_alive(text) == seconds


def test_all_is_well_and_nothing_is_said(dog: Dog) -> None:
    dog.answer(
        "/v1/models", '{ "object" : "list",\n "data" : [ {\n "id" : "Qwen\\/Qwen3 \\"8B\\"", "x": [{"id": "p"}]}]}'
    )
    dog.answer("/v1/chat/completions", {"choices": [{"message": {"content": '"'}}]})
    assert dog.look() == []
    assert dog.question()["model"] == 'Qwen/Qwen3 "8B"'
    assert dog.look(MODEL='a"b\\c') == []
    assert dog.question()["model"] == 'a"b\\c'
    assert (dog.lines("done"), dog.lines("logged")) == ([], [])


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        ({"content": ""}, 200, "an empty answer (m)"),
        ('{"x": "\\"content\\":\\"fake", "content" : null}', 200, "an empty answer (m)"),
        ("{}", 500, "status 500 (m)"),
        (None, 0, "no token within 30 s (m)"),
        ("no such model", 404, ""),
        ({"content": None, "reasoning_content": "Hm"}, 200, ""),
        ('{"text":"x"}', 200, ""),
    ],
)
def test_the_answer_is_judged(dog: Dog, body: Any, code: int, why: str) -> None:
    dog.answer("/v1/models", {"data": [{"id": "m"}]})
    dog.answer("/v1/chat/completions", body, code)
    assert dog.look(READY="0") == ([f"x: restarted: {why}"] if why else [])
    assert dog.lines("done") == (["kickstart -k system/macstate.x"] if why else [])
    assert dog.lines("logged") == ([f"-t macstate.watchdog x: restarted: {why}"] if why else [])


def test_an_idle_ollama_is_asked_for_its_list(dog: Dog) -> None:
    dog.answer("/api/ps", {"models": []})
    dog.answer("/api/tags", {"models": []})
    assert dog.look("ollama") == []
    dog.answer("/api/tags", "", 500)
    assert dog.look("ollama") == ["x: restarted: status 500 (/api/tags)"]
    assert {line.strip() for line in dog.lines("asked")} == {"/api/ps", "/api/tags"}


def test_a_question_keeps_no_model_in_memory(dog: Dog) -> None:
    dog.loads(200, context_length=2048)  # somebody used it: all the time that the server gives
    assert dog.look("ollama") == []
    question = dog.question()
    assert (question["keep_alive"], question["options"]) == (300, {"num_predict": 8, "num_ctx": 2048})
    dog.loads(199, context_length=4096)  # nobody did since: what is left
    assert dog.look("ollama") == []
    question = dog.question()
    assert 196 <= question["keep_alive"] <= 199
    assert question["options"] == {"num_predict": 8}
    dog.loads(190)
    dog.look("ollama")
    assert dog.question()["keep_alive"] == 300
    dog.loads(900)  # a longer wish of somebody's
    dog.look("ollama")
    assert 897 <= dog.question()["keep_alive"] <= 900
    dog.loads(9e9)
    dog.look("ollama")
    assert dog.question()["keep_alive"] == -1
    dog.loads(150)
    dog.look("ollama", KEEP_ALIVE="-1")
    assert dog.question()["keep_alive"] == -1


def test_what_is_about_to_be_unloaded_is_left_alone_and_what_is_in_use_is_not(dog: Dog) -> None:
    dog.answer("/api/tags", {"models": []})
    dog.loads(12)
    assert dog.look("ollama") == []
    assert [line.split("\t")[0] for line in dog.lines("asked")] == ["/api/ps", "/api/tags"]
    dog.loads(-60)
    dog.look("ollama")
    assert dog.question()["keep_alive"] == 300


def test_a_start_is_no_hang_until_the_first_answer(dog: Dog) -> None:
    assert dog.look(AGE="00:20") == ["x: starting: nobody listens on port 1; left alone for up to 600 s"]
    assert dog.look(AGE="00:40") == []
    dog.answer("/v1/models", "loading", 503)
    assert dog.look(AGE="05:00") == []
    dog.answer("/v1/models", {"data": []})
    assert dog.look(AGE="06:00") == []
    dog.answer("/v1/models", None)
    assert dog.look(AGE="08:00") == ["x: restarted: no answer within 30 s (/v1/models)"]


def test_what_works_is_busy_for_so_long_and_no_longer(dog: Dog) -> None:
    dog.answer("/v1/models", None)
    said = "no answer within 30 s (/v1/models)"
    assert dog.look(CPU="1") == [f"x: busy: {said}, but it works; left alone for up to 1800 s"]
    assert dog.look(CPU="1") == []
    phase = dog.folder / "state/phase"
    phase.write_text(phase.read_text().replace(str(int(time.time()))[:6], "170000"))
    assert dog.look(CPU="1") == [f"x: restarted: {said}"]


def test_it_gives_up_once_and_begins_again_with_another_process(dog: Dog) -> None:
    dog.answer("/v1/models", "", 500)
    why = "status 500 (/v1/models)"
    assert dog.look() + dog.look(COOLDOWN="300") == [f"x: restarted: {why}"]
    dog.job(JOB)
    assert dog.look() == [f"x: restarted: {why}"]
    gave = f"x: gave up after 2 restarts in a row: {why}; it is left as it is until it answers, or is started anew"
    assert dog.look() + dog.look() + dog.look() == [gave]
    assert len(dog.lines("done")) == 2
    dog.job(JOB.replace("4242", "4243"))
    assert dog.look() == [f"x: restarted: {why}"]
    dog.answer("/v1/models", {"data": []})
    assert dog.look() + dog.look() == ["x: answers again"]


def test_a_kickstart_that_hangs_is_replaced_by_a_reload(dog: Dog) -> None:
    dog.job(DOWN)
    (dog.folder / "penalty").touch()
    assert dog.look() == ["x: restarted (booted out, and loaded again): not running"]
    assert dog.lines("done") == [
        "kickstart -k system/macstate.x",
        "bootout system/macstate.x",
        "bootstrap system /x.plist",
        "kickstart system/macstate.x",
    ]
    assert not (dog.folder / "state/out").exists()


def test_what_somebody_took_away_is_none_of_its_business(dog: Dog) -> None:
    (dog.folder / "job").unlink()
    assert (dog.look(), dog.lines("asked"), dog.lines("done")) == ([], [], [])
    (dog.folder / "state/out").touch()  # but what it took away itself
    assert dog.look() == ["x: loaded again"]
