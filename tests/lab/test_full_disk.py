"""A disk without room, or without inodes, at every step of a change: each file is as before or as after, never half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from macstate.kernel import journal, scripts
from macstate.kernel.steps import Check, Delete, Preserve, Step, Write

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(sys.platform != "linux", reason="a disk of a few pages is made with Linux' tmpfs"),
]
PAGE = 4096
"""Bytes that tmpfs gives out at once."""
STAT = '#!/bin/sh\nshift 2\nexec /usr/bin/stat -Lc "%u %a" "$@"\n'
"""What `stat -Lf '%u %Lp'` prints on a Mac."""
OLD = {
    "etc/one.conf": 3 * PAGE * b"1",
    "Library/macstate/etc/gateway.keys": b"old keys\n",
    "Library/LaunchDaemons/x.plist": PAGE * b"x",
    "var/db/macstate/owned": b"".join(b"owned\tfile/etc/%d\t%016d\n" % (n, n) for n in range(60)),
    "var/db/macstate/journal": b"".join(b'{"run": "%d", "outcome": "applied"}\n' % n for n in range(90)),
}
NEW = {
    "etc/one.conf": 5 * PAGE * b"2",
    "Library/macstate/etc/gateway.keys": b"new keys, and more of them\n" * 300,
    "Library/macstate/bin/new": 2 * PAGE * b"n",
}
RECORD = "var/db/macstate/owned"
FILL = f"""
import os, sys
pages, inodes = int(sys.argv[1]), int(sys.argv[2])
place = sys.argv[3] + "/filler"
os.mkdir(place)
with open(place + "/bytes", "wb", buffering=0) as file:
    if pages >= 0:
        try:
            while True: file.write(b"x" * {PAGE})
        except OSError:
            file.truncate(max(0, file.tell() // {PAGE} - pages) * {PAGE})
if inodes >= 0:
    count = 0
    try:
        while True:
            open(f"{{place}}/{{count}}", "x").close()
            count += 1
    except OSError:
        for number in range(max(0, count - inodes), count): os.unlink(f"{{place}}/{{number}}")
"""


def payload(mac: Path) -> str:
    """Give a change with every way in which a file is written."""
    known = subprocess.run(["cksum"], input=(mac / RECORD).read_bytes(), capture_output=True, check=True).stdout
    entry = journal.JournalLine("digest", ["+ file/etc/one.conf"])
    keys = NEW["Library/macstate/etc/gateway.keys"]
    steps: tuple[Step, ...] = (
        Check(("test", "-s", "/nowhere"), (("gateway.keys", keys),), "0:0"),
        Preserve("/Library/macstate/etc/gateway.keys", "/var/db/macstate/gateway.keys.old"),
        *(Write(f"/{place}", text, owner="0:0") for place, text in NEW.items()),
        Delete("launchd/system/x", "/Library/LaunchDaemons/x.plist"),
    )
    words = " ".join(f"'{word}'" for word in entry.words("anna@macbook"))
    lines = [step.line.replace("test -s /nowhere", "true") for step in steps]
    begin = ["lock /var/db/macstate 5 anna", f"expect '{known.decode().strip()}'"]
    seen = ["takes file/etc/one.conf", "takes launchd/system/x"]  # before, and the person has let that through
    pending = [*seen, "record pending file/etc/one.conf -", "record pending launchd/system/x -", words]
    end = ["record owned file/etc/one.conf 1234", "record gone launchd/system/x -", words]
    return "\n".join(["PAYLOAD", *begin, *pending, *lines, *end, "END"])


def carry_out(mac: Path, script: str) -> str:
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        input=payload(mac),
        env={"MACSTATE_ROOT": str(mac), "HOME": str(mac)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def held(mac: Path) -> dict[str, bytes]:
    files = (
        path for path in mac.rglob("*") if path.is_file() and "filler" not in path.parts and "usr" not in path.parts
    )
    return {str(path.relative_to(mac)): path.read_bytes() for path in files}


def fresh(mac: Path, tools: Path) -> None:
    for place, text in OLD.items():
        (mac / place).parent.mkdir(parents=True, exist_ok=True)
        (mac / place).write_bytes(text)
    (mac / "usr").mkdir()
    (mac / "usr/bin").symlink_to(tools)
    subprocess.run(["chmod", "-R", "go-w", mac], check=True)


def judge(mac: Path, said: str, where: str) -> None:
    now = held(mac)
    assert RECORD in now, where
    for place, text in OLD.items():
        if place in NEW:
            assert now[place] in (text, NEW[place]), f"{where}: {place}"
        elif place == "Library/LaunchDaemons/x.plist":
            assert now.get(place) in (text, None), where
    assert now.get("Library/macstate/bin/new") in (None, NEW["Library/macstate/bin/new"]), where
    lines = now[RECORD].decode().splitlines()
    assert now[RECORD].endswith(b"\n"), where
    assert lines[:60] == OLD[RECORD].decode().splitlines(), where
    assert all(line.count("\t") == 2 for line in lines), where
    for line in now["var/db/macstate/journal"].decode().splitlines():
        json.loads(line)
    assert [place for place in now if place.endswith((".macstate", ".new")) or "/lock" in place] == [], where
    done = "macstate: done: " in said
    assert done or "macstate: failed: " in said, f"{where}: {said}"
    assert ("No space left" in said) or done, f"{where}: {said}"
    if done:
        assert {place: now[place] for place in NEW} == NEW, where


def main(folder: str, script: str) -> None:
    """Run in a mount namespace of its own: for each amount of room, a run without it, and one with."""
    tools, mac = Path(folder, "tools"), Path(folder, "disk")
    failed = 0
    for pages, inodes in [*((n, -1) for n in range(16)), *((-1, n) for n in range(9))]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k,nr_inodes=60,mode=755", "none", mac], check=True)
        fresh(mac, tools)
        subprocess.run([sys.executable, "-c", FILL, str(pages), str(inodes), mac], check=True)
        where = f"{pages} pages, {inodes} inodes left"
        said = carry_out(mac, script)
        judge(mac, said, where)
        failed += "macstate: failed: " in said
        subprocess.run(["rm", "-rf", mac / "filler"], check=True)
        again = carry_out(mac, script)
        assert "macstate: done: " in again, f"{where}, with room again: {again}"
        judge(mac, again, f"{where}, with room again")
        subprocess.run(["umount", mac], check=True)
    sys.stdout.write(str(failed))


# Apple's shell goes on behind some failures that `set -e` ends elsewhere: the second one relies on none of that
@pytest.mark.parametrize("words", ["set -eu", "set -u"])
def test_a_full_disk_leaves_every_file_whole(tmp_path: Path, words: str) -> None:
    script = scripts.apply().replace("set -eu", words)
    (tmp_path / "disk").mkdir()
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in (Path("/usr/bin"), Path("/bin")):
        for tool in folder.iterdir():
            if not (tools / tool.name).is_symlink():
                (tools / tool.name).symlink_to(tool)
    (tools / "stat").unlink()
    (tools / "stat").write_text(STAT)
    (tools / "stat").chmod(0o755)
    options = "-m" if os.geteuid() == 0 else "-rm"
    code = f"from lab import test_full_disk as t; t.main({str(tmp_path)!r}, {script!r})"
    command = ["unshare", options, sys.executable, "-c", code]
    path = os.pathsep.join(sys.path)
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) > 9  # of 25, where there was no room
