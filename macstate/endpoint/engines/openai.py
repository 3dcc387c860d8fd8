"""Any server that speaks OpenAI's API, such as vLLM, llama-server, SGLang."""

from __future__ import annotations

from typing import ClassVar

from macstate.endpoint.engine import Engine


class OpenAI(Engine):
    """The base class as it is."""

    name: ClassVar[str] = "openai"
    order: ClassVar[int] = 3


ENGINE = OpenAI()
