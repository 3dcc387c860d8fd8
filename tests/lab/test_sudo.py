"""Root through the real sudo, as a local user: without a password, with one, with a wrong one, and with no terminal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab
PASSWORD = "correct-horse-battery-7261"  # noqa: S105 - of a user who lives for a second
SCRIPT = Path(__file__).with_name("apply_as.py")


@pytest.fixture(scope="module")
def user() -> Iterator[str]:
    """A local user who may use sudo."""
    assert os.geteuid() == 0, "the lab adds a local user: run it as root, or leave out --lab and CI=true"
    if not shutil.which("sudo"):
        subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
        subprocess.run(["apt-get", "install", "-y", "-q", "sudo"], check=True, capture_output=True)
    name = f"macstate{os.getpid()}"
    subprocess.run(["useradd", "-M", name], check=True)
    subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}", text=True, check=True)
    yield name
    subprocess.run(["userdel", name], check=True)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A root folder with this machine's tools, and a chown that knows macOS' wheel; others can enter it."""
    place = Path(f"/tmp/{tmp_path.name}-{os.getpid()}")  # noqa: S108 - pytest's own folders are closed to other users
    (place / "usr/local/bin").mkdir(parents=True)
    (place / "usr/bin").symlink_to("/usr/bin")
    (place / "bin").symlink_to("/bin")
    chown = place / "usr/local/bin/chown"
    chown.write_text('#!/bin/sh\nexec /bin/chown root:root "$2"\n')
    chown.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def sudoers(user: str) -> Iterator[Path]:
    file = Path(f"/etc/sudoers.d/{user}")
    yield file
    file.unlink()


def allow(file: Path, user: str, tag: str) -> None:
    file.write_text(f'Defaults:{user} env_keep += "MACSTATE_ROOT", !lecture\n{user} ALL=(ALL:ALL) {tag} ALL\n')
    file.chmod(0o440)


def apply(user: str, folder: Path, answer: str | None, *more: str) -> tuple[str, str]:
    """Run the script, on a terminal where an answer is given; give its output, and all process lists meanwhile."""
    seen: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.append(subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout)
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    words = [sys.executable, str(SCRIPT), user, str(folder), *more]
    try:
        if answer is None:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                start_new_session=True,
                check=False,
                timeout=60,
            )
            return done.stdout + done.stderr, "".join(seen)
        return on_a_terminal(words, answer), "".join(seen)
    finally:
        over.set()
        watcher.join()


def on_a_terminal(words: list[str], answer: str) -> str:
    """Type the answer once when sudo's password is asked for."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(words[0], words)  # noqa: S606 - a terminal of its own, no shell
    output, typed = b"", False
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            output += os.read(terminal, 4096)
        except OSError:  # it has ended
            break
        if not typed and b"for sudo: " in output:
            os.write(terminal, answer.encode() + b"\n")
            typed = True
    else:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(terminal)
    return output.decode()


def assert_written(folder: Path) -> None:
    file = folder / "private/etc/proof"
    assert file.read_text() == "proof\n"
    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (0, 0o640)
    assert (folder / "var/db/macstate/owned").read_text().startswith("owned\tfile/private/etc/proof\t")


def test_without_a_password(user: str, folder: Path, sudoers: Path) -> None:
    allow(sudoers, user, "NOPASSWD:")
    output, _ = apply(user, folder, None)
    assert "RESULT True" in output, output
    assert_written(folder)


def test_with_a_password(user: str, folder: Path, sudoers: Path) -> None:
    allow(sudoers, user, "")
    output, processes = apply(user, folder, PASSWORD)
    assert "RESULT True" in output, output
    assert output.count("for sudo: ") == 1
    assert_written(folder)
    assert "sudo" in processes
    assert PASSWORD not in output
    assert PASSWORD not in processes
    assert not [file for file in folder.rglob("*") if file.is_file() and PASSWORD.encode() in file.read_bytes()]


def test_a_wrong_password_changes_nothing(user: str, folder: Path, sudoers: Path) -> None:
    allow(sudoers, user, "")
    output, _ = apply(user, folder, "wrong")
    assert "RESULT False" in output
    assert "sudo did not take the password; nothing was changed" in output
    assert "Traceback" not in output
    assert output.count("password: ") == 0  # pyinfra did not ask by itself
    assert not (folder / "private").exists()


def test_no_terminal_is_one_line(user: str, folder: Path, sudoers: Path) -> None:
    allow(sudoers, user, "")
    output, _ = apply(user, folder, None, "ask")
    assert "RESULT False" in output
    assert "there is no terminal to ask on" in output
    assert not (folder / "private").exists()


def test_a_password_that_sudo_does_not_want_never_becomes_payload(user: str, folder: Path, sudoers: Path) -> None:
    allow(sudoers, user, "NOPASSWD:")
    output, _ = apply(user, folder, PASSWORD, "ask")
    assert "RESULT True" in output, output
    assert_written(folder)
    assert PASSWORD not in output
