"""``supervise``: stay with one job that really runs, as long as there is something to wait for."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress

from . import keepalive, processes, surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

    from .machine import Mac
    from .real import Job

HEARTBEAT = 2.0
"""Seconds between two checks that the Mac's folder still exists, since it may be deleted."""
CONFIG = 78


def main(mac: Mac, _tool: str, words: list[str]) -> int:
    """Carry out the state's orders, each time it is woken."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # the caller may ignore it, which the program would inherit
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    readable, writable = os.pipe()
    for end in (readable, writable):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    supervisor = Supervisor(mac, words[0])
    while (pause := supervisor.step()) is not None:
        select.select([readable], [], [], pause)
        with suppress(BlockingIOError):
            os.read(readable, 1024)
    return 0


class Supervisor:
    """The supervisor of one job."""

    def __init__(self, mac: Mac, target: str) -> None:
        self.mac = mac
        self.target = target
        self.child: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.asked: float | None = None
        """When SIGTERM was sent to the program; None: it was not."""
        self.again: float | None = None
        """When KeepAlive starts the program again; None: never."""
        self.interval = float(mac.state["launchd"]["jobs"].get(target, {}).get("plist", {}).get("StartInterval", 0))
        self.tick = time.monotonic() + self.interval if self.interval else None

    def step(self) -> float | None:
        """Do what is due; return the seconds until more may be due, or None if nothing ever will be."""
        try:
            job: Job | None = self.mac.state["launchd"]["jobs"].get(self.target)
        except OSError:
            self._end()
            raise
        if not job or (job.get("supervisor") or {}).get("pid") != os.getpid():  # another supervisor has the job
            self._end()
            return None
        pause = self._manage(job, time.monotonic())
        self.mac.save()
        return pause

    def _end(self) -> None:
        if self.child:
            with suppress(OSError):
                os.killpg(self.child.pid, signal.SIGKILL)

    def _manage(self, job: Job, now: float) -> float | None:
        if self.child and _has_ended(self.child):
            self._ended(job, self.child)
        order, due = job["order"], self._is_due(now)
        if self.child and order in {"restart", "stop", "end"}:
            return self._press(self.child.pid, keepalive.patience(job), now)
        if order == "stop" or (order and job["gone_at"]):
            del self.mac.state["launchd"]["jobs"][self.target]
            return None
        if not self.child and order != "end" and (order or due):
            self._start(job, now)
        job["order"] = None
        times = [moment for moment in (self.again, self.tick) if moment is not None]
        if order == "end" or not (self.child or times):
            job["supervisor"] = None
            job["state"] = "not running" if order == "end" else job["state"]
            return None
        return max(0.0, min([HEARTBEAT, *(moment - now for moment in times)]))

    def _is_due(self, now: float) -> bool:
        due = self.tick is not None and now >= self.tick
        if due:
            self.tick = now + self.interval
        return due or (self.again is not None and now >= self.again)

    def _press(self, pid: int, patience: float, now: float) -> float:
        if self.asked is None:
            self.asked = now
            os.kill(pid, signal.SIGTERM)
        left = self.asked + patience - now
        if left <= 0:
            os.kill(pid, signal.SIGKILL)
        return min(left, HEARTBEAT) if left > 0 else HEARTBEAT

    def _start(self, job: Job, now: float) -> None:
        self.started, self.asked, self.again = now, None, None
        job["runs"] += 1
        job["pended"] = None
        self.child = surroundings.start(self.mac, job)
        if self.child:
            job.update(state="running", pid=self.child.pid, since=processes.began(self.child.pid))
        else:
            self._note(job, CONFIG)
            job["state"] = "spawn scheduled"

    def _ended(self, job: Job, child: subprocess.Popen[bytes]) -> None:
        if not job["plist"].get("AbandonProcessGroup"):
            with suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
        self._note(job, child.wait())
        self.child = None

    def _note(self, job: Job, code: int) -> None:
        again = keepalive.wants_again(job, code)
        if again and job["domain"].startswith("gui/"):  # measured: a job loaded over SSH stays down after a crash
            again, job["pended"] = False, "speculative"
        self.again = self.started + keepalive.throttle(job) if again else None
        job.update(pid=None, since=None, signal=None, state="spawn scheduled" if again else "not running")
        if code < 0:
            job["signal"] = f"{(signal.strsignal(-code) or '').partition(':')[0]}: {-code}"
        else:
            job["last_exit"] = "78: EX_CONFIG" if code == CONFIG else str(code)


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return child.poll() is not None
    # the program is still a zombie: nobody else gets its number yet, and its process group can be ended
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
