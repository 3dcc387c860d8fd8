"""A Mac's status on screen: endpoints, routes, models on their way, sleep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from macstate import hint
from macstate.endpoint.entry import Endpoint
from macstate.kernel.change import Plan
from macstate.kernel.resource import Actual
from macstate.kinds.model import Model
from macstate.kinds.model.queue import Pull
from macstate.kinds.power import Power
from macstate.printable import printable
from macstate.review import report
from macstate.review.health import Health, healths, ill_gateway, usage
from macstate.review.health.routes import RouteHealth, known, reached
from macstate.review.report.styled import Styled
from macstate.spec.declared import Declared

Line = tuple[str, Styled, str]
"""What the line is about, its state, and details."""
Row = tuple[str, str, str, str | None]
"""The same before it is put in columns, and the colour."""
WIDEST = 30
"""Most characters of the first column; a longer text sticks out of it."""
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
    """The status of one Mac."""

    declared: Declared
    actual: Actual
    plan: Plan
    in_tailnet: bool
    """Whether this laptop can ask the routes."""

    @property
    def healths(self) -> list[Health]:
        """The health of each endpoint."""
        return healths(self.declared, self.actual)

    @property
    def pulls(self) -> dict[str, Pull]:
        """The pulls that go on, by model."""
        models = (have for have in self.actual.resources.values() if isinstance(have, Model))
        return {have.key: have.pull for have in models if have.pull and have.pull.going_on}

    @property
    def failures(self) -> dict[str, str]:
        """Why a model is not here, by its key."""
        wanted = (self.actual.resources.get(change.id) for change in self.plan.changes)
        return {have.key: have.last_failure for have in wanted if isinstance(have, Model) and have.last_failure}

    @cached_property
    def routes(self) -> list[RouteHealth]:
        """The routes with their answers, asked only once; if this laptop cannot ask them, without answers."""
        return reached(self.declared, self.actual) if self.in_tailnet else known(self.declared, self.actual)

    @property
    def goes_on(self) -> bool:
        """Whether a pull or a start goes on."""
        return bool(self.pulls) or any(each.state == "starting" for each in self.healths)

    @property
    def fine(self) -> bool:
        """Whether nobody has to do anything."""
        silent = any(each.state == "silent" for each in self.routes)
        return (
            not (self.plan.changes or self.plan.left or silent)
            and all(each.fine for each in self.healths)
            and not ill_gateway(self.declared, self.actual)
        )

    def _endpoints(self) -> Iterator[Row]:
        entries, answered = self.declared.all(Endpoint), usage.answered(self.declared, self.actual)
        for each in self.healths:
            since = usage.since(each.name, self.actual)
            text = [
                each.text,
                f"for {since}" if since else "",
                answered.get(each.name, "") if each.state in RUNNING else "",
            ]
            yield each.name, each.state, ", ".join(filter(None, text)), COLOURS.get(each.state)
            yield from (_route(route) for route in self.routes if route.endpoint == each.name)
            if each.state not in RUNNING:
                continue
            entry = entries[each.name]
            for model in entry.made_by.loaded(each.name, self.actual):
                yield f"  {model.name}", "loaded", model.text, None
            if ids := entry.made_by.shown(each.name, entry, self.actual):
                yield "  models", "served", ", ".join(ids), None

    def _rows(self) -> Iterator[Row]:
        yield from self._endpoints()
        if gateway := ill_gateway(self.declared, self.actual):
            yield "gateway", gateway.state, gateway.text, COLOURS[gateway.state]
        silent = {each.name for each in self.healths if each.state not in RUNNING}
        for name, pull in self.pulls.items():
            if (endpoint := name.partition("/")[0]) in silent:
                yield name, "waiting", f"its pull goes on when {endpoint} runs", COLOURS["waiting"]
            else:
                yield name, "pulling", str(pull), "yellow"
        for name, why in self.failures.items():
            yield name, "failed", why, "red"
        if self.routes and not self.in_tailnet:
            yield "routes", "not checked", "this laptop is not in the Mac's tailnet", None
        named = {each.name for each in self.healths}
        yield from (_route(route) for route in self.routes if route.endpoint not in named)
        power = [have for have in self.actual.resources.values() if isinstance(have, Power) and have.key == "ac"]
        if power and power[0].sleep is not None:
            timer = power[0].sleep
            yield "sleep", "on" if timer else "off", f"after {timer} min" if timer else "", None
        for why in report.left(self.plan):
            yield "spec", "left", why, "red"
        if self.plan.changes:
            yield "spec", "differs", f"{report.pending(self.plan)}: {hint.command('plan')}", "yellow"
        elif not self.plan.left:
            yield "spec", "matches", "", "green"

    def lines(self) -> Iterator[Line]:
        """Yield a line for each row, in columns that are as wide as their texts."""
        rows = [(printable(about), state, text, colour) for about, state, text, colour in self._rows()]
        first = max((len(about) for about, *_ in rows if len(about) <= WIDEST), default=0)
        second = max((len(state) for _, state, *_ in rows), default=0)
        for about, state, text, colour in rows:
            shown = Styled(f"{state:{second}}" if text else state, colour)
            yield f"{about:{first}}  ", shown, f"  {text}" if text else ""


def _route(route: RouteHealth) -> Row:
    about = "internet" if route.public else "tailnet"
    if route.stray:
        text = f"{route.url} leads to no endpoint of the spec"
        return about, "stray", ", ".join(filter(None, (text, route.text))), COLOURS["stray"]
    text = ", ".join(filter(None, (route.url, route.text)))
    return f"{'  ' if route.endpoint else ''}{about}", route.state or "set up", text, COLOURS.get(route.state)


class Screen:
    """Progress bars of the pulls, on a terminal; elsewhere nothing."""

    def __enter__(self) -> Self:
        """Begin without bars."""
        from rich.progress import (  # noqa: PLC0415 - slow to load, and needed only to wait
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
        """Remove the bars."""
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
