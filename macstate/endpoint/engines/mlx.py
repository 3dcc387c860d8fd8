"""mlx_lm.server, which serves one model of Hugging Face's."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from macstate.endpoint.engine import MODELS, Engine, Server
from macstate.kernel.resource import Actual


class Mlx(Engine):
    """It is started with its model."""

    name: ClassVar[str] = "mlx"
    order: ClassVar[int] = 2
    sample: ClassVar[str] = "{engine: mlx, model: mlx-community/Qwen3-8B-4bit}"
    program: ClassVar[str] = "/opt/homebrew/bin/mlx_lm.server"
    formula: ClassVar[str] = "mlx-lm"
    arguments: ClassVar[tuple[str, ...]] = ("--model", "{model}", "--host", "127.0.0.1", "--port", "{port}")
    # a model that cannot be loaded is 503 there (mlx-lm 0.32.2); 0.31.3 says that all is well, and answers no chat
    health: ClassVar[str] = "/health"

    def downloads(self, server: Server) -> str:
        """Say that it fetches its model from Hugging Face."""
        if not server.model or server.model.startswith("/"):
            return ""
        return f"its server downloads {server.model} at its first start, unless it is here; its size is not known"

    def serves(self, name: str, server: Server, actual: Actual) -> Collection[str] | str:
        """Leave out what its list is: of all that was ever downloaded, without what it serves until that is."""
        here = super().serves(name, server, actual)
        absent = [] if isinstance(here, str) else [model for model in server.all_models if model not in here]
        return (
            f"{MODELS} lists what is downloaded, and {', '.join(absent)} is not in it, or not yet" if absent else here
        )

    def shown(self, name: str, server: Server, actual: Actual) -> Collection[str]:
        """Nothing: what it lists is not what it serves."""
        del name, server, actual
        return ()


ENGINE = Mlx()
