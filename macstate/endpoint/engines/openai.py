"""Any server that speaks OpenAI's API, such as vLLM, llama-server, SGLang."""

from __future__ import annotations

from typing import ClassVar

from macstate.endpoint.engine import Engine


class OpenAI(Engine):
    """What the base class says is about this one."""

    name: ClassVar[str] = "openai"
    order: ClassVar[int] = 3


ENGINE = OpenAI()
