"""The script that pulls, with a real Ollama and a registry that drops, refuses and boasts."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab import build
from lab.registry import BadLine, Registry, certificate
from lab.tailnet import listens, wait_for
from ports import free_port
from test_sizes_script import AROUND

from macstate.kinds import model
from macstate.kinds.model import Model, announced
from macstate.kinds.model.names import full, manifest
from macstate.rehearsal.mac.processes import began

pytestmark = pytest.mark.lab
CONTENT = random.Random(1).randbytes(500_000)
"""Ollama looks into a model only when it loads it."""


@dataclass
class Shop:
    """A registry, a real Ollama that buys there, and a home with a queue."""

    registry: Registry
    home: Path
    port: int
    ollama: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        pem = str(self.home / "registry.pem")
        return {
            "PATH": f"{self.home}/bin:{os.environ['PATH']}",
            "HOME": str(self.home),
            "SSL_CERT_FILE": pem,
            "CURL_CA_BUNDLE": pem,
            "OLLAMA_HOST": f"127.0.0.1:{self.port}",
            "OLLAMA_MODELS": str(self.home / "models"),
        }

    @property
    def script(self) -> Path:
        script = self.home / "pull"
        if not script.exists():  # a worker may be reading it
            script.write_text(model.program())
        return script

    def open(self) -> None:
        with (self.home / "ollama.log").open("ab") as log:
            words = [str(build.ollama()), "serve"]
            self.ollama = subprocess.Popen(words, env=self.environment, stdout=log, stderr=log)
        wait_for(lambda: listens(self.port), "Ollama", 20)

    def close(self) -> None:
        if self.ollama:
            self.ollama.send_signal(signal.SIGTERM)
            self.ollama.wait(20)

    def pull(self, *name_and_pin: str) -> tuple[int, str]:
        words = ["sh", str(self.script), "ollama", str(self.port), str(self.home / "models"), *name_and_pin]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=90, check=False)
        return done.returncode, done.stdout + done.stderr

    def versions(self) -> dict[str, str]:
        """Give the digest of each model."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/tags") as answer:
            return {model["name"]: model["digest"] for model in json.load(answer)["models"]}

    def sizes(self) -> dict[str, int]:
        """Give the bytes of each model, as Ollama says."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/tags") as answer:
            return {model["name"]: model["size"] for model in json.load(answer)["models"]}

    def models(self) -> list[str]:
        return list(self.versions())

    def queue(self) -> str:
        folder = self.home / ".local/state/macstate/pulls/ollama"
        return "".join(file.read_text() for file in sorted(folder.glob("*.pull"))) if folder.exists() else ""

    def drained(self) -> bool:
        """Empty the queue, and say whether the worker has ended for it; a line that it just writes may come back."""
        for file in (self.home / ".local/state/macstate/pulls/ollama").glob("*.pull"):
            file.unlink(missing_ok=True)
        return self.worker() is None

    def worker(self) -> int | None:
        file = self.home / ".local/state/macstate/pulls/ollama/worker"
        pid = int(str(file.readlink()).split("\t")[0]) if file.is_symlink() else 0
        return pid if pid and began(pid) else None


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(Registry(certificate(tmp_path)), tmp_path, free_port())
    shop.open()
    try:
        yield shop
    finally:
        shop.drained()
        shop.close()
        shop.registry.shutdown()
        wait_for(shop.drained, "a pull", 90)


def test_one_that_is_there_is_pulled(shop: Shop) -> None:
    name = shop.registry.add("tiny", CONTENT)
    assert shop.pull(name) == (0, "")
    wait_for(lambda: f"{name}:latest" in shop.models(), "a pull", 20)
    wait_for(lambda: shop.queue() == "", "a pull", 10)
    asked = len(shop.registry.asked)
    assert shop.pull(name) == (0, "")
    assert len(shop.registry.asked) == asked  # it is here: nobody is asked


def test_no_name_of_a_model_is_taken_for_a_file_on_its_way(shop: Shop) -> None:
    name = shop.registry.add("tiny.new1.pull.new2", CONTENT)
    assert shop.pull(name) == (0, "")
    wait_for(lambda: f"{name}:latest" in shop.models(), "a pull", 20)


def test_the_size_that_is_announced_is_the_one_that_the_server_has_then(shop: Shop) -> None:
    """Asked of a registry as a plan does it, by TLS; where it has no such model, that is told."""
    name = full(shop.registry.add("tiny", CONTENT))
    wanted = [f"ollama {each} {manifest(each)}" for each in (name, f"localhost:{shop.registry.port}/library/x:1")]
    lists = {"list_models": f"ollama {shop.port}\n", "list_wanted": "".join(f"{each}\n" for each in wanted)}
    script = f"set -eu\n{AROUND}{Model.script}"
    words, environment = ["sh", "-c", script], shop.environment | lists | {"TEST_PATH": shop.environment["PATH"]}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=30)
    told = done.stdout.partition("== sizes ollama\n")[2]

    assert shop.pull(name) == (0, "")
    wait_for(lambda: name in shop.models(), "a pull", 20)

    assert announced({"sizes ollama": told}) == {f"ollama/{name}": shop.sizes()[name]}
    assert f"localhost:{shop.registry.port}/library/x:1\t-\n" in told


def test_a_pin_that_the_registry_has_no_longer_is_told_when_a_pull_can_bring_nothing(shop: Shop) -> None:
    name = shop.registry.add("tiny", CONTENT)
    assert shop.pull(name) == (0, "")
    wait_for(lambda: f"{name}:latest" in shop.models(), "a pull", 20)
    old = shop.versions()[f"{name}:latest"]
    shop.registry.add("tiny", CONTENT[::-1])
    assert shop.pull(name, old[:12]) == (0, "")
    # Ollama writes a manifest in place: for a moment its list lacks the model
    wait_for(lambda: shop.versions().get(f"{name}:latest", old) != old, "a pull", 20)
    wait_for(lambda: shop.queue() == "", "a pull", 10)
    new = shop.versions()[f"{name}:latest"]

    code, said = shop.pull(name, old[:12])

    why = f"the library has another version now: pin {new[:12]}, or take the pin out"
    assert (code, said) == (1, f"{name}: {why}\n")
    assert "\tfailed\t" in shop.queue()
    assert shop.pull(name, new[:12])[0] == 0


def test_a_dropped_connection_is_taken_up_where_it_was(shop: Shop) -> None:
    name = shop.registry.add("tiny", CONTENT)
    shop.registry.drops = 2
    assert shop.pull(name) == (0, "")
    wait_for(lambda: f"{name}:latest" in shop.models(), "a pull", 60)
    ranges = [path.partition(" ")[2] for _, path in shop.registry.asked if "bytes=" in path]
    assert any(not each.startswith("bytes=0-") for each in ranges), ranges


def test_a_server_that_is_restarted_in_between(shop: Shop) -> None:
    name = shop.registry.add("big", CONTENT * 40)
    shop.registry.pace = 0.02
    assert shop.pull(name) == (0, "")
    wait_for(lambda: '"completed":' in shop.queue(), "a pull", 20)
    shop.close()
    shop.registry.pace = 0
    shop.open()
    wait_for(lambda: f"{name}:latest" in shop.models(), "a pull", 60)


def over(line: BadLine, shop: Shop, shell: Path, name: str) -> None:
    """Have a worker pull over a bad line, with this shell, and without its pauses."""
    sleep = shop.home / "bin/sleep"
    sleep.parent.mkdir(exist_ok=True)
    sleep.write_text("#!/bin/sh\nexec /bin/sleep 0.02\n")
    sleep.chmod(0o755)
    words = [str(shell / "sh"), str(shop.script), "ollama", str(line.port), str(shop.home / "models"), name]
    environment = {**shop.environment, "PATH": f"{shop.home}/bin:{shell}:{os.environ['PATH']}"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_forty_dropped_connections_that_each_bring_something(shop: Shop, shell: Path) -> None:
    name = shop.registry.add("big", CONTENT * 40)
    shop.registry.pace = 0.03
    line = BadLine(shop.port, 1, drops=40)

    over(line, shop, shell, name)

    wait_for(lambda: f"{name}:latest" in shop.models(), "a pull", 90)
    wait_for(lambda: shop.queue() == "", "a pull", 10)
    assert (line.drops, line.asked) == (0, 41)
    line.shutdown()


def test_a_line_that_brings_nothing_is_given_up(shop: Shop, shell: Path) -> None:
    name = shop.registry.add("big", CONTENT)
    line = BadLine(shop.port, 0, drops=1000)

    over(line, shop, shell, name)

    wait_for(lambda: "\tfailed\t" in shop.queue(), "a pull", 60)
    assert line.asked == 13
    line.shutdown()


def slowly(shop: Shop, pace: float = 0.05) -> tuple[str, int]:
    """Begin a pull that takes a while; give its model and its worker."""
    name = shop.registry.add("big", CONTENT * 40)
    shop.registry.pace = pace
    assert shop.pull(name) == (0, "")
    worker = shop.worker()
    assert worker
    return name, worker


def test_a_worker_that_was_killed_is_replaced_by_the_next_run(shop: Shop) -> None:
    name, worker = slowly(shop)
    os.kill(worker, signal.SIGKILL)
    shop.registry.pace = 0
    assert shop.pull(name) == (0, "")
    wait_for(lambda: f"{name}:latest" in shop.models(), "a pull", 60)


def test_what_a_killed_worker_had_started_ends_and_disturbs_no_other(shop: Shop) -> None:
    """Both would write the same file; here each takes long to put its text in place."""
    mv = shop.home / "bin/mv"
    mv.parent.mkdir()
    mv.write_text('#!/bin/sh\nsleep 0.1\nexec /bin/mv "$@"\n')
    mv.chmod(0o755)
    name, worker = slowly(shop, pace=0.5)  # minutes, if nobody ends it
    left = descendants(worker)
    assert {Path(f"/proc/{pid}/comm").read_text().strip() for pid in left} >= {"curl"}

    os.kill(worker, signal.SIGKILL)
    assert shop.pull(name) == (0, "")

    wait_for(lambda: not any(map(began, left)), "the end of what it had started", 30)
    shop.registry.pace = 0
    wait_for(lambda: f"{name}:latest" in shop.models(), "a pull", 60)
    wait_for(lambda: not (shop.home / ".local/state/macstate/pulls").exists(), "the end of the queue", 10)


def descendants(pid: int) -> list[int]:
    """Give the processes that this one has started, and those that these have."""
    children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [each for child in children for each in (child, *descendants(child))]


def test_a_worker_that_ends_just_now_takes_nothing_from_who_queues(shop: Shop) -> None:
    """It takes the folder away between its being made and the first write."""
    name = shop.registry.add("small", CONTENT)
    mkdir = shop.home / "bin/mkdir"
    mkdir.parent.mkdir()
    mkdir.write_text('#!/bin/sh\n/bin/mkdir "$@" && { [ -e "$HOME/once" ] || rmdir "$2" && : >"$HOME/once"; }\n')
    mkdir.chmod(0o755)

    assert shop.pull(name) == (0, "")

    wait_for(lambda: f"{name}:latest" in shop.models(), "a pull", 60)


def test_there_is_one_worker(shop: Shop) -> None:
    _, worker = slowly(shop)
    words = ["sh", str(shop.script), "--work", "ollama", str(shop.port)]

    second = subprocess.run(words, env=shop.environment, check=False, timeout=5)

    assert second.returncode == 0
    assert shop.worker() == worker


def test_one_that_the_registry_has_not(shop: Shop) -> None:
    name = f"localhost:{shop.registry.port}/library/nothing"
    code, said = shop.pull(name)
    assert (code, said) == (1, f"{name}: pull model manifest: file does not exist\n")
    assert shop.queue() == ""


def test_an_error_in_the_answer_of_a_pull(shop: Shop) -> None:
    shop.registry.shy_of_curl = True
    name = f"localhost:{shop.registry.port}/library/nothing"
    code, said = shop.pull(name)
    assert (code, said) == (1, f"{name}: pull model manifest: file does not exist\n")
    assert "\tfailed\t" in shop.queue()


def test_one_larger_than_the_disk(shop: Shop) -> None:
    name = shop.registry.add("boast", CONTENT, pretended=10**15)
    code, said = shop.pull(name)
    assert code == 1
    assert said.startswith(f"{name}: needs 1000000.0 GB, and only ")
    assert [path for _, path in shop.registry.asked if "/elsewhere/" in path] == []
    assert shop.queue() == ""
