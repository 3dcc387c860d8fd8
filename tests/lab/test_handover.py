"""Ports, routes and keys change hands on a Mac that is asked all the while, from the tailnet and from the internet."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
import yaml
from lab.conftest import Lab
from laptop import REFERENCE

pytestmark = pytest.mark.lab
PAIRS = 20
NAMES = ("one", "two", "three")
PORTS = (8000, 8001, 8080, 8081, 9080, 9081)
ROUTES: tuple[Any, ...] = (None, "/", "/a", "/b", {"https": 7860})
FUNNELS: tuple[Any, ...] = (None, {"https": 8443}, {"https": 10000}, {"https": 8443, "path": "/p"})
MACS = yaml.safe_load(REFERENCE)["macs"]
ASKED = [*product((443, 7860), ("/x", "/a/x", "/b/x"), [False]), *product((8443, 10000), ("/x", "/p/x"), [True])]
Reached = set[tuple[int, str]]
"""(HTTPS port, server) of what answered without a key."""


def some_spec(chance: random.Random) -> str:
    """Give up to three servers on few ports and mounts, with a gateway or without."""
    ports, gate = chance.sample(PORTS, len(PORTS)), chance.random() < 0.8
    endpoints: dict[str, Any] = {}
    taken: list[Any] = []
    for name in chance.sample(NAMES, chance.randint(1, 3)):
        command = [f"/opt/homebrew/bin/{name}", "--port", "{port}"]
        entry: dict[str, Any] = {"engine": "rest", "command": command, "port": ports[len(endpoints)]}
        for field, choices in (("serve", ROUTES), *([("funnel", FUNNELS)] if gate else [])):
            route = chance.choice(choices)
            if route and (field, route) not in taken:
                taken.append((field, route))
                entry[field] = route
        if gate and chance.random() < 0.5:
            entry["require_key"] = chance.random() < 0.5
        endpoints[name] = entry
    spec: dict[str, Any] = {"macs": MACS, "endpoints": endpoints}
    if gate:
        doors = {"tailnet": {443: ports[3], 7860: ports[4]}, "funnel": ports[5]}
        keys = {"agents": "generate"}
        spec["gateway"] = {"server": chance.choice(["nginx", "caddy"]), "ports": doors, "keys": keys}
    return str(yaml.safe_dump(spec))


def ask(lab: Lab, port: int, path: str, *, public: bool) -> str:
    """Give the name of the server that answers without a key; empty: none does."""
    with contextlib.suppress(Exception):  # while the Mac changes anything may go wrong
        answer = (lab.tailnet.get_from_internet if public else lab.tailnet.get)(path, port)
        return str(json.loads(answer.body).get("server", ""))
    return ""


def reached(lab: Lab) -> Reached:
    return {(port, name) for port, path, public in ASKED if (name := ask(lab, port, path, public=public))}


@contextmanager
def asked_without_pause(lab: Lab) -> Iterator[Reached]:
    """Ask at every port all the while, the internet's in one thread and the tailnet's in another."""
    seen: Reached = set()
    over = threading.Event()

    def go_on(*, public: bool) -> None:
        while not over.is_set():
            for port, path, way in ASKED:
                if way == public and (name := ask(lab, port, path, public=public)):
                    seen.add((port, name))

    threads = [threading.Thread(target=go_on, kwargs={"public": public}) for public in (False, True)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_nobody_new_reaches_a_server_without_a_key_while_a_run_is_under_way(
    lab: Lab, share: Callable[[int], int]
) -> None:
    for name in NAMES:
        lab.mac.install(name, f"opt/homebrew/bin/{name}")
    chance = random.Random(20261126)
    code, said = lab.deploy(spec=some_spec(chance))
    assert code == 0, said
    before, pairs = reached(lab), 0
    while pairs < share(PAIRS):
        spec = some_spec(chance)
        with asked_without_pause(lab) as seen:
            code, said = lab.deploy(spec=spec, allow="lose-key,removal")
        assert code == 0, said
        after = reached(lab)
        assert seen <= before | after, (spec, said)
        assert {name for port, name in seen | after if port in (8443, 10000)} == set()
        before, pairs = after, pairs + 1
