"""nginx, as Homebrew builds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from macstate.gateway.server import Server

EARLY = (400, 405, 414, 431)
"""The answers (``gate.ERRORS``) that may come before it knows the path."""


class Nginx(Server):
    """It counts requests itself, and leaves its access log to whoever rotates logs."""

    name: ClassVar[str] = "nginx"
    place: ClassVar[int] = 1
    formula: ClassVar[str] = "nginx"
    file: ClassVar[str] = "nginx.conf"
    run: ClassVar[str] = "-e stderr -p {prefix} -c {config}"
    check: ClassVar[str] = "-e stderr -p {prefix} -c {config} -t -q"
    signal: ClassVar[str] = "SIGHUP"
    about: ClassVar[tuple[str, ...]] = ("-V",)
    # to the minute, as ISO 8601; the format is nginx.conf.j2's own
    counted: ClassVar[str] = (
        r's/^\{"time":"(20[0-9-]{8}T[0-9]{2}:[0-9]{2}):[0-9]{2}([+-][0-9]{2}:[0-9]{2})","door":"([a-z]+\/[0-9]+)".*'
        r'"status":[23][0-9]{2},.*"path":"(\/[^" ]*)".*/\1\2 \3 \4/p'
    )
    signed: ClassVar[str] = "nginx"
    limits: ClassVar[str] = "limit_req of nginx"
    values: ClassVar[Mapping[str, object]] = {"early": EARLY}


SERVER = Nginx()
