"""Runs a script with hostile text in one of the places from which it learns something, and sees what came of it.

A scene is a script before tools that answer what they are told to, in a world of a few files. A mutation puts one
payload in the place of one word, number, JSON string, line or file name of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

MARK = "/MARK/"
"""Stands in a payload for the file that it would make."""
PAYLOADS = (
    f"PORT[$(touch {MARK})]",
    f"PORT[$(>{MARK})]",
    f"x PORT[$(>{MARK})] 1",
    f"a[$(touch {MARK})]+1",
    f"$(touch {MARK})",
    f"`touch {MARK}`",
    f"0;touch {MARK}",
    f"'; touch {MARK}; '",
    f'"; touch {MARK}; "',
    f'"}} ; system("touch {MARK}") ; {{',
    f"| touch {MARK}",
    f"\ntouch {MARK}\n",
    f"1\n$(touch {MARK})",
    f"w {MARK}",
    "-v x=1",
    "-n",
    "--",
    "--help",
    "%s%n%d",
    r"\045\n\c",
    "08",
    40 * "9",
    "-1",
    "1e99",
    "0x10",
    "nan",
    "\t\t",
    "* ?",
    "/dev/tcp/127.0.0.1/9",
    "\x1b[2J\r",
    "",
)
MET_ARITHMETIC = re.compile(
    "(?i)syntax error|arithmetic|illegal|bad number|integer expression|out of range|division|unterminated|not found|"
    "value too great|unary operator|unexpected operator|expression expected|unbound|parameter not set|usage:"
)
"""What shells, awks and tools print where text was taken for a number, a program or an option."""
FAKE = """#!/bin/sh
name=${0##*/} answers=$STAGE/answers
[ -f "$answers/$name" ] && exec /bin/cat "$answers/$name"
exec "/usr/bin/$name" "$@"
"""
"""Any tool: what it is told to say, else what the real one says."""
SPECIAL = {
    "curl": """
for url; do case $url in http://* | https://*) break ;; esac; done
url=${url#*://*/}
name=curl_$(printf %s "$url" | tr / _)
[ -f "$answers/$name" ] || exit 28
exec cat "$answers/$name"
""",
    "ps": """
case $* in
  *lstart*) name=ps_lstart ;;
  *etime*) name=ps_etime ;;
  *) [ -f "$STAGE/looked" ] && [ -f "$answers/ps_again" ] && name=ps_again || : >"$STAGE/looked" ;;
esac
exec cat "$answers/$name"
""",
    "launchctl": """
printf '%s %s\\n' "$name" "$*" >>"$STAGE/calls"
case $1 in
  print)
    [ ! -f "$STAGE/out" ] || exit 113
    [ ! -f "$STAGE/again" ] || name=launchctl_again
    exec cat "$answers/$name"
    ;;
  kickstart) : >"$STAGE/again" ;;
  bootout) : >"$STAGE/out" ;;
  bootstrap) rm "$STAGE/out" ;;
  *) exec cat "$answers/$name" ;;
esac
""",
    "date": """
read -r now <"$STAGE/clock"
case $* in
  *+%s) echo "$now" && echo "$((now + 1))" >"$STAGE/clock" ;;
  *) echo 2026-11-26T10:00:00Z ;;
esac
""",
    "sudo": """
printf '%s %s\\n' "$name" "$*" >>"$STAGE/calls"
""",
    **dict.fromkeys(("sleep", "logger", "chown", "caffeinate"), "exit 0\n"),
}
STRINGS = (r'(?<=")(?:[^"\\\n]|\\.)*(?=" *[]:,}])', r"(?<![\w\".])\d+")
LINES = (r"[^\s]+", r"[^\n]+")
CLOCK = 1764151200
"""What time it is; each look at the clock takes a second."""
TIMEOUT = 20


class Mutation(NamedTuple):
    """One place of a scene, and what is put there."""

    kind: str
    """``answers``, ``tools``, ``files``, ``links`` or ``names``."""
    key: str
    span: tuple[int, int]
    payload: str


@dataclass(frozen=True)
class Scene:
    """A script, and all that it is told from outside."""

    script: str
    words: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What tools say, by name; of curl by path too."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """The same, where it is not put to the test here."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files below the world: ``root`` is the Mac's /, ``home`` a home."""
    links: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """Where a file with a hostile name may lie, as ``folder/*.plist``."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Tools that answer as the real ones do, except where a mutation says otherwise; and what that is a mutation of."""
    changes: str = ""
    """What it may make and change: a regular expression for paths below the world."""
    calls: str = ""
    """What it may have sudo and launchctl do."""
    cost: int = 1
    """How many times as long as others it takes."""

    def mutations(self) -> list[Mutation]:
        """Give each place with each payload."""
        found = []
        for kind in ("answers", "tools", "files", "links"):
            for key, text in getattr(self, kind).items():
                for span in sorted({*spans(text)}):
                    found += [Mutation(kind, key, span, payload) for payload in variants(text, span)]
        names = [payload.replace(MARK, "M").replace("/", "\\") for payload in PAYLOADS if payload]  # no name holds a /
        found += [Mutation("names", place, (0, 0), name) for place in self.names for name in names]
        return found


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Give the places of what could be another: strings and numbers of JSON, else words and lines; and all of it."""
    patterns = STRINGS if text.startswith(("{", "[")) else LINES
    for pattern in patterns:
        yield from (match.span() for match in re.finditer(pattern, text))
    yield 0, len(text)


def variants(text: str, span: tuple[int, int]) -> Iterator[str]:
    """Give the payloads for a place; for a JSON string as they are, and as JSON spells them."""
    yield from PAYLOADS
    if text[: span[0]].endswith('"'):
        yield from (spelled for payload in PAYLOADS if (spelled := json.dumps(payload)[1:-1]) != payload)


class Stage:
    """Where scenes are played, one shell for all of them."""

    def __init__(self, folder: Path, shell: Path) -> None:
        self.folder, self.shell = folder, shell
        self.mark, self.world = folder / "M", folder / "world"
        (folder / "bin").mkdir()

    def play(self, scene: Scene, mutation: Mutation | None = None) -> list[str]:
        """Run it; give what should not have happened."""
        self._prepare(scene, mutation)
        before = self._seen()
        program = self.folder / "program"
        program.write_text(scene.script)
        root, home = f"{self.world}/root", f"{self.world}/home"
        own = {"PATH": f"{self.folder}/bin:{self.shell}:/usr/bin:/bin", "HOME": home}
        own |= {"MACSTATE_ROOT": root, "STAGE": str(self.folder)}
        try:
            done = subprocess.run(
                [f"{self.shell}/sh", str(program), *(self._here(word) for word in scene.words)],
                cwd=self.world / "cwd",
                env={**own, **scene.environment},
                input=self._here(scene.stdin).encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            return [f"it did not end within {TIMEOUT} s"]
        self.said, self.code = done.stdout.decode(errors="replace"), done.returncode
        return list(self._wrong(scene, before))

    def _wrong(self, scene: Scene, before: Mapping[str, str]) -> Iterator[str]:
        if self.mark.exists():
            yield "the payload was executed"
        now = self._seen()
        for path in sorted(path for path in {*before, *now} if before.get(path) != now.get(path)):
            if not re.fullmatch(scene.changes, path):
                yield f"{path} was made or changed"
        if match := MET_ARITHMETIC.search(self.said):
            yield f"it says {match[0]!r}: {self.said[-300:]}"
        calls = self.folder / "calls"
        for call in calls.read_text().splitlines() if calls.exists() else ():
            if not re.fullmatch(scene.calls, call):
                yield f"it called {call}"

    def _prepare(self, scene: Scene, mutation: Mutation | None) -> None:
        """Make the world new."""
        shutil.rmtree(self.world, ignore_errors=True)
        for name in ("calls", "again", "looked", "out", "M"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "answers", ignore_errors=True)
        for name in ("answers", "world/cwd", "world/home", "world/root/usr"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "clock").write_text(f"{CLOCK}\n")
        # an apply and a probe look for tools below the root, in this order
        for name, place in (("usr/bin", self.folder / "bin"), ("bin", self.shell), ("usr/sbin", Path("/usr/bin"))):
            (self.world / "root" / name).symlink_to(place)
        for name in {*(name.partition("_")[0] for name in (*scene.answers, *scene.fixed)), *scene.tools, *SPECIAL}:
            self._tool(name)
        for name, text in {**scene.fixed, **scene.answers}.items():
            self._write(self.folder / "answers" / name, self._text(mutation, "answers", name, text))
        if mutation and mutation.kind == "tools":
            text = self._text(mutation, "tools", mutation.key, scene.tools[mutation.key])
            self._write(self.folder / "answers" / mutation.key, text)
        for name, text in scene.files.items():
            self._write(self.world / name, self._text(mutation, "files", name, text))
        for name, target in scene.links.items():
            (self.world / name).parent.mkdir(parents=True, exist_ok=True)
            (self.world / name).symlink_to(self._text(mutation, "links", name, target) or ".")
        if mutation and mutation.kind == "names":
            self._write(self.world / mutation.key.replace("*", mutation.payload), "text\n")

    def _tool(self, name: str) -> None:
        path = self.folder / "bin" / name
        if not path.exists():
            head = FAKE.splitlines()[:2]
            text = "\n".join((*head, SPECIAL[name].lstrip("\n"))) if name in SPECIAL else FAKE
            self._write(path, text)
            path.chmod(0o755)

    def _text(self, mutation: Mutation | None, kind: str, key: str, text: str) -> str:
        if mutation and (mutation.kind, mutation.key) == (kind, key):
            begin, end = mutation.span
            text = f"{text[:begin]}{mutation.payload}{text[end:]}"
        return self._here(text)

    def _here(self, text: str) -> str:
        return text.replace(MARK, str(self.mark)).replace("/WORLD/", f"{self.world}/")

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _seen(self) -> dict[str, str]:
        """Give what lies in the world."""
        found: dict[str, str] = {}
        for folder, _, names in os.walk(self.world):
            for name in names:
                path = Path(folder) / name
                shown = str(path.readlink()) if path.is_symlink() else path.read_text(errors="replace")
                found[str(path.relative_to(self.world))] = shown
        return found
