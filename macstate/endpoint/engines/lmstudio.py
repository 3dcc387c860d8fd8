"""LM Studio, the app or its headless llmster: many models, downloaded in it, and loaded when they are asked for.

From the documentation of 0.4 (lmstudio.ai/docs/developer) and the sources of `lms` and lmstudio.js, read in 2026 and
not tried on a Mac: `lms server start` starts a program in the background, makes it listen, and ends. No form of it
stays, as a launchd job must. It starts the app itself with `--run-as-service`, or llmster, whose path stands in
`~/.lmstudio/.internal/llmster-install-location.json`. Both open their server again as it was left, so a port other than
1234 is set once, by `lms server start --port`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from macstate.endpoint.engine import ANTHROPIC, LISTS, OPENAI, EndpointView, Engine
from macstate.language.document import Placed

OWN = ("/api/v0/chat/completions", "/api/v0/completions", "/api/v0/embeddings")
STAYS = '`command: ["/Applications/LM Studio.app/Contents/MacOS/LM Studio", --run-as-service]` with `domain: gui`'


class LMStudio(Engine):
    """The rest of its API manages models, or lets them use the tools on the Mac (``/api/v1/chat``)."""

    name: ClassVar[str] = "lmstudio"
    told: ClassVar[str] = "OpenAI's API at `/v1`, LM Studio's own at `/api/v0`"
    no_command: ClassVar[str] = f"has no default, as `lms server start` ends at once; add what stays, such as {STAYS}"
    port: ClassVar[int | None] = 1234
    lists: ClassVar[tuple[str, ...]] = ("/api/v0/models", "/api/v0/models/*", "/api/v1/models", *LISTS)
    routes: ClassVar[tuple[str, ...] | None] = (*OWN, *OPENAI, *ANTHROPIC)
    # it lists every downloaded model or, if it loads none by itself, every loaded one
    lists_all: ClassVar[bool] = True

    def mistakes(self, name: str, endpoint: EndpointView) -> Placed:
        """Refuse ``lms``, which ends once the server listens, so that launchd would start it again and again."""
        yield from super().mistakes(name, endpoint)
        if endpoint.command and endpoint.command[0].rpartition("/")[2] == "lms":
            why = "lms ends as soon as the server listens, and launchd would start it again and again"
            yield ("endpoints", name, "command"), f"command: {why}; type what stays, such as {STAYS}"

    def watched(self, endpoint: EndpointView, model: str) -> Iterator[tuple[str, str]]:
        """Let the watchdog ask only a resident model, or one that only the watchdog names.

        A question loads its model, and by default unloads the one that somebody else's question has loaded.
        """
        if model in endpoint.all_models:
            model = next((name for name, entry in endpoint.all_models.items() if entry.resident), "")
        if not model:
            yield "ASK", "0"
        yield from super().watched(endpoint, model)


ENGINE = LMStudio()
