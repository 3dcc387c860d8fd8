"""nginx, as Homebrew builds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from macstate.gateway.server import Server

EARLY = (400, 405, 414, 431)
"""The answers (``answers.ERRORS``) that nginx may give before it knows the path."""


class Nginx(Server):
    """nginx limits requests itself, and leaves the rotation of its access log to others."""

    name: ClassVar[str] = "nginx"
    order: ClassVar[int] = 1
    formula: ClassVar[str] = "nginx"
    file: ClassVar[str] = "nginx.conf"
    run: ClassVar[str] = "-e stderr -p {prefix} -c {config}"
    check: ClassVar[str] = "-e stderr -p {prefix} -c {config} -t -q"
    signal: ClassVar[str] = "SIGHUP"
    about: ClassVar[tuple[str, ...]] = ("-V",)
    # the time to the minute, in ISO 8601; nginx.conf.j2 defines the log's format
    counted: ClassVar[str] = (
        r's/^\{"time":"(20[0-9-]{8}T[0-9]{2}:[0-9]{2}):[0-9]{2}([+-][0-9]{2}:[0-9]{2})","door":"([a-z]+\/[0-9]+)".*'
        r'"status":[23][0-9]{2},.*"path":"(\/[^" ]*)".*/\1\2 \3 \4/p'
    )
    signed: ClassVar[str] = "nginx"
    limits: ClassVar[str] = "limit_req of nginx"
    values: ClassVar[Mapping[str, object]] = {"early": EARLY}


SERVER = Nginx()
