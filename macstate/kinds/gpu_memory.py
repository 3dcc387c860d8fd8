"""How much memory the GPU may take: set now, and at every boot."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from macstate.errors import MacstateError
from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Resource
from macstate.kinds.launchd.job import of_root
from macstate.kinds.sysctl import WIRED_LIMIT, Sysctl

if TYPE_CHECKING:
    from macstate.language.scope import Scope

LABEL = "macstate.gpu-memory"
MOST_GB = 1024
"""A number from this on, typed without a unit, is meant in megabytes."""
PROGRAM = "/usr/sbin/sysctl"


class GpuMemory(Declaration):
    """How much memory the GPU may take, from now on and after each reboot (Apple silicon, macOS 14 on): ``48GB``."""

    sample: ClassVar[str] = "{wired_limit_mb: 49152}"
    section: ClassVar[str] = "gpu_memory"
    short: ClassVar[Any] = Annotated[str, Field(pattern=r"^\d+[MG]B$")]

    becomes: ClassVar[Mapping[str, str]] = {"wired_limit_mb": "`sysctl iogpu.wired_limit_mb=…`, now and at each boot"}

    wired_limit_mb: Annotated[int, Field(ge=0, json_schema_extra={"x-unit": "megabytes"})]
    """Megabytes; a cap, not a reservation: leave macOS some. 0 is its own choice, about 2/3 to 3/4 of the memory."""

    @classmethod
    def written_out(cls, name: str, value: Any) -> Any:
        """Read a size in the units of a Mac's memory, 1 GB = 1024 MB."""
        del name
        match = re.fullmatch(r"(\d{1,6})([MG])B", value) if isinstance(value, str) else None
        return {"wired_limit_mb": int(match[1]) * (1024 if match[2] == "G" else 1)} if match else value

    @model_validator(mode="before")
    @classmethod
    def _is_size(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        shown = value if isinstance(value, str) else json.dumps(value, default=str)
        if re.fullmatch(r"\s*[\d.]+\s*%\s*", shown):
            raise ValueError(f"{shown} is a share of the memory, which is not taken; type the size, such as `48GB`")
        match = re.fullmatch(r"\s*(\d{1,6})\s*([mg])?(i?b)?\s*", shown.lower())
        if not match:
            raise ValueError(f"{shown} is not a size; type a number with its unit, such as `48GB`")
        count = int(match[1])
        unit = match[2] or ("g" if count < MOST_GB else "m")
        why = "is not a size as it is typed here" if match[2] else "has no unit"
        raise ValueError(f"{shown} {why}; type `{count}{unit.upper()}B`")

    def lists(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the label of its job."""
        del name
        yield "label", LABEL

    def expand(self, name: str, scope: Scope) -> Iterator[Resource]:
        """Yield the setting, and a job that sets it at boot: a reboot resets it, and /etc/sysctl.conf is not read.

        Raises:
            MacstateError: this Mac has no such limit.
        """
        machine = scope.facts.machine
        if machine.memory is not None and machine.wired_limit is None:
            why = f"this Mac has no {WIRED_LIMIT} (it came with macOS 14 on Apple silicon)"
            raise MacstateError(f"{name}: {why}; take {name} out of the spec, or update macOS on this Mac")
        yield Sysctl(value=self.wired_limit_mb)
        yield of_root(LABEL, scope.facts, (PROGRAM, f"{WIRED_LIMIT}={self.wired_limit_mb}"), run_at_load=True)
