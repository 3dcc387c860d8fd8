"""`launchctl print` and `print-disabled`, in the layout of the recordings."""

from __future__ import annotations

from . import launchd
from .machine import Failure, Mac, out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SPAWN_TYPES = {"Interactive": "interactive (4)", "Adaptive": "adaptive (6)", "Background": "background (5)"}
PROPERTIES = {"KeepAlive": "keepalive", "RunAtLoad": "runatload"}


def not_found(domain: str, label: str) -> str:
    """Return the message that a service is not loaded; older releases leave out the first line."""
    name, _, uid = domain.partition("/")
    return f'Bad request.\nCould not find service "{label}" in domain for {f"user {name}: {uid}" if uid else name}'


def show(mac: Mac, words: list[str]) -> int:
    """Print a domain or a job; reading does not need root."""
    word = [*words, ""][1]
    name, *rest = word.split("/", 1 if word.startswith("system") else 2)
    domain, label = (name, rest) if name == "system" else ("/".join([name, *rest[:1]]), rest[1:])
    if name not in {"system", "gui", "user"} or (name != "system" and not rest):
        raise Failure(64, f'Unrecognized target specifier: "{word}"')
    if not launchd.has_domain(mac, domain):
        raise Failure(112, f"Bad request.\nCould not find domain for user {name}: {rest[0]}")
    job = launchd.settle(mac).get(word)
    if label and job is None:
        raise Failure(113, not_found(domain, label[0]))
    for line in _job_lines(mac, job) if job else _domain_lines(mac, domain):
        out(line)
    return 0


def disabled(mac: Mac, words: list[str]) -> int:
    """Print the overrides of a domain; macOS 26 begins with an empty line."""
    out("\n\tdisabled services = {")
    for label, word in launchd.overrides(mac, [*words, ""][1]).items():
        out(f'\t\t"{label}" => {word}')
    out("\t}")
    return 0


def _domain_lines(mac: Mac, domain: str) -> Iterator[str]:
    jobs = [job for job in launchd.settle(mac).values() if job["domain"] == domain]
    yield f"{domain} = {{"
    yield f"\ttype = {domain.partition('/')[0]}"
    yield f"\tactive count = {len(jobs)}"
    yield "\tservices = {"
    yield from (f"\t\t{job['pid'] or 0:>8} {_status(job):>6} \t{job['label']}" for job in jobs)
    yield "\t}\n\n\tdisabled services = {"
    yield from (f'\t\t"{label}" => {word}' for label, word in launchd.overrides(mac, domain).items())
    yield "\t}\n}"


def _status(job: launchd.Job) -> str:
    return "-" if job["last_exit"] == launchd.NEVER else job["last_exit"].partition(":")[0]


def _job_lines(mac: Mac, job: launchd.Job) -> Iterator[str]:
    plist = job["plist"]
    system = job["domain"] == "system"
    yield f"{job['domain']}/{job['label']} = {{"
    yield "\tactive count = 1"
    yield f"\tpath = {job['path']}"
    yield f"\ttype = {'LaunchDaemon' if system else 'LaunchAgent'}"
    yield f"\tstate = {job['state']}\n"
    yield f"\tprogram = {launchd.program(job)}"
    if "ProgramArguments" in plist:
        yield from ("\targuments = {", *(f"\t\t{word}" for word in plist["ProgramArguments"]), "\t}")
    yield ""
    if "WorkingDirectory" in plist:
        yield f"\tworking directory = {plist['WorkingDirectory']}\n"
    for key, name in (("StandardOutPath", "stdout"), ("StandardErrorPath", "stderr")):
        if key in plist:
            yield f"\t{name} path = {plist[key]}"
    yield "\tdefault environment = {\n\t\tPATH => /usr/bin:/bin:/usr/sbin:/sbin\n\t}\n"
    yield "\tenvironment = {"
    yield from (f"\t\t{name} => {value}" for name, value in _environment(mac, job).items())
    yield f"\t}}\n\n\tdomain = {job['domain']}{'' if system else ' [100041]'}"
    if "UserName" in plist:
        yield f"\tusername = {plist['UserName']}"
    yield f"\tminimum runtime = {plist.get('ThrottleInterval', launchd.THROTTLE)}"
    yield f"\texit timeout = {plist.get('ExitTimeOut', launchd.EXIT_TIMEOUT)}"
    yield f"\truns = {job['runs']}"
    yield from _run_lines(job)
    yield from _coalitions(job)
    yield f"\tspawn type = {SPAWN_TYPES.get(plist.get('ProcessType', ''), 'daemon (3)')}"
    yield "\tjetsam priority = 40"
    yield "\tjetsam memory limit (active) = (unlimited)"
    yield "\tjetsam memory limit (inactive) = (unlimited)"
    yield "\tjetsamproperties category = daemon"
    yield "\tjetsam thread limit = 32"
    yield "\tcpumon = default\n"
    properties = [name for key, name in PROPERTIES.items() if plist.get(key)]
    yield f"\tproperties = {' | '.join(properties + ([] if 'Program' in plist else ['inferred program']))}"
    yield "}"


def _environment(mac: Mac, job: launchd.Job) -> dict[str, str]:
    sudo = {"SUDO_GID": "20", "SUDO_UID": str(mac.state["uid"])} if job["sudo"] else {}
    return {
        "OSLogRateLimit": "64",
        **sudo,
        **job["plist"].get("EnvironmentVariables", {}),
        "XPC_SERVICE_NAME": job["label"],
    }


def _run_lines(job: launchd.Job) -> Iterator[str]:
    if job["pid"] is not None:
        yield f"\tpid = {job['pid']}"
    if job["runs"]:
        yield "\timmediate reason = speculative"
    if job["pended"]:
        yield f"\tpended nondemand spawn = {job['pended']}"
    started = 1 if job["runs"] else 0
    yield f"\tforks = 0\n\texecs = {started}\n\tinitialized = {started}\n\ttrampolined = {started}"
    yield "\tstarted suspended = 0\n\tproxy started suspended = 0"
    yield "\tchecked allocations = 0 (queried = 1)\n\tchecked allocations reason = no host"
    yield "\tchecked allocations flags = 0x0"
    if job["signal"]:
        yield f"\tlast terminating signal = {job['signal']}"
    # for a program that really ran, the real tool shows only one of the two
    yield "" if ": " in (job["signal"] or "") else f"\tlast exit code = {job['last_exit']}\n"
    if "StartInterval" in job["plist"]:
        yield f"\trun interval = {job['plist']['StartInterval']} seconds\n"


def _coalitions(job: launchd.Job) -> Iterator[str]:
    for number, name in enumerate(("resource", "jetsam"), start=job["coalition"]):
        yield f"\t{name} coalition = {{\n\t\tID = {number}\n\t\ttype = {name}\n\t\tstate = active"
        yield f"\t\tactive count = 1\n\t\tname = {job['label']}\n\t}}\n"
