"""Where the guide is to be found: on the Mac, and behind the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PAGE = "/macstate/"
"""The page; below it lies everything of the guide but what agents look for."""
AGENTS = "/llms.txt"
STATE = f"{PAGE}state/"
"""Below it, by an endpoint's name: whether it answers."""
KEY = f"{PAGE}key"
"""At every door: 204 for whoever has a key. It leads to no server, so that a change of keys can be proven by it."""
FILES = {PAGE: "index.html", f"{PAGE}guide.md": "guide.md", AGENTS: "llms.txt"}
"""What is asked for, and the file that answers."""
HTTPS = 443


def page_port(endpoints: Mapping[str, Any]) -> int | None:
    """Say on which HTTPS port of the tailnet the guide is: 443 where an endpoint is, else the lowest that one has."""
    ports = {endpoint.serve.https for endpoint in endpoints.values() if endpoint.serve and not endpoint.is_off}
    return HTTPS if HTTPS in ports else min(ports, default=None)


def mounts(endpoints: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the paths that Serve must be told of: none where an endpoint has the root, for all below it comes in too."""
    routes = {(each.serve.https, each.serve.path) for each in endpoints.values() if each.serve and not each.is_off}
    return () if (page_port(endpoints), "/") in routes else (PAGE.rstrip("/"), AGENTS)
