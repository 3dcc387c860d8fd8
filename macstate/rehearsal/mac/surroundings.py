"""The surroundings of a job's program that really runs: environment, folder, output, limits and user."""

from __future__ import annotations

import os
import pwd
import resource
import shlex
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

from . import crashes, launchd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .machine import Mac
    from .real import Job

PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
CAFFEINATE = "/usr/bin/caffeinate"


def start(mac: Mac, job: Job) -> subprocess.Popen[bytes] | None:
    """Start the program of a job; return None if something that it needs is missing."""
    plist = job["plist"]
    account = _account(plist.get("UserName", ""))
    _limit_files(plist.get("SoftResourceLimits", {}).get("NumberOfFiles"))
    if not launchd.can_start(mac, job):
        return None
    words, program = (
        _words(mac, *plist.get("ProgramArguments") or [launchd.program(job)]),
        mac.file(launchd.program(job)),
    )
    if crashes.is_expected(mac, job):
        words, program = ["sh", "-c", "exit 1"], Path("/bin/sh")
    with suppress(OSError), ExitStack() as files:
        out, errors = (
            files.enter_context((mac.file(plist[key]) if plist.get(key) else Path(os.devnull)).open("ab"))
            for key in ("StandardOutPath", "StandardErrorPath")
        )
        return subprocess.Popen(
            words,
            executable=program,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            cwd=mac.file(plist.get("WorkingDirectory", "/")),
            env=environment(mac, job),
            process_group=0,
            umask=0o022,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=account and os.getgrouplist(account.pw_name, account.pw_gid),
        )
    return None


def environment(mac: Mac, job: Job) -> dict[str, str]:
    """Return launchd's environment and the plist's; folders of the Mac lie below the Mac's folder."""
    plist, root = job["plist"], job["domain"] == "system"
    user = str(plist.get("UserName") or ("root" if root else mac.state["user"]))
    found = {
        "PATH": PATH,
        "HOME": "/var/root" if user == "root" else f"/Users/{user}",
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/sh" if user == "root" else "/bin/zsh",
        "TMPDIR": "/tmp",  # noqa: S108 - the Mac's
        **{name: str(value) for name, value in plist.get("EnvironmentVariables", {}).items()},
    }
    found["PATH"] = ":".join(_below(mac, folder) for folder in found["PATH"].split(":"))
    found.update({name: _below(mac, found[name]) for name in ("HOME", "TMPDIR")}, MACSTATE_ROOT=mac.root)
    return {**found, "MACSTATE_AS": "root"} if root and user == "root" else found


def _words(mac: Mac, first: str, *rest: str) -> list[str]:
    if rest[:1] == ("-c",) and CAFFEINATE in rest[1]:  # a shell that starts caffeinate and then becomes the program
        script = rest[1].replace(CAFFEINATE, shlex.quote(_below(mac, CAFFEINATE)))
        rest = ("-c", script, *(_below(mac, word) if index == 1 else word for index, word in enumerate(rest[2:])))
    return [_below(mac, first), *rest]


def _below(mac: Mac, path: str) -> str:
    root = mac.root
    return path if not path.startswith("/") or f"{path}/".startswith(f"{root}/") else root + path


def _account(name: str) -> pwd.struct_passwd | None:
    if os.geteuid() != 0 or not name:
        return None
    try:
        account = pwd.getpwnam(name)
    except KeyError:  # a user of the simulated Mac whom this machine lacks
        return None
    return account if account.pw_uid else None


def _limit_files(wanted: int | None) -> None:
    # the program inherits the limit; a value above the hard limit, or an invalid one, is ignored
    if wanted:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard >= 0 else wanted, hard))
