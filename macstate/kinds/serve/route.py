"""Where an endpoint is served: a path on an HTTPS port."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from macstate.language import meant
from macstate.language.entry import Entry
from macstate.language.types import LONGEST_PATH, Port


def _mount(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", value) or not value.startswith("/"):
        raise ValueError(f"{value!r} is not a path to serve at; type it from the root: `{meant.mount(value)}`")
    if any(part in {".", ".."} for part in value.split("/")):
        plain = posixpath.normpath(value)
        raise ValueError(f"{value!r} has dots for a folder; type the path itself: `{plain}`")
    if len(value) > LONGEST_PATH:
        raise ValueError(f"a path has at most {LONGEST_PATH} characters here, and this has {len(value)}")
    return canonical(value)


def canonical(mount: str) -> str:
    """Return a mount in its one spelling: Serve takes ``/x`` and ``/x/`` for the same (measured)."""
    return mount.rstrip("/") or "/"


class Route(Entry):
    """Where Tailscale Serve answers with HTTPS."""

    sample: ClassVar[str] = "{path: /vllm}"

    https: Port = 443
    """The HTTPS port on the Mac's tailnet name."""
    path: Annotated[str, AfterValidator(_mount)] = "/"
    """The path below which everything goes to this endpoint; ``/x`` and ``/x/`` are one."""
    keep_path: bool = False
    """Whether the server gets the path with the mount (Serve itself takes the mount off)."""

    @classmethod
    def instead(cls, name: str, value: object) -> str:
        """Return a number alone as the HTTPS port, and a list of one text as the path."""
        del name
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
            return meant.mount(value[0])
        return f"{{https: {value}}}" if isinstance(value, int) and 0 < value < 65536 else "true"  # noqa: PLR2004 - TCP


def written_out(name: str, value: object) -> object:
    """Return the long form: ``/path`` is ``{path: /path}``, true is the entry's name as the path, false is no route."""
    if isinstance(value, bool):
        value = f"/{name}" if value else None
    return {"path": value} if isinstance(value, str) else value
