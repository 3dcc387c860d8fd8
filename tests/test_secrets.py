"""References to keys: what may be typed, how each is resolved, and that nobody ever sees a value."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import TypeAdapter, ValidationError

from macstate.errors import MacstateError
from macstate.language import secrets
from macstate.language.document.masked import LEFT_OUT, masked
from macstate.language.secrets import Reference, Secret, fetch

VALUE = "A-good_key.of~some+length/0123456789="
TOOLS = {
    "op://Home/gateway/key": ("op", "read --no-newline op://Home/gateway/key"),
    "sops:keys.yml#agents.main": ("sops", 'decrypt --extract ["agents"]["main"] keys.yml'),
}
HOSTILE = "a 'b' \"c\" $(echo>ran) `echo>ran`;echo>ran|echo>ran&\necho>ran *\\"
"""What a shell would make something of; a file and a variable may have this name."""


class Case(NamedTuple):
    """How a scheme's key is fetched."""

    reference: str
    """One that can be typed, with ``HOSTILE`` wherever somebody chooses the text."""
    words: tuple[str, ...]
    """The command that prints its key on a laptop."""
    read: bool = False
    """Whether macstate reads it itself, and runs nothing."""


CASES = {
    "generate": Case("generate", ("cat", "keys/gateway.keys.agents"), read=True),
    "env": Case(f"env:{HOSTILE}", ("printenv", HOSTILE), read=True),
    "file": Case(f"file:{HOSTILE}", ("cat", HOSTILE), read=True),
    "op": Case(f"op://v/i/{HOSTILE}", ("op", "read", "--no-newline", f"op://v/i/{HOSTILE}")),
    "keychain": Case(
        f"keychain:{HOSTILE}/{HOSTILE}", ("security", "find-generic-password", "-w", "-s", HOSTILE, "-a", HOSTILE)
    ),
    "sops": Case(f"sops:{HOSTILE}#agents.main", ("sops", "decrypt", "--extract", '["agents"]["main"]', HOSTILE)),
    "cmd": Case(f"cmd:{HOSTILE}", ("sh", "-c", HOSTILE)),  # the scheme whose text is meant for a shell, as one word
}
"""By scheme: each of ``fetch.SCHEMES`` has one."""


def case(scheme: str) -> Case:
    assert scheme in CASES, f"add a line for {scheme} to CASES in tests/test_secrets.py"
    return CASES[scheme]


def resolve(reference: str, folder: Path) -> Secret:
    """Resolve without the memory of a run."""
    return secrets.resolve.__wrapped__(reference, "gateway.keys.agents", folder)


def refused(reference: str, folder: Path) -> str:
    """Give the one line of a reference that cannot be resolved."""
    with pytest.raises(MacstateError) as error:
        resolve(reference, folder)
    assert "\n" not in error.value.message
    assert VALUE not in error.value.message
    assert error.value.message.startswith("gateway.keys.agents: ")
    return str(error.value.message)


def tool(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a tool first on PATH."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    "reference",
    ["generate", "env:NAME", "file:~/key", "op://v/i/f", "keychain:s/a", "sops:f#k", "cmd:pass show gateway"],
)
def test_what_may_be_typed(reference: str) -> None:
    assert TypeAdapter(Reference).validate_python(reference) == reference


@pytest.mark.parametrize("literal", ["sk-abc", "0123456789abcdef", VALUE])
def test_a_key_itself_is_refused_and_not_repeated(literal: str) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(Reference).validate_python(literal)

    assert "looks like a key itself" in error.value.errors()[0]["msg"]
    assert literal not in error.value.errors()[0]["msg"]


def test_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", VALUE)
    assert resolve("env:THE_KEY", tmp_path).reveal() == VALUE
    assert "the variable NO_SUCH_KEY is not set" in refused("env:NO_SUCH_KEY", tmp_path)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{VALUE}\n")
    file.chmod(0o600)
    assert resolve(f"file:{file}", tmp_path).reveal() == VALUE
    for mode in (0o640, 0o604, 0o620):
        file.chmod(mode)
        assert f"others can read {file}; type `chmod 600 {file}`" in refused(f"file:{file}", tmp_path)
    assert "No such file" in refused(f"file:{tmp_path}/none", tmp_path)


@pytest.mark.parametrize("reference", TOOLS)
def test_a_tool_gets_these_words_and_its_errors_stay_its_own(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, words = TOOLS[reference]
    tool(tmp_path, name, f'[ "$*" = \'{words}\' ] && echo "{VALUE}"', monkeypatch)
    assert resolve(reference, tmp_path).reveal() == VALUE

    tool(tmp_path, name, f"echo '{VALUE}' >&2; exit 3", monkeypatch)
    assert f"`{name}` ended with status 3; run it yourself to see why" in refused(reference, tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    assert f"there is no `{name}` on this laptop" in refused(reference, tmp_path)


def test_any_command(tmp_path: Path) -> None:
    assert resolve(f"cmd:echo {VALUE}", tmp_path).reveal() == VALUE
    assert "`sh` ended with status 7" in refused("cmd:exit 7", tmp_path)


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has one")
def test_a_keychain_is_a_macs(tmp_path: Path) -> None:
    assert "only where the laptop is a Mac" in refused("keychain:gateway/agents", tmp_path)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("", "the key is empty, which would let everybody in"),
        ("short-key", "the key has 9 characters; with fewer than 20 it can be guessed"),
        ("a key with blanks in the middle", "characters that a bearer token cannot have"),
        ("a-key-with-a-quote-in-it\"'", "characters that a bearer token cannot have"),
        ("two-lines-of-a-key-\nand-more", "characters that a bearer token cannot have"),
    ],
)
def test_what_would_keep_nobody_out_is_refused(value: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(value)
    file.chmod(0o600)
    assert line in refused(f"file:{file}", tmp_path)


def test_a_key_is_made_once_and_kept_where_nobody_else_can_read(tmp_path: Path) -> None:
    folder, said = tmp_path / "keys/macstudio", []  # type: tuple[Path, list[str]]
    assert secrets.is_to_be_made("generate", "gateway.keys.agents", folder)

    made = resolve("generate", folder)

    assert resolve("generate", folder) == made
    assert not folder.exists()  # a run that is refused now leaves nothing
    secrets.keep(tmp_path / "keys/macmini", said.append)
    assert not folder.exists()  # nor does it for the Mac beside it
    secrets.keep(folder, said.append)
    file = folder / "gateway.keys.agents"
    assert said == [f"gateway.keys.agents: made a key; it is kept in {file}"]
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert len(made.reveal()) == 43  # 256 bits
    assert resolve("generate", folder) == made
    secrets.keep(folder, said.append)
    assert len(said) == 1
    assert [path.name for path in folder.iterdir()] == ["gateway.keys.agents"]
    file.chmod(0o644)
    assert "chmod 600" in refused("generate", folder)


def test_of_two_runs_at_once_one_makes_the_key(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from macstate.language import secrets; import sys; folder = Path(sys.argv[1]); "
        "made = secrets.resolve('generate', 'k', folder); print(flush=True); input(); "
        "secrets.keep(folder, lambda _: None); print(made.reveal())"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "keys")]
    runs = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for run in runs:
        assert run.stdout
        run.stdout.readline()  # it has made its own
    said = [run.communicate("\n") for run in runs]
    assert [line for line, _ in said if line] == [(tmp_path / "keys/k").read_text()]
    refusals = [errors for line, errors in said if not line]
    assert len(refusals) == 3
    assert all("k: another run made this key in the meantime; run again" in errors for errors in refusals)


def test_a_key_that_cannot_be_kept_is_told_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    resolve("generate", tmp_path / "keys")
    with pytest.raises(MacstateError, match="File exists; the new key cannot be kept, so nothing was done"):
        secrets.keep(tmp_path / "keys", print)
    secrets.MADE.clear()


def test_a_key_has_a_length_that_both_servers_take(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_text("." * secrets.LONGEST)
    assert resolve(f"file:{file}", tmp_path).reveal() == "." * secrets.LONGEST
    file.write_text("." * (secrets.LONGEST + 1))
    assert "the key has 1025 characters; both gateways take 1024 at most" in refused(f"file:{file}", tmp_path)


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(VALUE)
    shown = [str(secret), repr(secret), f"{secret}", f"{[secret]}", json.dumps({"key": secret}, default=str)]
    error = ValueError(secret)
    shown += [str(error), repr(error)]
    assert VALUE not in "".join(shown)
    with pytest.raises(TypeError, match="a secret is not stored"):
        pickle.dumps(secret)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file that tells what was run; on PATH is nothing but programs that write there, and print a key."""
    told, folder = tmp_path / "told", tmp_path / "bin"
    folder.mkdir()
    told.touch()
    script = f"#!/bin/sh\n{{ printf '%s\\0' \"${{0##*/}}\" \"$@\"; printf '\\n\\0'; }} >>'{told}'\necho '{VALUE}'\n"
    for name in {"sh", "bash", "env", "eval", *(case.words[0] for case in CASES.values())}:
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.chdir(tmp_path)
    return told


def told(programs: Path) -> list[tuple[str, ...]]:
    """Give each command that was run since this was asked last, as its words."""
    text = programs.read_text()
    programs.write_text("")
    return [tuple(words.split("\0")[:-1]) for words in text.split("\n\0")[:-1]]


@pytest.mark.parametrize("scheme", fetch.SCHEMES)
def test_each_scheme_is_fetched_and_its_text_is_one_word_of_a_command(
    scheme: str, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, words, read = case(scheme)
    assert TypeAdapter(Reference).validate_python(reference) == reference
    here, keys = programs.parent, programs.parent / "keys"
    keys.mkdir(mode=0o700)
    for path in (here / HOSTILE, keys / "gateway.keys.agents"):
        path.write_text(f"{VALUE}\n")
        path.chmod(0o600)
    monkeypatch.setenv(HOSTILE, VALUE)
    monkeypatch.setattr(sys, "platform", fetch.SCHEMES[scheme].system or sys.platform)

    assert resolve(reference, keys).reveal() == VALUE
    assert told(programs) == ([] if read else [words])
    assert fetch.of(reference, Path("keys/gateway.keys.agents")) == words
    line = fetch.for_any_laptop(reference, "gateway.keys.agents")
    assert bool(line) is not fetch.SCHEMES[scheme].private
    subprocess.run(["/bin/sh", "-c", line], check=True, stdout=subprocess.DEVNULL)
    if line and reference != "generate":  # which is looked for in two places there
        assert told(programs) == [words]
    assert not (here / "ran").exists()


@pytest.mark.parametrize("reference", [f"vault:{HOSTILE}", "vault:a", "", HOSTILE, VALUE])
def test_an_unknown_scheme_is_refused_in_a_line_and_nothing_is_run(reference: str, programs: Path) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(Reference).validate_python(reference)
    said = error.value.errors()[0]["msg"]
    assert fetch.TYPED in said
    assert "\n" not in said
    assert f"does not say where a key is; type {fetch.TYPED}" in refused(reference, programs.parent)
    assert told(programs) == []
    assert not (programs.parent / "ran").exists()


@pytest.mark.parametrize("scheme", fetch.SCHEMES)
def test_a_reference_may_be_shown_and_what_only_looks_like_one_may_not(scheme: str) -> None:
    reference = case(scheme).reference.replace(HOSTILE, "x")
    assert masked({"key": reference}) == {"key": reference}
    assert masked({"key": f"x{reference}"}) == {"key": LEFT_OUT}
