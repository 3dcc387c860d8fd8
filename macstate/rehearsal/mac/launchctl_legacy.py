"""`launchctl load`, `unload` and `list`: the old subcommands, which other tools still use."""

from __future__ import annotations

from . import launchctl_load, launchd
from .machine import Failure, Mac, err, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT_AS_ROOT = (
    "Warning: Expecting a LaunchDaemons path since the command was ran as root. Got LaunchAgents instead.\n"
    "`launchctl bootstrap` is a recommended alternative."
)
FAILED = "{} failed: 5: Input/output error\nTry running `launchctl {}` as root for richer errors."


def domain_of(mac: Mac) -> str:
    """Return the caller's own domain: over SSH it is not gui/UID, unless the user is at the console as well."""
    if mac.as_root:
        return "system"
    return f"{'user' if mac.state['console'] is None else 'gui'}/{mac.uid}"


def load(mac: Mac, words: list[str]) -> int:
    """Load a plist; like many releases, exit with 0 even if that fails."""
    domain = domain_of(mac)
    path = words[-1]
    plist = launchctl_load.read(mac, path)
    if mac.as_root and "/LaunchAgents/" in path:
        err(AGENT_AS_ROOT)
        plist = None
    if plist and "-w" in words:
        launchd.overrides(mac, domain)[plist["Label"]] = "enabled"
    if plist and domain == "system" and launchctl_load.bad_ownership(mac, domain, path):
        err(f"{mac.absolute(path)}: Path had bad ownership/permissions")
    elif plist and launchd.is_disabled(mac, domain, plist):
        err(f"{mac.absolute(path)}: Service is disabled")
    elif (
        plist is None
        or launchctl_load.is_disallowed(mac, plist)
        or domain.startswith("user/")
        or f"{domain}/{plist['Label']}" in launchd.settle(mac)
    ):
        err(FAILED.format("Load", "bootstrap"))
    else:
        launchd.load(mac, domain, mac.absolute(path), plist)
    return 0


def unload(mac: Mac, words: list[str]) -> int:
    """Unload a plist's job."""
    domain = domain_of(mac)
    plist = launchctl_load.read(mac, words[-1])
    if plist and "-w" in words:
        launchd.overrides(mac, domain)[plist["Label"]] = "disabled"
    job = launchd.settle(mac).get(f"{domain}/{plist['Label']}") if plist else None
    if job is None:
        err(FAILED.format("Unload", "bootout"))
    else:
        launchd.unload(mac, job)
    return 0


def show(mac: Mac, words: list[str]) -> int:
    """Print the table of jobs, or one job in OpenStep style."""
    domain = domain_of(mac)
    jobs = {job["label"]: job for job in launchd.settle(mac).values() if job["domain"] == domain}
    if not words[1:]:
        out("PID\tStatus\tLabel")
        for job in jobs.values():
            out(f"{job['pid'] or '-'}\t{_exit_status(job)}\t{job['label']}")
    elif words[1] not in jobs:
        raise Failure(113, f'Could not find service "{words[1]}" in domain for port')
    else:
        out("{")
        for line in _lines(jobs[words[1]]):
            out(f"\t{line};")
        out("};")
    return 0


def _exit_status(job: launchd.Job) -> int:
    name, _, number = (job["signal"] or "").rpartition(": ")
    if name:  # it was a real process
        return -int(number)
    return 0 if job["last_exit"] == launchd.NEVER else int(job["last_exit"].partition(":")[0])


def _lines(job: launchd.Job) -> Iterator[str]:
    plist = job["plist"]
    if "StandardOutPath" in plist:
        yield f'"StandardOutPath" = "{plist["StandardOutPath"]}"'
    yield f'"LimitLoadToSessionType" = "{"System" if job["domain"] == "system" else "Aqua"}"'
    if "StandardErrorPath" in plist:
        yield f'"StandardErrorPath" = "{plist["StandardErrorPath"]}"'
    if plist.get("SessionCreate"):
        yield '"SessionCreate" = true'
    yield f'"Label" = "{job["label"]}"'
    if "TimeOut" in plist:
        yield f'"TimeOut" = {plist["TimeOut"]}'
    yield f'"OnDemand" = {"false" if plist.get("KeepAlive") else "true"}'
    status = _exit_status(job)
    yield f'"LastExitStatus" = {status << 8 if status >= 0 else -status}'  # the raw wait status, unlike `print`
    if job["pid"] is not None:
        yield f'"PID" = {job["pid"]}'
    yield f'"Program" = "{launchd.program(job)}"'
    if "ProgramArguments" in plist:
        words = "".join(f'\t\t"{word}";\n' for word in plist["ProgramArguments"])
        yield f'"ProgramArguments" = (\n{words}\t)'
