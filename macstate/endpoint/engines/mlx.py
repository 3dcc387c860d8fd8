"""mlx_lm.server, which serves one model from Hugging Face."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from macstate.endpoint.engine import MODELS, EndpointView, Engine
from macstate.kernel.resource import Actual


class Mlx(Engine):
    """A server that is started with its one model."""

    name: ClassVar[str] = "mlx"
    one_model: ClassVar[str] = "`model: mlx-community/Qwen3-8B-4bit`, or another of Hugging Face's"
    order: ClassVar[int] = 2
    sample: ClassVar[str] = "{engine: mlx, model: mlx-community/Qwen3-8B-4bit}"
    program: ClassVar[str] = "/opt/homebrew/bin/mlx_lm.server"
    formula: ClassVar[str] = "mlx-lm"
    arguments: ClassVar[tuple[str, ...]] = ("--model", "{model}", "--host", "127.0.0.1", "--port", "{port}")
    # 503 if the model cannot be loaded (mlx-lm 0.32.2); 0.31.3 says that all is well, and answers no chat
    health: ClassVar[str] = "/health"

    def downloads(self, endpoint: EndpointView) -> str:
        """Return that it downloads its model from Hugging Face, unless the model is a path."""
        if not endpoint.model or endpoint.model.startswith("/"):
            return ""
        return f"its server downloads {endpoint.model} at its first start, unless it is here; its size is not known"

    def serves(self, name: str, endpoint: EndpointView, actual: Actual) -> Collection[str] | str:
        """Return its models; a text if its list, which has only what was ever downloaded, lacks one."""
        here = super().serves(name, endpoint, actual)
        absent = [] if isinstance(here, str) else [model for model in endpoint.all_models if model not in here]
        return (
            f"{MODELS} lists what is downloaded, and {', '.join(absent)} is not in it, or not yet" if absent else here
        )

    def shown(self, name: str, endpoint: EndpointView, actual: Actual) -> Collection[str]:
        """Return nothing: it lists other models than it serves."""
        del name, endpoint, actual
        return ()


ENGINE = Mlx()
