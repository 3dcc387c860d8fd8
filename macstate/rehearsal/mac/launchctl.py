"""`launchctl`: its subcommands, their exit codes and their quirks."""

from __future__ import annotations

import os
import time

from . import launchctl_legacy, launchctl_load, launchctl_print, launchd
from .machine import Failure, Mac, out

USAGE = "Usage: launchctl <subcommand> ... | help [subcommand]"
"""Printed before exit 64 (EX_USAGE, launchctl.c); the real tool lists the subcommands after it."""


HANGS = 300
"""Seconds that a kickstart of a job in launchd's penalty box takes here; nobody has seen a real one end."""
RELOADS = {("nginx", "SIGHUP"), ("caddy", "SIGUSR1")}
"""Signals that reload these programs; any other signal ends a made-up process."""


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Play `launchctl`."""
    subcommands = {
        "print": launchctl_print.show,
        "print-disabled": launchctl_print.disabled,
        "bootstrap": launchctl_load.bootstrap,
        "bootout": launchctl_load.bootout,
        "load": launchctl_legacy.load,
        "unload": launchctl_legacy.unload,
        "list": launchctl_legacy.show,
        "enable": _override,
        "disable": _override,
        "kickstart": _kickstart,
        "kill": _kill,
        "managername": _managername,
        "asuser": _asuser,
    }
    if not words:
        raise Failure(64, USAGE)
    if words[0] not in subcommands:
        raise Failure(64, f"Unrecognized subcommand: {words[0]}\n{USAGE}")
    return subcommands[words[0]](mac, words)


def target_of(mac: Mac, word: str) -> tuple[str, str]:
    """Return domain and label of a service target."""
    parts = word.split("/", 1 if word.startswith("system") else 2)
    if len(parts) < (2 if parts[0] == "system" else 3) or parts[0] not in {"system", "gui", "user"}:
        raise Failure(64, f'Unrecognized target specifier: "{word}"')
    launchd.settle(mac)
    return "/".join(parts[:-1]), parts[-1]


def _override(mac: Mac, words: list[str]) -> int:
    # an override neither loads nor starts; an unknown label is accepted; exit 0 if nothing changes
    verb, target = words[0], [*words, ""][1]
    domain, label = target_of(mac, target)
    if not mac.as_root and domain not in {f"gui/{mac.uid}", f"user/{mac.uid}"}:
        raise Failure(1, f"Could not {verb} service: 1: Operation not permitted")  # no recording
    launchd.overrides(mac, domain)[label] = f"{verb}d"
    return 0


def _job(mac: Mac, target: str, verb: str) -> launchd.Job:
    domain, label = target_of(mac, target)
    if domain == "system" and not mac.as_root:
        raise Failure(1, f"Could not {verb} service: 1: Operation not permitted")  # no recording
    job = launchd.settle(mac).get(target)
    if job is None:
        raise Failure(113, launchctl_print.not_found(domain, label))
    return job


def _kickstart(mac: Mac, words: list[str]) -> int:
    options = {letter for word in words[1:] if word.startswith("-") for letter in word[1:]}
    targets = [word for word in words[1:] if not word.startswith("-")]
    if not targets:
        raise Failure(64, "Usage: launchctl kickstart [-k] [-p] <service-target>")
    job = _job(mac, targets[0], "kickstart")
    if job.get("penalty"):  # it hangs, with -k too; only bootout and bootstrap help (others say so, no recording)
        mac.save()  # do not hold the lock while asleep
        time.sleep(HANGS)
        return 0
    if job["pid"] is None or "k" in options:
        launchd.spawn(mac, job)
        job = launchd.settle(mac).get(targets[0], job)
    if "p" in options and job["pid"] is not None:
        out(f"service spawned with pid: {job['pid']}")
    return 0


def _kill(mac: Mac, words: list[str]) -> int:
    signal, target = (*words[1:], "", "")[:2]
    job = _job(mac, target, "kill")
    if job["pid"] is None:
        raise Failure(3, "Could not kill service: 3: No such process")  # no recording
    if job.get("supervisor") or (launchd.program(job).rpartition("/")[2], signal) not in RELOADS:
        launchd.kill(mac, job, signal)
    return 0


def _managername(mac: Mac, _words: list[str]) -> int:
    out("System" if mac.as_root else "Background")  # never Aqua over SSH (measured)
    return 0


def _asuser(mac: Mac, words: list[str]) -> int:
    if not mac.as_root:
        raise Failure(1, "Could not switch to audit session: 1: Operation not permitted")  # no recording
    mac.save()
    os.execvp(words[2], words[2:])  # noqa: S606 - the words are a command already
