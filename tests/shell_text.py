"""Reads the text of our shell scripts: tokens, functions, and which variables can hold nothing but a number.

It knows the part of the language that our scripts use: no backquotes, no `case` within `$( )`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

OPERATOR = re.compile(r"\d*(?:>>|>&|<<|>|<)|&&|\|\||;;|[;&|()\n]")
FUNCTION = re.compile(r"^(\w+)\(\) \{(?: # ([^\n]*))?\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
STARTS = {"\n", ";", ";;", "&", "&&", "||", "|", "{", "(", "!", "if", "elif", "then", "else", "while", "until", "do"}
"""Behind these, and behind `)` of a pattern, a command begins."""
NUMBERS = {"SECONDS", "BYTES", "COUNT", "STATUS", "EXPIRES", "CONTEXT", "KEEP"}
"""Parameters that are numbers, as the comment behind a function's name calls them."""
ENDS = {"\n", ";", ";;", "&", "&&", "||", "|", ")"}
OPERAND = re.compile(r"\$\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|\$\{[^}]*\}|\$\w|[A-Za-z_]\w*")
"""What is no operator and no literal in an expression."""
TESTS = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"}


def behind(text: str, at: int) -> int:
    """Give the place behind the character, the quotes or the substitution that stand here."""
    if text[at] == "'":
        return text.index("'", at + 1) + 1
    if text[at] == '"':
        at += 1
        while text[at] != '"':
            at = behind(text, at) if text[at] in "$\\" else at + 1
        return at + 1
    for opening, closing in (("$((", "))"), ("$(", ")"), ("${", "}"), ("(", ")")):
        if text.startswith(opening, at):
            at += len(opening)
            while not text.startswith(closing, at):
                at = behind(text, at)
            return at + len(closing)
    return at + (2 if text[at] == "\\" else 1)


def tokens(text: str) -> list[str]:
    """Give the words and operators; comments and here-documents are left out."""
    found: list[str] = []
    at = 0
    while at < len(text):
        operator = OPERATOR.match(text, at)
        if operator:
            at = operator.end()
            if operator[0] == "\n" and found[-2:-1] == ["<<"]:
                at = text.index(f"\n{found[-1]}\n", at - 1) + len(found[-1]) + 1
            found.append(operator[0])
        elif text[at] == "#":
            at = (text.find("\n", at) + len(text) + 1) % (len(text) + 1)
        elif text[at] in " \t" or text.startswith("\\\n", at):
            at += 1 if text[at] in " \t" else 2
        else:
            end = at
            while end < len(text) and text[end] not in " \t\n;&|<>()":
                end = behind(text, end)
            found.append(text[at:end])
            at = end
    return found


def inside(word: str) -> Iterator[tuple[str, str]]:
    """Give what a word substitutes: ("$(", command) and ("$((", expression), the inner ones too."""
    at, quoted = 0, False
    while at < len(word):
        if word[at] == "\\" or (word[at] == "'" and not quoted):
            at = behind(word, at)
            continue
        quoted ^= word[at] == '"'
        opening = next((each for each in ("$((", "$(", "${") if word.startswith(each, at)), "")
        if not opening:
            at += 1
            continue
        end = behind(word, at)
        part = word[at + len(opening) : end - (2 if opening == "$((" else 1)]
        if opening != "${":
            yield opening, part
        if opening != "$(":
            yield from inside(part)
        at = end


def commands(text: str) -> Iterator[list[str]]:
    """Give the tokens of a script, and of every `$( )` in it."""
    found = tokens(text)
    yield found
    for word in found:
        for opening, part in inside(word):
            if opening == "$(":
                yield from commands(part)


@dataclass
class Function:
    """One function, or (without a name) what stands outside of them."""

    name: str
    parameters: list[str]
    body: str
    text: set[str] = field(default_factory=set)
    """Variables that may hold text when it ends."""


class Script:
    """A script's functions, and what in it is a number."""

    def __init__(self, text: str, given: set[str]) -> None:
        """Read it; `given` are the variables that come from its environment as numbers."""
        self.given = given
        self.functions = [
            Function(name, re.sub(r"[^A-Z0-9 ].*", "", comment).split(), body)
            for name, comment, body in FUNCTION.findall(text)
        ]
        self.functions.append(Function("", [], FUNCTION.sub("", text)))
        self.parameters = {each.name: each.parameters for each in self.functions}
        self.numeric = {"digits"}
        for _ in self.functions:  # what ends with one of these prints a number too
            ends = {each.name: each.body.rstrip().rpartition("\n")[2].split() for each in self.functions}
            self.numeric |= {name for name, words in ends.items() if words and words[0] in self.numeric}
        for _ in self.functions:
            for each in self.functions:
                each.text = Walk(self, each).text

    def wrong(self) -> list[str]:
        """Give what arithmetic and comparisons are given that may be no number."""
        return [complaint for each in self.functions for complaint in Walk(self, each).actual]


class Walk:
    """A way through one function, from its first line to its last; what a branch assigns holds from there on."""

    def __init__(self, script: Script, function: Function) -> None:
        self.script, self.function = script, function
        self.text: set[str] = set()
        self.known: set[str] = set()
        self.actual: list[str] = []
        for part in commands(function.body):
            for at, word in enumerate(part):
                self._word(word)
                line = part[at + 1 : next((end for end in range(at, len(part)) if part[end] in ENDS), None)]
                self._command(word, line)

    def _word(self, word: str) -> None:
        for opening, expression in inside(word):
            if opening == "$((":
                self._numbers("$(( ))", OPERAND.findall(expression))
        if assignment := ASSIGNMENT.fullmatch(word):
            name, value = assignment.groups()
            self.known.add(name)
            if not self._is_number(value):
                self.text.add(name)
            elif re.search(rf"\$\{{?{name}\b", value):  # it was text, and has been looked at
                self.text.discard(name)

    def _command(self, word: str, line: list[str]) -> None:
        """Look at a command that wants numbers."""
        if word == "[":
            for at, test in enumerate(line):
                if test in TESTS:
                    self._numbers(test, [line[at - 1], line[at + 1]])
        elif word == "awk" and "-v" in line:
            self._numbers("awk -v", [line[line.index("-v") + 1].partition("=")[2]])
        elif word == "printf" and line and re.search("%[0-9.]*d", line[0]):
            self._numbers("printf", line[1:])
        elif word in {"read", "for"}:
            names = {each for each in line if re.fullmatch(r"[A-Za-z_]\w*", each)}
            self.known |= names
            self.text |= names
        elif word in self.script.parameters and (self.function.name or line != ['"$@"']):  # a program's words are ours
            named = zip(self.script.parameters[word], line, strict=False)
            self._numbers(word, [value for name, value in named if name in NUMBERS])

    def _numbers(self, what: str, words: list[str]) -> None:
        self.actual += [f"{self.function.name}: {what}: {word}" for word in words if not self._is_number(word)]

    def _is_number(self, word: str) -> bool:
        word = word.removeprefix('"').removesuffix('"').removeprefix("-")
        if re.fullmatch(r"\d*|''|\$[?$!#]|\$\{#\w+\}|\$\(date \+%s\)|\$\(id -u\)", word):
            return True
        if word.startswith("$((") and behind(word, 0) == len(word):
            return True  # its own operands are looked at by themselves
        if called := re.match(r"\$\((\w+)[ )]", word):
            return behind(word, 0) == len(word) and called[1] in self.script.numeric
        if place := re.fullmatch(r"\$(\d)", word):
            return self.function.parameters[int(place[1]) - 1 : int(place[1])] in [[name] for name in NUMBERS]
        name = re.fullmatch(r"\$?\{?([A-Za-z_]\w*)\}?", word)
        return name is not None and self._holds_number(name[1])

    def _holds_number(self, name: str) -> bool:
        if name in self.known:
            return name not in self.text
        assigned = [each for each in self.script.functions if re.search(rf"\b{name}=", each.body)]
        return name in self.script.given or bool(assigned and not any(name in each.text for each in assigned))
