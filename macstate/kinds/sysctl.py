"""A value of the kernel that can be changed while it runs, and is lost at reboot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step

WIRED_LIMIT = "iogpu.wired_limit_mb"
"""The memory that the GPU may take, in MB; from macOS 14 on, on Apple silicon."""
READ_ONLY = f"this macOS does not let {WIRED_LIMIT} be changed; take gpu_memory out of the spec"


class Sysctl(Resource):
    """One value, by its name."""

    kind: ClassVar[str] = "sysctl"
    setting: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = (f"sysctl {WIRED_LIMIT}",)
    absent: ClassVar[tuple[int, ...]] = (1,)  # unknown oid

    key: Literal["iogpu.wired_limit_mb"] = "iogpu.wired_limit_mb"
    value: int | None = None

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read `NAME: VALUE`, or `NAME: OLD -> NEW` while it was being set."""
        line = rf"^{re.escape(WIRED_LIMIT)}: (?:\d+ -> )?(\d+)$"
        if match := re.search(line, outputs.get(f"sysctl {WIRED_LIMIT}", ""), re.MULTILINE):
            yield cls(value=int(match[1]))

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Set it until the next reboot."""
        del have
        yield Run(("sysctl", f"{self.key}={self.value}"), refusal=("is read only", READ_ONLY))
