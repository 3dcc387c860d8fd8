"""`sudo`: without a password by default; after `rehearse sudo-password` it asks each time."""

from __future__ import annotations

import os
import sys

from .machine import Failure, Mac, err

TRIES = 3


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Run a command as root, or as the named user."""
    options, user, prompt, rest = _options(words)
    password = mac.state["sudo_password"]
    mac.save()  # release the lock: the command and the input may take long
    if password is not None and not mac.as_root:
        _ask(options, password, prompt)
    if not rest:
        if options & set("vkK"):
            return 0
        raise Failure(1, "usage: sudo -h | -K | -k | -V\nusage: sudo [-ABbEHnPS] [-u user] [command [arg ...]]")
    root = mac.root
    while rest and "=" in rest[0] and "/" not in rest[0].partition("=")[0]:
        variable, _, value = rest.pop(0).partition("=")
        os.environ[variable] = value
    home = _become(mac, user)
    if "H" in options:  # otherwise a Mac's sudoers keeps HOME
        os.environ["HOME"] = f"{root}{home}"
    mac.save()
    command = rest[0]
    if command.startswith("/"):
        command = root + mac.outside(command)
    try:
        os.execvp(command, [command, *rest[1:]])  # noqa: S606 - the words are a command already
    except OSError:
        raise Failure(1, f"sudo: {rest[0]}: command not found") from None


def _become(mac: Mac, user: str) -> str:
    """Change to a user; return the user's home folder."""
    name = mac.state["user"]
    if user in {"root", "#0"}:
        os.environ.update(MACSTATE_AS="root", USER="root", LOGNAME="root")
        os.environ.update(SUDO_USER=name, SUDO_UID=str(mac.state["uid"]), SUDO_GID="20")
        return "/var/root"
    if user in {name, f"#{mac.state['uid']}"}:
        os.environ.pop("MACSTATE_AS", None)
        os.environ.update(USER=name, LOGNAME=name)
        return f"/Users/{name}"
    raise Failure(1, f"sudo: unknown user {user}\nsudo: error initializing audit plugin sudoers_audit")


def _options(words: list[str]) -> tuple[set[str], str, str, list[str]]:
    options: set[str] = set()
    user, prompt = "root", "Password:"
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        for index, letter in enumerate(word[1:], start=2):
            options.add(letter)
            if letter in "pu":
                value = word[index:] or (rest.pop(0) if rest else "")
                user, prompt = (value, prompt) if letter == "u" else (user, value)
                break
    return options, user, prompt, rest


def _ask(options: set[str], password: str, prompt: str) -> None:
    if "n" in options:
        raise Failure(1, "sudo: a password is required")
    if "S" not in options:
        raise Failure(
            1,
            "sudo: a terminal is required to read the password; either use the -S option to read from standard input "
            "or configure an askpass helper\nsudo: a password is required",
        )
    for attempt in range(1, TRIES + 1):
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = _line()
        if line is None:
            raise Failure(1, "sudo: no password was provided\nsudo: a password is required")
        if line == password:
            return
        if attempt < TRIES:
            err("Sorry, try again.")
    raise Failure(1, f"sudo: {TRIES} incorrect password attempts")


def _line() -> str | None:
    # byte by byte, since what follows the line belongs to the command
    line = b""
    while byte := os.read(0, 1):
        if byte == b"\n":
            return line.decode(errors="replace")
        line += byte
    return line.decode(errors="replace") if line else None
