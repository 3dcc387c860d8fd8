"""A value of the kernel's that can be changed while it runs, and is gone at reboot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from macstate.kernel.outputs import Outputs
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step

WIRED_LIMIT = "iogpu.wired_limit_mb"
"""How much memory the GPU may take, in MB: macOS 14 on, on Apple silicon."""
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
        """Read `NAME: VALUE`; where it was being set, `NAME: OLD -> NEW`."""
        line = rf"^{re.escape(WIRED_LIMIT)}: (?:\d+ -> )?(\d+)$"
        if match := re.search(line, outputs.get(f"sysctl {WIRED_LIMIT}", ""), re.MULTILINE):
            yield cls(value=int(match[1]))

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Set it, from now on and until the next reboot."""
        del have
        yield Run(("sysctl", f"{self.key}={self.value}"), refusal=("is read only", READ_ONLY))
