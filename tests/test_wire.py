"""What goes over the wire: programs and bytes are counted, and the answer is read right whatever it holds."""

from __future__ import annotations

import plistlib
import re
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Self, cast

import pytest
from answered import MARK, Section, packed, unpacked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from laptop import REFERENCE, Laptop, snapshot
from pyinfra.connectors.util import CommandOutput, OutputLine

from macstate import spec
from macstate.errors import MacstateError
from macstate.kernel import probe
from macstate.kernel.outputs import Outputs
from macstate.kernel.probe.replies import MOST, ChangedError, IncompleteError, replies
from macstate.kernel.resource import Actual, Resource
from macstate.kernel.steps import Step
from macstate.kinds import KINDS
from macstate.kinds.file import File
from macstate.rehearsal.mac import birth
from macstate.rehearsal.mac.launchers import SIMULATED
from macstate.transport import connect

ENDPOINTS = 200
MANY = REFERENCE[: REFERENCE.index("endpoints:")] + "endpoints:\n"
MANY += "".join(
    f"  e{n}: {{engine: openai, command: [/opt/homebrew/bin/e{n}], port: {9000 + n}, serve: /e{n}}}\n"
    for n in range(ENDPOINTS)
)
HELPERS = {
    "awk", "base64", "basename", "cat", "cksum", "cmp", "cut", "dd", "dirname", "expr", "grep", "gzip", "head", "od",
    "printf", "sed", "sort", "tail", "tr", "uniq", "wc",
}  # fmt: skip
"""Programs that help the shell, and read nothing of macOS'."""
NGINX = "Library/macstate/etc/nginx.conf"


def lists_of(text: str) -> list[tuple[str, str]]:
    """Give what a run of a spec has the probe read."""
    declared = spec.parse(text, "macs.yml").for_host("macstudio")
    return [*declared.lists, ("digests", declared.digest)]


def answer_of(laptop: Laptop, lists: Iterable[tuple[str, str]], kinds: tuple[type[Resource], ...] = KINDS) -> list[str]:
    """Run a probe on a laptop's Mac, and give the lines of its answer."""
    words, lines = ["/bin/sh", "-c", probe.script(kinds)], probe.stdin(lists, MARK)
    environment = birth.environment(laptop.mac())
    done = subprocess.run(words, input="\n".join(lines).encode(), env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split("\n")


def asked(laptop: Laptop, text: str, *, digests: bool = True) -> list[str]:
    """Run the probe of a spec."""
    return answer_of(laptop, [each for each in lists_of(text) if digests or each[0] != "digests"])


def programs(laptop: Laptop, text: str) -> Counter[str]:
    """Count the programs that a probe runs: a simulated tool once, any other with the script that stands before it."""
    mac = laptop.mac()
    note, simulated = mac / ".mac/programs", {Path(place).name for place in SIMULATED.split()}
    for folder in birth.environment(mac)["PATH"].split(":"), (f"{mac}/usr/libexec/ApplicationFirewall", f"{mac}/opt"):
        for file in (each for place in folder for each in Path(place).rglob("*") if each.is_file()):
            begin, _, rest = file.read_text().partition("\n")
            weight = 1 if file.name in simulated or "/opt/" in str(file) else 2
            if begin == "#!/bin/sh":
                file.write_text(f"{begin}\nprintf '%s\\n' {weight}:{file.name} >>'{note}'\n{rest}")
    note.write_text("1:sh\n")
    asked(laptop, text)
    found: Counter[str] = Counter()
    for line in note.read_text().splitlines():
        count, _, name = line.partition(":")
        found[name] += int(count)
    return found


def test_a_converged_probe_is_few_programs_and_bytes(laptop: Laptop) -> None:
    outcome = laptop.run(REFERENCE)
    assert (outcome.commands, outcome.rows, outcome.failed) == (1, [], False), outcome.said
    assert outcome.bytes <= 20_000
    found = programs(laptop, REFERENCE)
    assert found["launchctl"] > 3
    assert found.total() <= 110, found
    assert sum(found[name] for name in HELPERS) <= 60, found


@pytest.mark.slow
def test_a_further_endpoint_costs_little(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path)
    first = laptop.run(MANY)
    assert not first.failed, first.said
    outcome = laptop.run(MANY)
    assert (outcome.commands, outcome.rows, outcome.failed) == (1, [], False), outcome.said
    assert outcome.bytes <= 120_000
    assert programs(laptop, MANY).total() <= 110 + 3 * ENDPOINTS


class FakeHost:
    """A Mac with one answer."""

    name = "macstudio"

    def __init__(self, text: str) -> None:
        self.connector = SimpleNamespace()
        self.text, self.commands = text, 0

    def run_shell_command(self, *_: Any, **__: Any) -> tuple[bool, CommandOutput]:
        self.commands += 1
        return True, CommandOutput([OutputLine("stdout", line) for line in self.text.split("\n")])


def test_an_answer_that_is_cut_anywhere_is_one_line(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every byte."""
    monkeypatch.setattr(probe, "mark", lambda: MARK)
    whole = "\n".join(asked(laptop, REFERENCE))
    declared = spec.parse(REFERENCE, "macs.yml").for_host("macstudio")
    assert connect.look(cast("Any", FakeHost(whole)), declared).resources
    for end in range(len(whole)):
        host = FakeHost(whole[:end])
        with pytest.raises(MacstateError) as caught:
            connect.look(cast("Any", host), declared)
        assert caught.value.lines == ("cannot read the Mac: its answer is cut off (no answer); run again",), end
        assert host.commands == 1


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99, 1])
def test_a_run_whose_answer_is_cut_changes_nothing(laptop: Laptop, share: float) -> None:
    def cut(_: int, answer: tuple[bool, CommandOutput]) -> tuple[bool, CommandOutput]:
        text = answer[1].stdout
        lines = text[: min(int(len(text) * share), len(text) - 1)].split("\n")
        return answer[0], CommandOutput([OutputLine("stdout", line) for line in lines])

    laptop.command(f'cd "$MACSTATE_ROOT"; echo "# by hand" | sudo tee -a {NGINX}')
    before = snapshot(laptop.mac())
    outcome = laptop.run(REFERENCE, answer=cut)
    assert (outcome.failed, outcome.commands, outcome.rows) == (True, 1, [])
    assert "answer is cut off" in outcome.said[-1]
    assert snapshot(laptop.mac()) == before


ODD = {
    "nothing": b"",
    "no newline": b"x",
    "an old mark": f"~{'0' * 32} name ~{'0' * 32}".encode(),
    "half a mark": MARK[:20].encode(),
    "a mark but its end": b"x" + MARK[:-1].encode(),
    "NUL bytes": b"\0a\0\0b\n\0",
    "no UTF-8": b"\xff\xfe\x80\n",
    "5 MB": bytes(range(256)) * 20_000,
    "lines": b"\n\n\n",
    "what head prints": b"\n==> /b <==\n",
}


class Odd(Resource):
    """A kind whose tool prints anything."""

    kind: ClassVar[str] = "odd"
    probes: ClassVar[tuple[str, ...]] = ("cat", "fails")
    script: ClassVar[str] = """
shown() { # PATH
  reply "cat $1" cat "$root$1"
}
fails() {
  printf 'x\\n\\n'
  echo wrong >&2
  return 7
}
each "${list_shown-}" shown
reply fails fails
"""

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Yield none."""
        del outputs
        yield from ()

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Yield no step."""
        del have
        yield from ()


def test_a_tool_may_print_anything(laptop: Laptop) -> None:
    paths = {f"/Users/Shared/{number}": content for number, content in enumerate(ODD.values())}
    for path, content in paths.items():
        (laptop.mac() / path[1:]).write_bytes(content)
    lines = answer_of(laptop, [("shown", path) for path in paths], (Odd,))
    found = replies(["Welcome", "~", *lines, "bye"], MARK, 3)["odd"]
    assert {
        name: each.output.encode("utf-8", "surrogateescape") for name, each in found.items() if name != "fails"
    } == {f"cat {path}": content for path, content in paths.items()}
    assert (found["fails"].output, found["fails"].status, found["fails"].errors) == ("x\n\n", 7, "wrong")


def test_a_content_of_ours_is_told_by_its_digest(laptop: Laptop) -> None:
    told, whole = (unpacked(asked(laptop, REFERENCE, digests=known)) for known in (True, False))
    conf = (laptop.mac() / NGINX).read_bytes()
    assert [each.name for each in told if conf in each.output] == []
    assert [each.name for each in whole if conf in each.output] == ["files"]
    [owned] = [each.output.decode() for each in told if each.name == "owned"]
    [line] = [line for line in owned.splitlines() if "\tsecret/" in line]
    assert not re.search(r"[0-9a-f]{64}$", line)  # everybody can read the record


def test_a_file_that_was_changed_by_hand_is_shown_in_the_same_command(laptop: Laptop) -> None:
    laptop.command(f'cd "$MACSTATE_ROOT"; echo "# by hand" | sudo tee -a {NGINX}')
    outcome = laptop.run(REFERENCE, dry=True)
    assert outcome.commands == 1
    [change] = [each for each in outcome.shown[0].plan.changes if each.id == f"file/{NGINX}"]
    [(field, before, after)] = change.fields
    assert (field, before) == ("content", f"{after}# by hand\n")


def test_what_a_new_spec_changes_is_shown_in_the_same_command(laptop: Laptop) -> None:
    assert before_of(laptop, REFERENCE[: REFERENCE.index("  a1111:")]) == (1, (laptop.mac() / NGINX).read_text())


def test_going_back_to_what_was_applied_before_is_one_command(laptop: Laptop) -> None:
    without = REFERENCE[: REFERENCE.index("  a1111:")]
    for text in (without, REFERENCE):
        assert not laptop.run(text).failed
    assert before_of(laptop, without) == (1, (laptop.mac() / NGINX).read_text())


def test_runs_by_hand_and_one_that_failed_have_nothing_sent_once_more(laptop: Laptop) -> None:
    by_hand = '{"run": "%012x", "when": "2999-01-01T00:00:00Z", "who": "me", "spec": "", "done": []}'
    for journal in laptop.mac().rglob("macstate/journal"):
        failed = journal.read_text().replace('"applied"', '"failed: verify: vllm is down"')
        journal.write_text(failed + "".join(f"{by_hand % number}\n" for number in range(20)))
    conf = (laptop.mac() / NGINX).read_bytes()
    assert [each.name for each in unpacked(asked(laptop, REFERENCE)) if conf in each.output] == []


def test_what_the_laptop_does_not_know_is_asked_for_in_a_second_command(laptop: Laptop) -> None:
    """As if another laptop had applied the new spec, and all of it was undone by hand."""
    without = REFERENCE[: REFERENCE.index("  a1111:")]
    was, now = (dict(lists_of(text))["digests"] for text in (REFERENCE, without))
    for journal in laptop.mac().rglob("macstate/journal"):
        journal.write_text(journal.read_text().replace(was, now))
    assert before_of(laptop, without) == (2, (laptop.mac() / NGINX).read_text())


def test_what_means_nothing_to_a_mac_does_not_have_its_files_sent(laptop: Laptop) -> None:
    other = REFERENCE.replace(
        "  macstudio:\n", "  other: {hostname: other.tail174e9b.ts.net, user: me}\n  macstudio:\n", 1
    )
    assert "other.tail" in other
    for text in (REFERENCE, f"# a comment\n{other}"):
        assert laptop.run(text).bytes < 20_000


def before_of(laptop: Laptop, text: str) -> tuple[int, str]:
    """Plan a spec; give the number of commands, and what the plan says that nginx.conf holds."""
    outcome = laptop.run(text, dry=True)
    [change] = [each for each in outcome.shown[0].plan.changes if each.id == f"file/{NGINX}"]
    [before] = [before for field, before, _ in change.fields if field == "content"]
    return outcome.commands, str(before)


def test_a_record_of_an_older_version_has_no_digests(laptop: Laptop) -> None:
    record = laptop.mac() / "private/var/db/macstate/owned"
    record.write_text(re.sub(r"(?m)\t[0-9a-f]{64}(,[0-9a-f]{64})*$", "", record.read_text()))
    outcome = laptop.run(REFERENCE)
    assert (outcome.commands, outcome.rows, outcome.failed) == (1, [], False)


NAMES = st.text("abc /=<>.\"'ü$`*?[", min_size=1, max_size=8).filter(lambda name: name.strip(" ./"))
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([*ODD.values()]).filter(lambda content: len(content) < 100),
    st.text("==> /Library <==\n", max_size=40).map(str.encode),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.dictionaries(NAMES.map(lambda name: name.replace("/", "")), CONTENTS, min_size=1, max_size=6))
def test_many_files_are_read_at_once_as_each_alone(tmp_path: Path, contents: dict[str, bytes]) -> None:
    """Whatever their names and contents are; here with the system's own head, and GNU's stat where it is that."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    if sys.platform != "darwin":
        (folder / "stat").write_text("#!/bin/sh\nshift 2\nexec /usr/bin/stat -c '%u %a %s %n' \"$@\"\n")
        (folder / "stat").chmod(0o755)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o640)
    paths = "".join(f"{folder}/{name}\n" for name in contents)
    reading = f'PATH={folder}:/usr/bin:/bin\nfiles "{folder}/" "$PATHS" ""\n'
    script = probe.script(()).replace("\ncommon\nmac\n", f"\n{reading}")
    lines, environment = f"mark\t{MARK}\n", {"HOME": str(folder), "PATHS": paths}
    done = subprocess.run(
        ["/bin/sh", "-c", script], input=lines, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    found = replies(done.stdout.split("\n"), MARK, 3)[""]
    mode = f"{folder.stat().st_uid} {stat.S_IMODE((folder / next(iter(contents))).stat().st_mode):o}\n"
    assert {name: each.output.encode("utf-8", "surrogateescape") for name, each in found.items()} == {
        **{f"stat {name}": mode.encode() for name in contents},
        **{f"cat {name}": content for name, content in contents.items()},
    }


@pytest.mark.parametrize(
    "contents", [b"==> /dev/null <==\n\n==> /a <==\nab", b"==> /dev/null <==\n\n==> /a <==\nabcd", b"abc"]
)
def test_a_file_that_changes_while_it_is_read_is_not_half_read(contents: bytes) -> None:
    whole = b"\n\n+/a\n+/b\n\n0 644 3 /a\n0 644 1 /b\n\n\n"
    fine = Section("files", whole + b"==> /dev/null <==\n\n==> /a <==\nabc\n==> /b <==\nx")
    assert replies(packed([fine]), MARK, 3)[""]["cat /b"].output == "x"
    with pytest.raises(ChangedError):
        replies(packed([Section("files", whole + contents + b"\n==> /b <==\nx")]), MARK, 3)


def test_a_file_that_is_never_read_as_it_is_told_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "mark", lambda: MARK)
    host = FakeHost("\n".join(packed([Section("files", b"\n\n+/a\n\n0 644 3 /a\n\n\nabc")])))
    with pytest.raises(MacstateError, match="answer is cut off"):
        connect.look(cast("Any", host), spec.parse(REFERENCE, "macs.yml").for_host("macstudio"))
    assert host.commands == 2


def test_a_large_file_is_read_to_its_bound() -> None:
    size = MOST + 1
    whole = b"\n\n+/a\n\n0 644 %d /a\n\n\n==> /dev/null <==\n\n==> /a <==\n%b" % (size, b"x" * MOST)
    assert len(replies(packed([Section("files", whole)]), MARK, 3)[""]["cat /a"].output) == MOST


def put(laptop: Laptop, place: str, text: str) -> None:
    """Have a tool of the Mac's answer otherwise; the tool itself is $REAL."""
    tool = laptop.mac() / place
    tool.rename(real := tool.with_name(f"{tool.name}.real"))
    tool.write_text(f"#!/bin/sh\nREAL={real}\n{text}\n")
    tool.chmod(0o755)


def seen(laptop: Laptop, more: Sequence[tuple[str, str]] = ()) -> Actual:
    """Read the Mac with the digests that it tells, or otherwise."""
    declared = spec.parse(REFERENCE, "macs.yml").for_host("macstudio")
    lines = answer_of(laptop, [*declared.lists, *(more or [("digests", declared.digest)])])
    answer = probe.Answer.read(KINDS, lines, MARK)
    return answer.actual(declared.texts(answer.facts))


def test_where_stat_fails_for_one_file_nothing_else_is_unknown(laptop: Laptop) -> None:
    put(laptop, "usr/bin/stat", '"$REAL" "$@" | grep -v bin/pull; case "$*" in *bin/pull*) exit 1 ;; esac')
    actual = seen(laptop)
    assert "file/Library/macstate/bin/pull" in actual.unreadable
    assert f"file/{NGINX}" in actual.resources


def test_a_folder_in_the_place_of_a_file_is_told(laptop: Laptop) -> None:
    place = laptop.mac() / "Library/macstate/bin/pull"
    place.unlink()
    place.mkdir()
    assert seen(laptop).unreadable["file/Library/macstate/bin/pull"].endswith("ended with 1: it is a folder")


def test_without_shasum_contents_are_sent(laptop: Laptop) -> None:
    put(laptop, "usr/bin/shasum", "echo perl is gone >&2; exit 2")
    here = seen(laptop).resources[f"file/{NGINX}"]
    assert isinstance(here, File)
    assert here.content == (laptop.mac() / NGINX).read_text()


def test_a_file_that_is_read_only_in_part_concerns_itself_alone(laptop: Laptop) -> None:
    """In a run it is a second command, in which each file is read by processes of its own."""
    plist = laptop.mac() / "Library/LaunchDaemons/other.plist"
    plist.write_bytes(plistlib.dumps({"Label": "other", "ProgramArguments": ["/bin/other"]}))
    put(laptop, "usr/bin/head", '"$REAL" "$@" | case "$*" in *other.plist*) sed /bin.other/d ;; *) cat ;; esac')
    with pytest.raises(ChangedError):
        seen(laptop)
    assert f"file/{NGINX}" in seen(laptop, [("alone", "yes")]).resources


class Dies(Odd):
    """A kind at whose part the shell ends, as one does that cannot fork."""

    kind: ClassVar[str] = "dies"
    script: ClassVar[str] = "exit 2"


@pytest.mark.parametrize("kinds", [(Dies,), (Odd, Odd, Dies), (Dies, Odd, Odd)])
def test_a_part_that_dies_is_no_answer(laptop: Laptop, kinds: tuple[type[Resource], ...]) -> None:
    lines = answer_of(laptop, [], kinds)
    with pytest.raises(IncompleteError):
        replies(lines, MARK, 3)
