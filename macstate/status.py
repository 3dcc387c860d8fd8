"""How a Mac is, on screen: endpoints, routes, models on their way, sleep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from macstate import report
from macstate.change import Plan
from macstate.found import Found
from macstate.health import Health, healths, usage
from macstate.health.routes import Route, asked, known
from macstate.ollama.pulls import Pull
from macstate.printable import printable
from macstate.report.styled import Styled
from macstate.resources.model import Model
from macstate.resources.power import Power
from macstate.wishes import Wishes

Line = tuple[str, Styled, str]
"""What it is about, its state, and more."""
RUNNING = {"up", "starting", "wrong"}
COLOURS = {
    "up": "green",
    "starting": "yellow",
    "waiting": "yellow",
    "stopped": "yellow",
    "down": "red",
    "wrong": "red",
    "silent": "red",
    "missing": "yellow",
    "stray": "yellow",
    "unknown": "yellow",
}


@dataclass(frozen=True)
class Status:
    """One Mac."""

    wishes: Wishes
    found: Found
    plan: Plan
    in_tailnet: bool
    """Whether routes can be asked from here."""

    @property
    def healths(self) -> list[Health]:
        """How each endpoint is."""
        return healths(self.wishes, self.found)

    @property
    def pulls(self) -> dict[str, Pull]:
        """What is on its way, by model."""
        models = (was for was in self.found.resources.values() if isinstance(was, Model))
        return {was.key: was.pull for was in models if was.pull and was.pull.going_on}

    @property
    def failures(self) -> dict[str, str]:
        """Why a model is not here, by model."""
        wanted = (self.found.resources.get(change.id) for change in self.plan.changes)
        return {was.key: was.last_failure for was in wanted if isinstance(was, Model) and was.last_failure}

    @cached_property
    def routes(self) -> list[Route]:
        """What the routes answer, asked once; where they cannot be asked from here, which there are."""
        return asked(self.wishes, self.found) if self.in_tailnet else known(self.wishes, self.found)

    @property
    def goes_on(self) -> bool:
        """Whether there is something to wait for."""
        return bool(self.pulls) or any(each.state == "starting" for each in self.healths)

    @property
    def fine(self) -> bool:
        """Whether nobody has to do anything."""
        silent = any(each.state == "silent" for each in self.routes)
        return not (self.plan.changes or self.plan.left or silent) and all(each.fine for each in self.healths)

    def _endpoints(self) -> Iterator[Line]:
        entries, answered = dict(self.wishes.entries), usage.answered(self.wishes, self.found)
        for each in self.healths:
            since = usage.since(each.name, self.found)
            text = [
                each.text,
                f"for {since}" if since else "",
                answered.get(each.name, "") if each.state in RUNNING else "",
            ]
            yield _line(each.name, each.state, ", ".join(filter(None, text)), COLOURS.get(each.state))
            yield from (_route(route) for route in self.routes if route.endpoint == each.name)
            if each.state not in RUNNING:
                continue
            for model in usage.loaded(each.name, self.found):
                yield _line(f"  {model.name}", "loaded", model.text, None)
            if ids := usage.listed(each.name, entries[each.name], self.found):
                yield _line("  models", "served", ", ".join(ids), None)

    def lines(self) -> Iterator[Line]:
        """Give a line for each thing."""
        yield from self._endpoints()
        for name, pull in self.pulls.items():
            yield _line(name, "pulling", str(pull), "yellow")
        for name, why in self.failures.items():
            yield _line(name, "failed", why, "red")
        if self.routes and not self.in_tailnet:
            yield _line("routes", "unasked", "this laptop is not in the Mac's tailnet", None)
        named = {each.name for each in self.healths}
        yield from (_route(route) for route in self.routes if route.endpoint not in named)
        power = [was for was in self.found.resources.values() if isinstance(was, Power) and was.key == "ac"]
        if power and power[0].sleep is not None:
            timer = power[0].sleep
            yield _line("sleep", "off" if not timer else "on", "" if not timer else f"after {timer} min", None)
        for why in report.left(self.plan):
            yield _line("spec", "left", why, "red")
        if self.plan.changes:
            yield _line("spec", "differs", f"{report.pending(self.plan)}: `macstate plan`", "yellow")
        elif not self.plan.left:
            yield _line("spec", "as is", "the Mac matches it", "green")


def _route(route: Route) -> Line:
    audience = "for the internet" if route.public else ""
    if not route.endpoint:
        text = f"leads to no endpoint of the spec{f', {audience}' if audience else ''}"
        return _line(route.url, "stray", ", ".join(filter(None, (text, route.text))), COLOURS["stray"])
    text = ", ".join(filter(None, (route.text, audience)))
    return _line(f"  {route.url}", route.state or "there", text, COLOURS.get(route.state))


def _line(about: str, state: str, text: str, colour: str | None) -> Line:
    return f"{printable(about):24} ", Styled(f"{state:8}", colour), f" {text}" if text else ""


class Screen:
    """Bars that move, on a terminal; elsewhere nothing."""

    def __enter__(self) -> Self:
        """Begin without bars."""
        from rich.progress import (  # noqa: PLC0415 - slow to load, and for those who wait only
            BarColumn,
            DownloadColumn,
            Progress,
            TaskID,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self.progress = Progress(*columns, TimeRemainingColumn(), transient=True)
        self.tasks: dict[str, TaskID] = {}
        if self.progress.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bars away."""
        if self.progress.console.is_terminal:
            self.progress.stop()

    def show(self, status: Status) -> None:
        """Move the bars."""
        for name, pull in status.pulls.items():
            if name not in self.tasks:
                self.tasks[name] = self.progress.add_task(printable(name), total=None)
            self.progress.update(self.tasks[name], total=pull.total or pull.bytes or None, completed=pull.completed)
        for name in [name for name in self.tasks if name not in status.pulls]:
            self.progress.remove_task(self.tasks.pop(name))
