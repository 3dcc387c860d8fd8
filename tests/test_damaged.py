"""Whatever a person or a Mac can damage ends in lines that can be read, and soon."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import plistlib
import resource
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unicodedata import category

import pytest
from answered import MARK, Section, packed, unpacked
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from laptop import REFERENCE, ROOT
from pydantic import TypeAdapter, ValidationError
from pyinfra.connectors.util import CommandOutput, OutputLine
from test_properties import FACTS

from macstate import cli, spec
from macstate.errors import MacstateError
from macstate.kernel import journal, probe, scripts
from macstate.kernel.change import Batch, Change, Plan
from macstate.kernel.probe.replies import PART, IncompleteError
from macstate.kernel.record import Record
from macstate.kinds import KINDS
from macstate.kinds.launchd import Launchd
from macstate.language import secrets
from macstate.language.secrets import Secret
from macstate.rehearsal.connector import RehearsalConnector
from macstate.rehearsal.mac import birth
from macstate.review import guard, health, plan_json, report, review, saved
from macstate.review.options import Options
from macstate.transport import connect, hosts, ops
from macstate.transport.ssh import tailnet
from macstate.transport.ssh.connector import MacConnector

LONGEST, PATIENCE, MEMORY = 500, 5.0, 300
"""Characters of a line, seconds, megabytes."""
KEY = "a-key-of-the-tests-and-of-nobody-else"
MAC = "macs: {macstudio: {hostname: h, user: me}}\n"
MADE = plan_json.as_json({}, 64 * "a", ("endpoints.ollama",))
RUN = '{"run": "a1", "when": "2026-11-23T10:00:00Z", "who": "anna@macbook", "changes": ["~ power/ac"], "done": []}\n'
RECORD = "owned\tfile/etc/x\tabc\npending\tlaunchd/system/macstate.vllm\t-\nset\tpower/ac\tsleep,womp\n"
STATUS: dict[str, Any] = {
    "BackendState": "Running",
    "Self": {"DNSName": "laptop.ts.net.", "UserID": 1, "KeyExpiry": "2027-01-01T00:00:00Z"},
    "User": {"1": {"LoginName": "anna@example.com"}},
    "Peer": {"k": {"DNSName": "studio.ts.net.", "Online": True, "TailscaleIPs": ["100.1.1.1"], "sshHostKeys": ["k"]}},
}
PIECES = (
    *(
        b"",
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"\n",
        b"\t",
        b" ",
        b"\r\n",
        "\u2028".encode(),
        b"\x1b[2J",
        b"\xef\xbb\xbf",
    ),
    *(b"9" * 5000, b"-1", b"1e999", b"0x" + b"f" * 5000, "²٣".encode(), b"NaN", b".inf", b"2001-99-99", b"12:60:60"),
    *(
        b"[" * 3000,
        b"{" * 3000,
        b'{"a":' * 3000,
        b"- " * 3000,
        b"]",
        b"}",
        b"[]",
        b"null",
        b"true",
        b'""',
        b'"\\ud800"',
    ),
    *(b"&a [*a]", b"*b", b"!!set {a}", b"!!python/object:x ", b"!!binary x", b"<<: {a: 1}", b"? [a]\n: 1\n", b"---\n"),
    *(b"%YAML 9" + b"9" * 5000 + b".1\n", b'"\\UFFFFFFFF"', b"'", b'"', b"|", b">", b"#", b"@", b"`", b"x" * 5000),
    b"https://tailscale.com/cap/funnel-ports?ports=1-99999999999999999999",
)
"""What a reader stumbles over."""
WORDS = st.binary(max_size=40).map(os.fsdecode) | st.sampled_from(PIECES).map(os.fsdecode) | st.text(max_size=40)
NAMES = st.sampled_from([*STATUS, *STATUS["Self"], *STATUS["Peer"]["k"], "run", "when", "done", "changes", "hosts"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["a" * 999, "\udcff"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn, whole: str) -> bytes:
    """Give a text with some of its places cut, doubled, or replaced; or something else altogether."""
    text = whole.encode()
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.sampled_from([begin, begin + 1, begin + 7, len(text)]))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=9) | st.just(text[begin:end] * 2))
        text = text[:begin] + piece + text[end:]
    return draw(st.sampled_from([text] * 9 + [json.dumps(draw(VALUES)).encode()]))


def replaced(whole: Any) -> st.SearchStrategy[Any]:
    """Give the same with something else at one of its places."""
    if not isinstance(whole, dict):
        return VALUES
    parts = [st.tuples(st.just(key), replaced(part)) for key, part in whole.items()]
    return VALUES | st.one_of(parts).map(lambda part: {**whole, part[0]: part[1]})


class Desk:
    """A laptop with all that can be damaged; each method reads one format as the product does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "file"
        self.mac = folder / "macs/macstudio"
        birth.create(self.mac, user="mmirvois", dns_name="h.ts.net", programs=[])
        self.memory = (self.mac / ".mac/state.json").read_text()
        done = subprocess.run(
            ["/bin/sh", "-c", probe.script(KINDS)],
            input="\n".join(probe.stdin((*self.declared.lists, *health.lists(self.declared)), MARK)),
            env=birth.environment(self.mac),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        self.answer = unpacked(done.stdout.splitlines())

    @property
    def declared(self) -> Any:
        return spec.parse(REFERENCE, "macs.yml").for_host("macstudio")

    def put(self, content: bytes) -> Path:
        self.file.write_bytes(content)
        self.file.chmod(0o600)
        return self.file

    def spec(self, content: bytes) -> None:
        found = spec.parse(spec.contents(self.put(content)), "macs.yml")
        for name in found.macs:
            found.for_host(name).expand(FACTS, lambda *_: Secret(KEY))

    def plan(self, content: bytes) -> None:
        os.environ["MACSTATE_PLAN"] = str(self.put(content))
        saved.saved()
        assert content.removesuffix(b"\n") == MADE.encode(), "an edit was not noticed"

    def journal(self, content: bytes) -> None:
        for entry in journal.entries(content.decode("utf-8", "replace")):
            for line in journal.told(entry):
                readable(line)

    def record(self, content: bytes) -> None:
        self.section("owned", content)

    def section(self, name: str, content: bytes, status: bytes = b"0") -> None:
        """Have the Mac answer something else to one of the probe's commands."""
        other = Section(name, content, status)
        sections = [other if each.name == name else each for each in self.answer]
        assert other in sections
        with contextlib.suppress(IncompleteError):  # one line of `connect.look`
            actual = probe.parse(KINDS, packed(sections), MARK)
            seen = review("macstudio", self.declared, actual, lambda *_: Secret(KEY))
            list(health.healths(seen.declared, seen.actual))
            json.loads(plan_json.as_json({"macstudio": seen.plan}, "").encode())
            list(seen.text(steps=True))
            seen.end()

    def tailnet(self, found: Any) -> None:
        mac = tailnet.peer("studio", found) if isinstance(found, dict) else None
        list(tailnet.warnings(found, mac, datetime.now(UTC))) if mac else None

    def options(self, data: dict[Any, Any]) -> None:
        guard.named(Options.read(data).allow)

    def key(self, reference: str, content: bytes = b"") -> None:
        self.put(content)
        with contextlib.suppress(ValidationError):  # a line of the spec's mistakes
            secrets.resolve.__wrapped__(TypeAdapter(secrets.Reference).validate_python(reference), "k", self.folder)

    def names(self, user: str, host: str, login: str) -> None:
        os.environ["LOGNAME"] = user.replace("\0", "")  # no environment can hold it
        before, socket.gethostname = socket.gethostname, lambda: host
        try:
            readable(connect.me(SimpleNamespace(connector=SimpleNamespace(tailnet_login=login))))  # type: ignore[arg-type]
        finally:
            socket.gethostname = before

    def rehearsal(self, content: bytes) -> None:
        os.environ["MACSTATE_REHEARSAL"] = str(self.folder / "macs")
        (self.mac / ".mac/state.json").write_bytes(content)
        self.connect()

    def connect(self) -> None:
        host = SimpleNamespace(name="macstudio", data=SimpleNamespace(get=lambda *_: None))
        RehearsalConnector(None, host).connect()  # type: ignore[arg-type]

    def words(self, *words: str) -> None:
        """Type a command; it may not work, and says so itself."""
        out, err, before = io.StringIO(), io.StringIO(), sys.argv
        sys.argv = ["macstate", *(word.replace("\0", "") for word in words)]  # no process can be given one
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.suppress(SystemExit):
                cli.main()
        finally:
            sys.argv = before
        assert "a defect of macstate" not in err.getvalue()
        for line in err.getvalue().splitlines():
            readable(line)


def readable(line: str) -> None:
    assert len(line) <= LONGEST, line[:LONGEST]
    assert all(category(each) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for each in line), line


class LateError(BaseException):
    """It takes too long."""


@contextlib.contextmanager
def soon() -> Iterator[None]:
    """End what takes too long, be it asleep."""

    def late(*_: Any) -> None:
        raise LateError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def lines(read: Callable[..., object], *damage: Any) -> list[str]:
    """Read what is damaged, and give what is said of it; nothing: it can be read."""
    with soon():
        try:
            read(*damage)
        except MacstateError as error:
            said: list[str] = error.message.split("\n")
            for line in said:
                readable(line)
            return said
    return []


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MACSTATE_TEST_KEY", KEY)
        patch.chdir(ROOT)
        for name in ("MACSTATE_SPEC", "MACSTATE_PLAN", "MACSTATE_REHEARSAL", "LOGNAME"):
            patch.setenv(name, "")
        yield Desk(tmp_path_factory.mktemp("desk"))


def inputs(desk: Desk) -> st.SearchStrategy[tuple[Any, ...]]:
    """Give every format, damaged, with what reads it."""
    asked = st.sampled_from([each.name for each in desk.answer if not each.name.startswith(PART)])
    commands = st.sampled_from(["explain", "guide", "plan", "log", "status", "doctor", "completion", "schema"])
    scheme = st.sampled_from(["env:", "file:", "file:~", "op://", "keychain:", "sops:", "generate:", ""])
    return st.one_of(
        st.tuples(st.just(desk.spec), damaged(REFERENCE)),
        st.tuples(st.just(desk.spec), damaged(MAC)),
        st.tuples(st.just(desk.plan), damaged(MADE).filter(lambda text: text.removesuffix(b"\n") != MADE.encode())),
        st.tuples(st.just(desk.journal), damaged(RUN * 2)),
        st.tuples(st.just(desk.journal), replaced(json.loads(RUN)).map(lambda run: json.dumps(run).encode())),
        st.tuples(st.just(desk.record), damaged(RECORD)),
        st.tuples(st.just(desk.section), asked, damaged(RECORD) | VALUES.map(lambda value: json.dumps(value).encode())),
        st.tuples(st.just(desk.tailnet), replaced(STATUS)),
        st.tuples(
            st.just(desk.options), st.dictionaries(st.sampled_from(["allow", "only", "lock_wait"]), VALUES | WORDS)
        ),
        st.tuples(st.just(desk.key), st.tuples(scheme, WORDS).map("".join)),
        st.tuples(st.just(desk.key), WORDS.map(lambda word: f"cmd:printf %s {shlex.quote(word)}")),
        st.tuples(st.just(desk.key), st.just(f"file:{desk.file}"), damaged(KEY)),
        st.tuples(st.just(desk.names), WORDS, WORDS, WORDS),
        st.tuples(st.just(desk.rehearsal), damaged(desk.memory)),
        st.tuples(st.just(desk.words), commands, WORDS),
        st.tuples(st.just(desk.words), st.just("plan"), WORDS, st.sampled_from(["--data", "--out", "--limit"]), WORDS),
    )


@pytest.mark.slow
def test_nothing_that_is_damaged_ends_otherwise(desk: Desk, share: Callable[[int], int]) -> None:
    count = 0

    @given(inputs(desk))
    @settings(
        max_examples=share(2000),
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    def each(damage: tuple[Any, ...]) -> None:
        nonlocal count
        count += 1
        lines(*damage)

    each()
    assert count >= share(2000)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)
SPECS = {
    "a bomb of aliases": (BOMB, "macs.yml:1:37: more than 10,000 keys and values, with those of its aliases"),
    "too many values": (f"{MAC}power: [{'x,' * 100_000}]", "macs.yml:2:19"),
    "a number of 5,000 digits": (
        f"{MAC}power: {{ac: {{sleep: {'9' * 5000}}}}}",
        "macs.yml:2:21: it is larger than any number",
    ),
    "one in another base": (
        f"{MAC}power: {{ac: {{sleep: 0x{'f' * 5000}}}}}",
        "macs.yml:2:21: it is larger than any number",
    ),
    "a number that no program takes": (
        f"{MAC}power: {{ac: {{sleep: 99999999999999999999}}}}",
        "macs.yml:2:21: it is larger than any number",
    ),
    "deep nesting": (f"{MAC}power: {'[' * 100_000}", "macs.yml:2:57: nested too deep to be read"),
    "deep aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [[[[[*a{n - 1}]]]]]\n" for n in range(1, 99)),
        "macs.yml:1:5: nested too deep to be read",
    ),
    "an alias in itself": ("macs: &a [*a]", "macs.yml:1:7: an alias that contains itself"),
    "no character": (f'{MAC}power: "\\UFFFFFFFF"', "macs.yml:2:11: not YAML: there is no such character"),
    "no version": (
        f"%YAML {'9' * 5000}.1\n---\n{MAC}",
        "macs.yml:1:7: not YAML: there is no such character or version",
    ),
    "half a character in a key": (f'{MAC}"\\ud800": 1', "macs.yml:2:1: half a character"),
    "a NUL": (f"{MAC}power: \0", "macs.yml:2:8: not YAML: special characters are not allowed"),
    "a long tag": (f"{MAC}power: !{'x' * 5000} y", "macs.yml:2:8: !xxx"),
    "a long word": (f"{MAC}power: {{ac: {{sleep: {'x' * 5000}}}}}", "macs.yml:2:21: sleep: 'xxx"),
    "a long key": (f"{MAC}? {'x' * 5000}\n: 1", "macs.yml:2:3: xxx"),
    "a time of many digits": (f"{MAC}log_rotation: {{every: {'9' * 5000}h}}", "macs.yml:2:23: every: '999"),
    "a time without end": (
        f"{MAC}log_rotation: {{every: 99999999h}}",
        "macs.yml:2:23: every: '99999999h' is longer than",
    ),
    "a size that no program takes": (f"{MAC}log_rotation: {{size: {'9' * 30}GB}}", "macs.yml:2:22: size: '999"),
    "a user who leads out": (
        "macs: {m: {hostname: h, user: ../../x}}",
        "macs.yml:1:31: user: '../../x' is not a user's",
    ),
    "a user in two lines": ('macs: {m: {hostname: h, user: "a\\nb"}}', "macs.yml:1:31: user: 'a\\nb' is not a user's"),
    "a host that is an option": (
        "macs: {m: {hostname: -oX=y, user: u}}",
        "macs.yml:1:22: hostname: '-oX=y' is not the",
    ),
    "a path of 2,000 letters": (f"{MAC}firewall: {{allow: [/{'x' * 2000}]}}", "macs.yml:2:20: allow: '/xxx"),
    "a reference with a NUL": (f'{MAC}gateway: {{server: nginx, keys: {{a: "env:\\0"}}}}', "macs.yml:2:33: a: no file"),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_is_told_with_its_place(desk: Desk, name: str) -> None:
    text, begins = SPECS[name]
    said = lines(desk.spec, text.encode())
    assert any(line.startswith(begins) for line in said), said


def test_of_many_mistakes_a_hundred_are_told(desk: Desk) -> None:
    said = lines(desk.spec, f"{MAC}power: {{{', '.join(f'k{number}: 1' for number in range(3000))}}}".encode())
    assert len(said) == 101
    assert said[-1] == "macs.yml: and 2,900 more mistakes"


def test_a_spec_of_usual_size_is_far_from_every_bound(desk: Desk) -> None:
    entry = "{{engine: openai, command: [/opt/a, --port, '{{port}}'], port: {0}, serve: /e{0}, environment: {{A: b}}}}"
    entries = "".join(f"  e{port}: {entry.format(port)}\n" for port in range(8000, 8200))
    assert lines(desk.spec, f"{MAC}endpoints:\n{entries}".encode()) == []


def special(folder: Path) -> dict[str, tuple[Path, str]]:
    """Give what is no file that anybody meant, by what is said of it."""
    made = {name: folder / name for name in ("pipe", "socket", "huge", "bytes", "loop")}
    os.mkfifo(made["pipe"], 0o600)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(made["socket"]))
    with made["huge"].open("wb") as huge:
        huge.truncate(10_000_000_000)
    made["bytes"].write_bytes(b"\xff" * 99)
    made["loop"].symlink_to("loop")
    for name in ("huge", "bytes"):
        made[name].chmod(0o600)
    return {
        "a folder": (folder, "it is a folder, not a file"),
        "a pipe": (made["pipe"], "it is a pipe, not a file"),
        "a socket": (made["socket"], "it is a socket, not a file"),
        "a device": (Path("/dev/zero"), "it is a device, not a file"),
        "a huge file": (made["huge"], "it is larger than"),
        "other bytes": (made["bytes"], ""),
        "a loop": (made["loop"], "symbolic links"),
        "nothing": (folder / "none", "No such file"),
        "no file's name": (folder / ("x" * 300), "File name too long"),
    }


@pytest.mark.parametrize("name", ["MACSTATE_SPEC", "MACSTATE_PLAN", "file:", "generate", "the laptop's record"])
def test_what_is_no_file_is_told(name: str, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> None:
        if name == "the laptop's record":
            home = tmp_path / path.name[:99]
            (home / ".local/state/macstate").mkdir(parents=True)
            (home / ".local/state/macstate/owned").symlink_to(path)
            monkeypatch.setenv("HOME", str(home))
            hosts.laptops()
        elif name == "generate":
            secrets.is_to_be_made("generate", path.name, path.parent)
            secrets.resolve.__wrapped__("generate", path.name, path.parent)
        elif name == "file:":
            desk.key(f"file:{path}")
        else:
            monkeypatch.setenv(name, str(path))
            (spec.load if name == "MACSTATE_SPEC" else saved.saved)()

    monkeypatch.setenv("MACSTATE_SPEC", str(desk.put(MAC.encode())))
    (tmp_path / "s").mkdir()
    for kind, (path, said) in special(tmp_path / "s").items():
        if name == "the laptop's record" and kind in {"nothing", "other bytes", "a device"}:
            continue  # there is none, or none of its lines is ours; and no device can be linked to as a file of ours
        if name == "generate" and kind == "nothing":
            continue  # it is made
        found = lines(read, path)
        assert len(found) == 1, kind
        assert said in found[0], kind


JOURNALS = {
    "a list": "[1]",
    "nothing done": '{"run": "a"}',
    "done is a number": '{"run": "a", "done": 5}',
    "done twice, once a number": '{"run": "a", "done": []}\n{"run": "a", "done": 5}',
    "numbers done": '{"run": "a", "done": [1]}',
    "a run that is a list": '{"run": [1], "done": []}',
    "changes are none": '{"run": "a", "done": [], "changes": null}',
    "changes are numbers": '{"run": "a", "done": [], "changes": [1]}',
    "a text of digits": "9" * 5000,
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("name", JOURNALS)
def test_a_journal_s_other_lines_are_told_as_they_are(desk: Desk, name: str) -> None:
    text = f"{RUN}{JOURNALS[name]}\n"
    assert lines(desk.journal, text.encode()) == []
    assert RUN.partition(",")[0] in json.dumps(next(iter(journal.entries(text))))


def test_what_a_journal_says_cannot_disturb_a_terminal(desk: Desk) -> None:
    entry = {"run": "a", "when": 5, "who": "\ud800\u2028", "done": ["\x1b[2J" * 999], "changes": ["~ x" * 999]}
    assert lines(desk.journal, json.dumps(entry).encode()) == []
    [read] = journal.entries(f"{json.dumps(entry, ensure_ascii=False)}\n")
    assert next(journal.told(read)) == "5    \\ud800\\u2028"


NOT_UNDERSTOOD = "cannot read the Mac: of its user it says ("
NO_NODE = "routes need the Mac's tailnet name, which cannot be read: "


@pytest.mark.parametrize(
    ("section", "content", "begins"),
    [
        ("uid", b"", NOT_UNDERSTOOD),
        ("uid", b"9" * 5000, NOT_UNDERSTOOD),
        ("user", b"a\nb", NOT_UNDERSTOOD),
        ("home", b"x", NOT_UNDERSTOOD),
        ("home", b"/Users/../x", NOT_UNDERSTOOD),
        ("clock", b"9" * 5000, ""),
        ("sysctl", b"hw.memsize: " + b"9" * 5000, ""),
        ("sw_vers -productVersion", b"9" * 5000, ""),
        ("tailscale status --json", b'{"BackendState": "Running", "Self": [1]}', NO_NODE),
        ("tailscale status --json", b'{"BackendState": "Running", "Self": {"CapMap": [{}]}}', NO_NODE),
        ("tailscale status --json", b"[" * 100_000, NO_NODE),
        ("curl /api/tags ollama 11434", b"[" * 100_000, ""),
        ("health vllm", b'{"data": ' + b"[" * 100_000 + b"\n200", ""),
        ("owned", b"\xff\0\n" + b"owned\t" * 5000, ""),
    ],
)
def test_a_mac_that_answers_anything_is_told(desk: Desk, section: str, content: bytes, begins: str) -> None:
    said = lines(desk.section, section, content)
    assert begins == "" or any(begins in line for line in said), said


def test_a_line_of_a_record_that_is_no_text_is_not_ours() -> None:
    """It can be told of and carried out nowhere."""
    lines_ = "owned\tfile//etc/a\udcff\tx\nowned\tfile//etc/b\tx\nowned\tfile//etc/c\t\udc80\n"
    assert list(Record.read({True: lines_}, {}).lines) == ["file//etc/b"]
    assert list(Record.read({True: "owned\tfile//etc/a\u2028b\tx"}, {}).lines) == ["file//etc/a\u2028b"]


def test_a_span_of_funnel_ports_is_compared_and_not_counted() -> None:
    status = {"BackendState": "Running", "Self": {"DNSName": "m", "CapMap": {"https": [], "funnel": []}}}
    for span, allowed in (("1-99999", True), ("443,8443-8500", True), ("443", False), ("x-y", False), ("-", False)):
        status["Self"]["CapMap"] = {"https": 1, "funnel": 1, f"https://tailscale.com/cap/funnel-ports?ports={span}": 1}  # type: ignore[index]
        node = FACTS.node.read(json.dumps(status))
        with soon():
            assert (lines(node.check_serve, 8443) == []) is allowed, span


@pytest.mark.parametrize("wait", ["9" * 5000, 10**30, -1, 1.5, True, [60], {}, None, "\ud800", "60 ", "²"])
def test_a_wait_is_a_number_of_seconds(desk: Desk, wait: Any) -> None:
    [said] = lines(desk.options, {"lock_wait": wait})
    assert said.startswith("lock_wait=")
    assert said.endswith("type --data lock_wait=60")


def test_a_command_that_prints_without_end_is_ended(desk: Desk) -> None:
    assert lines(desk.key, "cmd:yes") == [
        "k: `sh` prints more than 65,536 bytes, which cannot be a key; run it yourself to see why"
    ]
    assert lines(desk.key, f"cmd:printf %s {'x' * 200_000}") == ["k: `sh` cannot be run: Argument list too long"]
    assert lines(desk.key, "file:~nobody-of-that-name/key") == [
        "k: ~nobody-of-that-name/key: No such file or directory"
    ]


def test_whoever_types_stands_in_one_line(desk: Desk) -> None:
    for name in ("a\nb", "\udcff", "\u2028", "x" * 9999, ""):
        assert lines(desk.names, name, name, name) == []


REHEARSALS: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[: len(text) // 2],
    "emptied": lambda text: text[:0],
    "other JSON": lambda text: f"[{text}]",
    "a part missing": lambda text: text.replace('"launchd"', '"launched"'),
    "a part of another kind": lambda text: text.replace('"models": {}', '"models": 5'),
    "deep": lambda text: text.replace('"models": {}', '"models": ' + "[" * 100_000),
}


@pytest.mark.parametrize("name", REHEARSALS)
def test_a_damaged_rehearsal_is_told(desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MACSTATE_SPEC", "")
    [said] = lines(desk.rehearsal, REHEARSALS[name](desk.memory).encode())
    assert said == (
        f"macstudio: the rehearsal in {desk.mac} is damaged; delete that folder, and the next run begins with a new Mac"
    )


@pytest.mark.parametrize("place", ["/dev/null", "/dev/full/x", "/proc"])
def test_a_rehearsal_that_can_be_nowhere_is_told(desk: Desk, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MACSTATE_REHEARSAL", place)
    [said] = lines(desk.connect)
    assert said.startswith(f"macstudio: this rehearsal cannot be kept: {place}")


def test_a_tool_of_a_damaged_rehearsal_says_so_in_a_line(desk: Desk) -> None:
    (desk.mac / ".mac/state.json").write_text(desk.memory.replace('"profiles": {', '"profiles": 5, "others": {'))
    done = subprocess.run(
        ["/bin/sh", "-c", "pmset -g custom"],
        env=birth.environment(desk.mac),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 70
    assert (
        done.stderr
        == "pmset: this rehearsal is damaged, or its disk is (AttributeError: 'int' object has no attribute 'items')\n"
    )


def test_bombs_need_little_memory(tmp_path: Path) -> None:
    """In a process of its own, which cannot take the machine with it."""
    texts = [text for text, _ in SPECS.values()]
    pages = {"deep.json": "[" * 8_000_000, "wide.json": f"[{'[],' * 2_600_000}[]]"}
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    for name, text in pages.items():
        (tmp_path / name).write_text(text)
    script = (
        "import json, os, resource, sys; from macstate import spec; from macstate.review import saved\n"
        "from macstate.errors import MacstateError\n"
        "def tried(read, *words):\n"
        "    try: read(*words)\n"
        "    except MacstateError: return\n"
        "    sys.exit('it was read')\n"
        "for text in json.load(open('texts.json')): tried(spec.parse, text, 'macs.yml')\n"
        "for name in ('deep.json', 'wide.json', '/dev/zero'):\n"
        "    os.environ['MACSTATE_PLAN'] = name; tried(saved.saved)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run(
        # by a shell that stays: Linux counts what a process was before it began with its program, which is this one
        ["/bin/sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) / (1_000_000 if sys.platform == "darwin" else 1000) < MEMORY


def test_who_holds_a_lock_is_told_in_one_line_whatever_it_says(desk: Desk) -> None:
    (desk.mac / ".mac/state.json").write_text(desk.memory)
    lock = desk.mac / "var/db/macstate/lock"
    lock.mkdir(parents=True)
    (lock / "holder").write_bytes(b"5000001\t\xff\n\0\tnever\tanna\xff\x1b[2J\n" + b"x" * 10_000)
    done = subprocess.run(
        ["/bin/sh", "-c", scripts.apply()],
        input=b"PAYLOAD\nlock /var/db/macstate 0 me\nEND\n",
        env=birth.environment(desk.mac),
        capture_output=True,
        check=False,
    )
    told, ended = done.stdout.decode().splitlines()
    readable(told)
    assert told.startswith("macstate: notice: took over the lock of anna")
    assert ended.startswith("macstate: done: ")
    assert not lock.exists()


def host(error: Exception | None = None) -> Any:
    """Give a host whose connection ends with an error."""

    def run(*_: Any, **__: Any) -> Any:
        raise error or AssertionError

    return SimpleNamespace(run_shell_command=run, print_prefix="")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "the connection was lost ([Errno 104]"),
        (TimeoutError(), "the connection was lost (TimeoutError)"),
        (EOFError(), "the connection was lost (EOFError)"),
        (OSError("Socket is closed"), "the connection was lost (Socket is closed)"),
        (OSError(errno.ENOSPC, "No space left on device"), "this laptop cannot go on: No space left on device"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "this laptop cannot go on: /x: Read-only file system"),
        (OSError(errno.EMFILE, "Too many open files"), "this laptop cannot go on: Too many open files"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/bin/sh"), "this laptop cannot go on: /bin/sh: No such file"),
        (
            UnicodeEncodeError("utf-8", "\ud800", 0, 1, "half"),
            "a name on this Mac, such as its user's, is not UTF-8; nothing was done",
        ),
    ],
    ids=str,
)
def test_a_lost_connection_is_told_of_lost_connections_alone(error: Any, said: str) -> None:
    [line] = lines(connect.send, host(error), ("true",), [])
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("printed", "ended", "said"),
    [
        ([], False, "the connection was lost; run again"),
        ([], True, "the change was ended on the Mac; run again"),
        (["sh: /tmp/x: No space left on device"], False, "the change was ended on the Mac (sh: /tmp/x: No space left"),
        (["macstate: failed: /x cannot be written: No space left on device"], False, "/x cannot be written: No space"),
    ],
)
def test_a_change_that_ends_on_the_mac_is_told_as_that(printed: list[str], ended: bool, said: str) -> None:
    output = CommandOutput([OutputLine("stdout", line) for line in printed])
    [line] = lines(lambda: ops._outcome(host(), output, ended=ended))  # noqa: SLF001 - a run cannot be made to end so
    assert line.startswith(said)


CLOSED = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
"""Root as everybody else: a folder that is closed is closed."""


def command(*words: str, more: dict[str, str] | None = None, full: bool = False) -> subprocess.CompletedProcess[str]:
    """Type a command, on a full disk perhaps, as somebody who may not open everything."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    return subprocess.run(
        [*(CLOSED if os.geteuid() == 0 else []), Path(sys.executable).with_name(words[0]), *words[1:]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(more or {})},
        preexec_fn=limit if full else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_laptop_whose_disk_is_full_or_closed_says_so(tmp_path: Path) -> None:
    (tmp_path / "macs.yml").write_text(f"{MAC}gateway: {{server: nginx, keys: {{a: generate}}}}\n")
    more = {"MACSTATE_SPEC": str(tmp_path / "macs.yml"), "MACSTATE_REHEARSAL": str(tmp_path / "macs")}
    plan = ("macstate", "plan", "@rehearsal/macstudio")
    cannot = "macstudio: this rehearsal cannot be kept: "

    said = command(*plan, full=True, more=more)
    assert said.returncode == 1
    assert said.stderr.startswith((f"{cannot}File too large", f"{cannot}{tmp_path}"))
    assert list((tmp_path / "macs").iterdir()) == []

    said = command(*plan, "--out", "/dev/full", more=more)
    assert said.stderr.splitlines()[-1] == "--out /dev/full: No space left on device; what was there stays"
    keys = tmp_path / "macs/.keys/macstudio"
    keys.mkdir(parents=True)
    keys.chmod(0)
    said = command(*plan, more=more)
    keys.chmod(0o700)
    assert said.returncode == 1
    denied = f"macstudio: gateway.keys.a: {keys}/gateway.keys.a: Permission denied"
    assert said.stderr == f"{denied}; there is no key file on the Mac that could stay\n"
    (tmp_path / "macs/macstudio").chmod(0)
    said = command(*plan, more=more)
    (tmp_path / "macs/macstudio").chmod(0o755)
    assert said.stderr.startswith(f"{cannot}{tmp_path}/macs/macstudio/.mac: Permission denied")


def test_a_key_that_fits_on_no_disk_is_told(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from macstate.language import secrets; folder = Path(sys.argv[1])\n"
        "secrets.resolve('generate', 'k', folder)\n"
        "try: secrets.keep(folder, print)\n"
        "except secrets.MacstateError as error: print(error.message)\n"
    )
    said = command("python", "-c", script, str(tmp_path / "keys"), full=True).stdout
    assert said == f"k: {tmp_path}/keys/k: File too large; the new key cannot be kept, so nothing was done\n"
    assert list((tmp_path / "keys").iterdir()) == []


def test_an_ssh_key_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("no key")
    for file, said in ((tmp_path / "key", "Invalid private key file"), ("~nobody-of-that-name/key", "")):
        known = tmp_path / f"{len(said)}.yml"  # a spec is read once
        known.write_text(MAC.replace("user: me", f"user: me, identity_file: {file}"))
        monkeypatch.setenv("MACSTATE_SPEC", str(known))
        state = SimpleNamespace(private_keys={}, cwd=str(tmp_path))
        found = lines(MacConnector.identity, SimpleNamespace(host=SimpleNamespace(name="macstudio"), state=state))
        assert said in "".join(found)
        assert bool(found) is bool(said)


PLISTS = st.recursive(
    st.text(max_size=5) | st.binary(max_size=5) | st.datetimes() | st.floats() | st.integers(0, 2**63) | st.booleans(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300, derandomize=True, database=None)
@given(PLISTS, st.sampled_from([plistlib.FMT_XML, plistlib.FMT_BINARY]), st.integers(0, 400), st.binary(max_size=4))
def test_a_plist_of_somebody_else_is_shown_whatever_it_holds(value: Any, form: Any, at: int, cut: bytes) -> None:
    """One that its job's plan reads, and that nobody else's plan does: all others are read all the same."""
    try:
        good = plistlib.dumps({"Label": "com.x", "Value": value}, fmt=form)
    except ValueError:  # XML has no control characters
        return
    for content in (good, good[:at] + cut + good[at + len(cut) :], good[:at]):
        shown(content)


@pytest.mark.parametrize(
    "inside", ["<date>x</date>", "<integer>x</integer>", "<array>" * 20_000, "<key>x</key>", "&x;"]
)
def test_a_plist_that_is_none_is_told_as_that(inside: str) -> None:
    assert "not a property list" in shown(f'<plist version="1.0"><dict><key>a</key>{inside}</dict></plist>'.encode())


def shown(content: bytes) -> str:
    outputs = {"stat system": "0 644 /x/com.x.plist", "cat /x/com.x.plist": content.decode("utf-8", "surrogateescape")}
    [job] = Launchd.parse(outputs)
    change = Change(job.id, "remove", None, job, foreign=True)
    plan = Plan((Batch((change,), (), (0, 0, 0)),))
    json.loads(plan_json.as_json({"m": plan}, ""), parse_constant=pytest.fail)
    return "\n".join(report.text("m", plan, steps=True)) + str(job.file)
