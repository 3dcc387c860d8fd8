"""The watchdog's script before tools that only note and answer: what it asks, what it makes of it, what it does."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from macstate.endpoint import watchdog

TOOLS = {
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
CURL = """\
#!{python} -IS
import json, sys, time
from pathlib import Path
fake, words = Path({folder!r}), sys.argv[1:]
assert words[:3] == ["-qs", "--noproxy", "*"], words
path = "/" + words[-1].split("/", 3)[3]
body = words[words.index("--data-binary") + 1] if "--data-binary" in words else ""
with (fake / "asked").open("a") as asked:
    asked.write(path + "\\t" + body + "\\n")
told, file = fake / "answers" / (path[1:].replace("/", "_") or "_"), fake / "loaded"
if told.exists() or not file.exists():
    sys.exit(7) if not told.exists() else print(told.read_text(), end="") if told.read_text() else sys.exit(28)
    sys.exit()
model = json.loads(file.read_text())
if path == "/api/generate":  # as Ollama does: a time to stay holds from the end of an answer on, and for the next too
    wish = json.loads(body)
    model["session"] = wish.get("keep_alive", model["session"])
    if not model["in_use"]:
        model["expires"] = time.time() + (model["session"] if model["session"] >= 0 else 9e9)
    file.write_text(json.dumps(model))
    said = {{"response": 'He said "hi"' if "prompt" in wish else "", "load_duration": model["load"]}}
elif path == "/api/show":
    said = {{"model_info": {{"q.rope.original_context_length": 9, "q.context_length": model["own"]}}}}
    if model["parameter"]:
        said["parameters"] = 'stop "<x>"\\nnum_ctx    %d' % model["parameter"]
else:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(model["expires"] + 19800)) + ".123456789+05:30"
    shown = {{"name": "qwen3:32b", "details": {{"families": ["a", "b"]}}, "expires_at": stamp}}
    said = {{"models": [{{**shown, "context_length": model["context"]}}]}}
print(json.dumps(said, indent=1) + "\\n200", end="")
"""
"""It answers what it was told to, and else as an Ollama with one model."""
JOB = "system/macstate.x = {\n\tstate = running\n\tpid = 4242\n\truns = 7\n\tendpoints = {\n\t\tpid = 9\n\t}\n}\n"
DOWN = "system/macstate.x = {\n\tstate = not running\n\truns = 7\n\tendpoints = {\n\t\tpid = 9\n\t}\n}\n"
GENERATE = "/api/generate"


class Dog:
    """The script, and the Mac that it believes to be on."""

    def __init__(self, folder: Path, shell: Path = Path("/bin")) -> None:
        self.folder, self.shell = folder, shell
        (folder / "bin").mkdir()
        (folder / "answers").mkdir()
        for name, text in TOOLS.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}")
            (folder / "bin" / name).chmod(0o755)
        (folder / "bin/curl").write_text(CURL.format(python=sys.executable, folder=str(folder)))
        (folder / "bin/curl").chmod(0o755)
        self.job(JOB)

    def job(self, text: str) -> None:
        (self.folder / "job").write_text(text)

    def answer(self, path: str, body: Any, code: int = 200) -> None:
        """Answer a path; None is silence."""
        text = body if isinstance(body, str) else json.dumps(body)
        file = self.folder / "answers" / (path.lstrip("/").replace("/", "_") or "_")
        file.write_text("" if body is None else f"{text}\n{code}")

    def look(self, engine: str = "openai", **environment: str) -> list[str]:
        """Run it once; give what it says, without the time."""
        settings = {"NAME": "x", "TARGET": "system/macstate.x", "PLIST": "/x.plist", "ENGINE": engine, "PORT": "1"}
        settings |= {"HEALTH": "/v1/models", "ASK": "1", "DEADLINE": "30", "READY": "600", "PATIENCE": "1800"}
        settings |= {"COOLDOWN": "0", "GIVE_UP": "2", "EVERY": "60", "CONTEXT": "0", "STATE": "/state"}
        path = f"{self.folder}/bin:{self.shell}:{os.environ['PATH']}"
        own = {"PATH": path, "FAKE": str(self.folder), "MACSTATE_ROOT": str(self.folder), **settings, **environment}
        program = self.folder / "watchdog"
        program.write_text(watchdog.program())
        done = subprocess.run(
            [self.shell / "sh", program], env=own, capture_output=True, text=True, check=True, timeout=60
        )
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

    def bodies(self, *paths: str) -> list[dict[str, Any]]:
        """Give what these paths were asked."""
        asked = [line.split("\t") for line in self.lines("asked")]
        return [json.loads(body) for path, body in asked if path in paths]

    def question(self) -> dict[str, Any]:
        """Give the one question to a model that was asked; what follows it asks nothing."""
        (found,) = [body for body in self.bodies(GENERATE, "/v1/chat/completions") if {"prompt", "messages"} & {*body}]
        return found

    def loads(self, left: float, session: float = 1800, **more: Any) -> None:
        """Have a model loaded that goes in so many seconds; its last user wished it to stay for ``session``."""
        usual = {"in_use": False, "own": 4096, "context": 2048, "parameter": 0, "load": 20_000_000}
        model = {"expires": time.time() + left, "session": session, **usual, **more}
        (self.folder / "loaded").write_text(json.dumps(model))

    @property
    def left(self) -> float:
        """For how long the model still stays."""
        return float(json.loads((self.folder / "loaded").read_text())["expires"]) - time.time()


@pytest.fixture
def dog(tmp_path: Path) -> Dog:
    return Dog(tmp_path)


@pytest.fixture
def each_dog(tmp_path: Path, shell: Path) -> Dog:
    """One by one, under every shell."""
    return Dog(tmp_path, shell)


def test_times_are_read_as_python_reads_them(shell: Path) -> None:
    clock = watchdog.program().partition("clock='")[2].partition("}'")[0] + "}"
    chance = random.Random(1)
    stamps = {"2318-03-05T10:00:00.123456789Z": 10987264800, "1970-01-01T00:00:00Z": 0}
    for _ in range(300):
        zone = timezone(timedelta(minutes=chance.choice([0, 60, -300, 330, 765])))
        moment = datetime.fromtimestamp(chance.randrange(0, 2**34), zone)
        stamps[moment.isoformat()] = int(moment.timestamp())
    ages = {"00:05": 5, "1:02.50": 62.5, "125:01.25": 7501.25, "03:00:01": 10801, "2-03:00:01": 183601}
    text = "\n".join([*stamps, *ages])
    words = [str(shell / "awk"), clock + '{ printf "%.2f\\n", /T/ ? epoch($0) : seconds($0) }']
    said = subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout.split()
    assert [float(word) for word in said] == [*stamps.values(), *ages.values()]


def test_all_is_well_and_nothing_is_said(each_dog: Dog) -> None:
    dog = each_dog
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


def test_a_question_changes_nothing_of_how_long_a_model_stays(dog: Dog) -> None:
    dog.loads(1000)
    for _ in range(3):
        assert dog.look("ollama") == []
        assert dog.question()["prompt"]
        assert 995 < dog.left <= 1001


def test_the_next_user_gets_the_usual_time_though_a_question_left_it_less(dog: Dog) -> None:
    dog.loads(500, session=1800)
    dog.look("ollama")
    given = json.loads((dog.folder / "loaded").read_text())["session"]
    assert 495 < given <= 500
    dog.loads(given - 20, session=given)  # somebody used it 20 seconds ago, and wished nothing
    dog.look("ollama")
    assert 1775 < dog.left <= 1782
    dog.lines("asked")
    dog.look("ollama")
    assert 1775 < dog.left <= 1782


@pytest.mark.parametrize("wish", [120, 200, 7200])
def test_a_users_own_wish_holds(dog: Dog, wish: int) -> None:
    dog.loads(1000)
    dog.look("ollama")
    dog.loads(wish - 10, session=wish)
    dog.look("ollama")
    dog.look("ollama")
    assert wish - 15 < dog.left <= wish - 8


def test_what_stays_for_ever_does_so(dog: Dog) -> None:
    dog.loads(9e9, session=-1)
    dog.look("ollama")
    (question,) = dog.bodies(GENERATE)
    assert "keep_alive" not in question


@pytest.mark.parametrize("left", [12, -12, 80])
def test_what_might_go_before_the_next_look_is_left_alone(dog: Dog, left: int) -> None:
    dog.answer("/api/tags", {"models": []})
    dog.loads(left)
    assert dog.look("ollama") + dog.look("ollama") == []
    assert [line.split("\t")[0] for line in dog.lines("asked")] == 2 * ["/api/ps", "/api/tags"]


def test_what_is_in_use_is_asked(each_dog: Dog) -> None:
    dog = each_dog
    dog.answer("/api/tags", {"models": []})
    dog.loads(80, session=80)
    dog.look("ollama")
    stamp = dog.folder / "state/asked"
    goes, shown, ours, theirs, model = stamp.read_text().split()
    # a minute ago, and as long as now: its first answer
    stamp.write_text(f"{int(goes) - 60} {int(shown) - 60} {ours} {theirs} {model}\n")
    dog.lines("asked")
    dog.look("ollama")
    assert dog.question()
    dog.loads(-60, in_use=True)
    dog.look("ollama")
    assert dog.question()
    assert dog.left < -59


@pytest.mark.parametrize(
    ("context", "parameter", "setting", "size"),
    [
        (2048, 0, "0", 2048),
        (4096, 0, "0", None),  # the server's own choice, which may be more than the model has
        (4096, 0, "256", 4096),
        (4096, 512, "8192", 4096),
        (4096, 4096, "256", None),
        (4096, 8192, "0", None),
        (0, 0, "0", None),
    ],
)
def test_the_loaded_context_is_asked_for(
    dog: Dog, context: int, parameter: int, setting: str, size: int | None
) -> None:
    dog.loads(1000, context=context, parameter=parameter)
    assert dog.look("ollama", CONTEXT=setting) == []
    sizes = [body["options"].get("num_ctx") for body in dog.bodies(GENERATE)]
    assert sizes == [size, size]


def test_what_a_question_loads_anew_is_not_asked_again(dog: Dog) -> None:
    dog.answer("/api/tags", {"models": []})
    dog.loads(1000, load=3_000_000_000)
    (said,) = dog.look("ollama")
    assert "qwen3:32b was loaded anew by a question" in said
    dog.lines("asked")
    assert dog.look("ollama") == []
    assert dog.bodies(GENERATE) == []
    dog.job(JOB.replace("4242", "4243"))
    dog.loads(1000)
    assert dog.look("ollama") == []
    assert dog.question()


def test_a_model_that_never_answered_may_be_loading_from_the_disk(dog: Dog) -> None:
    dog.answer("/api/tags", {"models": []})
    dog.answer("/api/ps", {"models": []})
    assert dog.look("ollama") == []
    (dog.folder / "answers/api_ps").unlink()
    dog.loads(1000)
    dog.answer(GENERATE, None)
    why = "no token within 30 s (qwen3:32b)"
    said = f"x: loading: {why}, but qwen3:32b may still be loading; left alone for up to 600 s"
    assert dog.look("ollama") + dog.look("ollama") == [said]
    phase = dog.folder / "state/phase"
    phase.write_text(phase.read_text().replace(str(int(time.time()))[:6], "170000"))
    assert dog.look("ollama") == [f"x: restarted: {why}"]
    dog.job(JOB)
    (dog.folder / "answers/api_generate").unlink()
    assert dog.look("ollama") == ["x: answers again"]
    dog.answer(GENERATE, None)  # it has answered since it was loaded
    assert dog.look("ollama") == [f"x: restarted: {why}"]


def test_a_start_is_no_hang_until_the_first_answer(dog: Dog) -> None:
    assert dog.look(AGE="00:20") == ["x: starting: nobody listens on port 1; left alone for up to 600 s"]
    assert dog.look(AGE="00:40") == []
    dog.answer("/v1/models", "loading", 503)
    assert dog.look(AGE="05:00") == []
    dog.answer("/v1/models", {"data": []})
    assert dog.look(AGE="06:00") == []
    dog.answer("/v1/models", None)
    assert dog.look(AGE="08:00") == ["x: restarted: no answer within 30 s (/v1/models)"]


def test_what_works_is_busy_for_so_long_and_no_longer(each_dog: Dog) -> None:
    dog = each_dog
    dog.answer("/v1/models", None)
    said = "no answer within 30 s (/v1/models)"
    assert dog.look(CPU="1") == [f"x: busy: {said}, but it works; left alone for up to 1800 s"]
    assert dog.look(CPU="1") == []
    phase = dog.folder / "state/phase"
    phase.write_text(phase.read_text().replace(str(int(time.time()))[:6], "170000"))
    assert dog.look(CPU="1") == [f"x: restarted: {said}"]


def test_it_gives_up_once_and_begins_again_with_another_process(each_dog: Dog) -> None:
    dog = each_dog
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
