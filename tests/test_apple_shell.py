"""What no shell that we can have shows: bash 3.2 of a Mac does otherwise there, so the scripts' texts are looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

import pytest
from shell_text import FUNCTION, STARTS, Script, commands, inside
from test_scripts import SCRIPTS

from macstate.cli import logs
from macstate.endpoint import watchdog
from macstate.kernel import journal, probe, scripts
from macstate.kernel.record import Record
from macstate.kernel.resource import Actual
from macstate.kinds import KINDS, log_rotation, model
from macstate.kinds.launchd import job
from macstate.kinds.serve import Serve
from macstate.kinds.serve.document import READ, STATUS
from macstate.kinds.tailscale import Tailscale
from macstate.language.facts import Facts
from macstate.transport import sudo

GIVEN = {"DEADLINE", "READY", "PATIENCE", "COOLDOWN", "GIVE_UP", "EVERY"}
"""What a watchdog's job says in numbers."""
TEXTS = {path.name: path.read_text() for path in SCRIPTS} | {
    "apply": scripts.apply(),
    "rotate": log_rotation.program(),
    "pull": model.program(),
    "watchdog": watchdog.program(),
    "probe": probe.script(KINDS),
    "probe of a laptop": probe.script(KINDS, laptop=True),
    "logs": logs.READ,
    "journal": journal.READ,
    "awake": job.AWAKE,
    "sudo": sudo.QUIET[2],
    **{kind.kind: kind.script for kind in KINDS if kind.script},
}


def test_no_curl_reads_what_a_user_has_put_into_his_home() -> None:
    """A Mac's sudo keeps HOME: root's curl would do what ~/.curlrc says, and write where that says."""
    prefs = Tailscale(ssh=True).converge(None)
    served = {"serve": {READ: 'Etag: "a"\r\n\r\n{}', STATUS: "{}"}}
    routes = Serve.write(Actual(Facts(), {}, Record(), {}, served, kinds=KINDS), (), ())
    steps = [str(step) for step in (*prefs, *routes)]
    texts = [*TEXTS.values(), *steps, *Serve.probes]
    found = [words for text in texts for words in re.findall(r"(?<![\w./-])curl (-\S+)", text)]
    assert len(found) > 8
    assert [words for words in found if not words.startswith("-q")] == []
    assert "-H" in sudo.QUIET


BLOCKS = {"}", "done", "fi", "esac"}
REDIRECTIONS = {">", ">>", "<", ">&", "<<"}


def behind_redirections(found: list[str], at: int) -> int:
    """Give the place behind all redirections that begin there."""
    while at < len(found) and found[at].lstrip("0123456789") in REDIRECTIONS:
        at += 2
    return at


def redirected(text: str) -> Iterator[str]:
    """Give the compound commands with a file, where a Mac's shell overlooks that it cannot be opened (rule 2)."""
    found = next(commands(text))  # within `$( )` nothing goes on behind them
    for at, word in enumerate(found):
        if word in BLOCKS:
            end = behind_redirections(found, at + 1)
            pairs = zip(found[at + 1 : end : 2], found[at + 2 : end : 2], strict=True)
            files = {file for sign, file in pairs if sign.lstrip("0123456789") in {">", ">>", "<"}}
            if files - {"/dev/null"} and found[end : end + 1] != ["||"]:
                yield " ".join(found[at:end])


def unheeded(text: str) -> Iterator[str]:
    """Give the subshells whose failure ends a script in one bash and not in another (rule 5)."""
    for found in commands(text):
        for at, word in enumerate(found):
            before = found[at - 1] if at else "\n"
            if word == "(" and before in STARTS - {"if", "elif", "while", "until", "!"}:
                depths = accumulate({"(": 1, ")": -1}.get(each, 0) for each in found[at:])
                end = at + next(length for length, depth in enumerate(depths) if not depth) + 1
                if found[behind_redirections(found, end) :][:1] not in (["||"], ["&&"]):
                    yield " ".join(found[at:end])


def divided(text: str) -> Iterator[str]:
    """Give the expressions that divide in a branch: bash 3.2 does so in the one that is not taken too (rule 1)."""
    parts = (part for found in commands(text) for word in found for opening, part in inside(word) if opening == "$((")
    return (part for part in parts if re.search(r"\?.*[/%]", part) and not re.search(r"/ \([^()]*\?[^()]*\)$", part))


def branched(text: str) -> Iterator[str]:
    """Give what is substituted and branches: the `)` of a pattern ends it in bash 3.2 (rule 3)."""
    parts = (part for found in commands(text) for word in found for opening, part in inside(word) if opening == "$(")
    return (part for part in parts if re.search(r"(^|\s)case\s.*\sin\s", part, re.DOTALL))


def shells_around(text: str) -> Iterator[str]:
    """Give what runs in the background and is no program: $! is a shell around it, and a kill leaves it (rule 4)."""
    functions = {name for name, _, _ in FUNCTION.findall(text)}
    for found in commands(text):
        begin = 0
        for at, word in enumerate(found):
            if word == "&" and (found[begin] in functions | BLOCKS | {")"} or found[at - 1] in BLOCKS | {")"}):
                yield " ".join(found[begin : at + 1])
            if word in STARTS:
                begin = at + 1


@pytest.mark.parametrize("name", TEXTS)
def test_a_macs_shell_does_what_the_text_says(name: str) -> None:
    text = TEXTS[name]

    assert [*redirected(text), *unheeded(text), *divided(text)] == []
    assert [*shells_around(text), *branched(text)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{\n  echo a\n} >file\nnext", ["} > file"]),
        ("while read -r a; do echo; done 2>/dev/null >>$b; next", ["done 2> /dev/null >> $b"]),
        ("if a; then b; fi <x && next", ["fi < x"]),
        ("case $a in b) c ;; esac 3>x", ["esac 3> x"]),
        ('f() {\n  for a; do\n    b "$( (x) || :)"\n  done >"$(y)" # why\n}', ['done > "$(y)"']),
        ("{ a; } >x || fail; { a; } 2>&1; done </dev/null; a=$({ b; } >x); echo '} >x' \"} >x\" # } >x", []),
        ("done <<EOF\n} >x\nEOF\nnext", []),
    ],
)
def test_a_block_with_a_file_is_found(text: str, found: list[str]) -> None:
    assert list(redirected(text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(umask 077 && a >x)\nnext", ["( umask 077 && a > x )"]),
        ("a && (b; c) >x; next", ["( b ; c )"]),
        ('x=$(a; (b "(") 2>/dev/null; c)', ['( b "(" )']),
        ("(a) || fail; (a (b)) 2>&1 && b; if (a); then b; fi; ! (a); f() { :; }; case x in a) b ;; esac", []),
    ],
)
def test_a_subshell_that_nobody_heeds_is_found(text: str, found: list[str]) -> None:
    assert list(unheeded(text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("f() {\n  a\n}\nf x </dev/null &\nkill $!", ["f x < /dev/null &"]),
        ("{ a; b; } &", ["} &"]),
        ("if x; then (a) & fi", ["a ) &"]),
        ('"$program" "$@" </dev/null >x 2>&1 & sleep 1 & a && f', []),
    ],
)
def test_a_shell_in_the_background_is_found(text: str, found: list[str]) -> None:
    assert list(shells_around(text)) == found


def test_a_case_in_a_substitution_is_found() -> None:
    text = 'x=$(case $1 in (a) b ;; esac) y="$(in case z)"; case $x in a) y=$(b "$1 in") ;; esac'
    assert list(branched(text)) == ["case $1 in (a) b ;; esac"]


def test_a_division_in_a_branch_is_found() -> None:
    assert list(divided('x="$((a > 0 ? b / a : 0))" y=$((b * 2 / (a > 0 ? a : 1))) z=$((a / 2))')) == [
        "a > 0 ? b / a : 0"
    ]


@pytest.mark.parametrize(
    "name", ["apply", "rotate", "pull", "watchdog", "probe", "probe of a laptop", "logs", "journal"]
)
def test_arithmetic_meets_numbers_alone(name: str) -> None:
    assert Script(TEXTS[name], GIVEN).wrong() == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x=$(cat file)\necho $((x + 1)) $(( $x )) $((${x} + y))", ["x", "$x", "${x}", "y"]),
        ('f() { # SECONDS TEXT\n  [ $(($1 - 2)) -le "$2" ]\n}\nf 1 2\nf "$(cat x)" 2', ['"$2"', '"$(cat x)"']),
        ('read -r a b\na=$(digits "$a")\n[ "$a" -gt 1 ] || [ "$b" -gt 1 ]', ['"$b"']),
        ('f() {\n  n=$(cat x)\n}\nn=1\ng() {\n  [ "$n" -eq 1 ]\n}', ['"$n"']),
        ("""awk -v x="$1" 'x'; awk -v y=1 'y'; printf '%s %d' a "$(wc -c <x)" """, ['"$1"', "a", '"$(wc -c <x)"']),
        ('[ "$(a "$((b + 1))")" = 1 ]; echo "${c:-$(($(date +%s) - d))}"', ["d", "b"]),
        (
            'n=$(($(date +%s) + 1)) m=${#x} l=$(digits "$y")\n[ "$n" -lt "$m" ] && [ "-$l" -ge "$?" ]; [ "$T" -gt 1 ]',
            [],
        ),
    ],
)
def test_text_that_meets_arithmetic_is_found(text: str, found: list[str]) -> None:
    assert [each.rpartition(": ")[2] for each in Script(text, {"T"}).wrong()] == found
