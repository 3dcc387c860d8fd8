"""A model of an Ollama server, pulled through the server's API. A pull, which may take hours, is in the background."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from macstate.kernel import scripts
from macstate.kernel.outputs import Outputs, UnreadableError, runs_of
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step
from macstate.kinds.model.names import full, near
from macstate.kinds.model.queue import MOST, Pull, pulls

if TYPE_CHECKING:
    from macstate.kernel.resource import Actual

PROGRAM = "/Library/macstate/bin/pull"
"""Where pull.sh lies on a Mac."""
REFUSED = 7
"""curl's exit status if nobody listens: then the server's models are unknown."""
NO_SUCH_MODEL = "file does not exist"


@cache
def program() -> str:
    """Return the text of the program that has models pulled."""
    shared = map(scripts.bare, ("digits.sh", "bounded.sh", "started.sh"))
    return "\n".join((scripts.whole("pull.sh", __name__), *shared, 'begin "$@"\n'))


def size(count: int) -> str:
    """Return a number of bytes for people, in the units of Ollama's own lists (1 GB is 10^9 bytes)."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004 - a tenth of one


def counted(value: object) -> int | None:
    """Return a number of bytes that a server tells; None if it is none, or more than a disk could hold."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MOST else None


class Model(Resource):
    """One model; its key is ``ENDPOINT/NAME:TAG``."""

    kind: ClassVar[str] = "model"
    alone: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = ("curl /api/tags", "pulls", "sizes", "aliases")
    help: ClassVar[Mapping[int, str]] = {
        22: "it answers with an error",
        28: "it does not answer within 10 seconds",
    }
    script: ClassVar[str] = f"{scripts.bare('started.sh')}\n{scripts.bare('models.sh', __name__)}"
    absent: ClassVar[tuple[int, ...]] = (REFUSED,)
    gone: ClassVar[str] = (
        "no longer macstate's: it is deleted, its name is another's now, or its server left the spec and it stays there"
    )
    not_compared: ClassVar[frozenset[str]] = Resource.not_compared | {"size", "port", "folder", "pull", "twin"}

    pulled: bool | None = None
    digest: str | None = None
    """Desired: the digest that it is pinned to, or the beginning of it. Actual: its digest."""
    size: int | None = None
    """Bytes on the disk; for a desired model that is not here, the bytes that its registry tells."""
    port: int | None = None
    """Its server's loopback port."""
    folder: str = ""
    """The folder in which its server keeps models."""
    twin: str = ""
    """Another name that its server lists for the same files; actual only."""
    pull: Pull | None = None
    """A pull that goes on, or has failed; actual only."""

    @property
    def root(self) -> bool:
        """False: its server takes orders from everybody on the Mac."""
        return False

    @property
    def exists(self) -> bool:
        """Whether it is here, or on its way."""
        return bool(self.pulled or (self.pull and self.pull.going_on))

    @property
    def last_failure(self) -> str:
        """Why the last pull has failed; empty if it has not."""
        if self.pull is None or self.pull.going_on:
            return ""
        return f"the last pull failed: {self.pull.answer}" if self.pull.state == "failed" else "its pull was cut off"

    def because(self, have: Self, differing: Sequence[str], state: str) -> str:
        """Return how its last pull, or that of another version, failed."""
        del state
        return have.last_failure if not have.exists or [*differing] == ["digest"] else ""

    def brief(self, *, going: bool = False) -> str:
        """Return what is to be downloaded, or what is deleted."""
        if going and self.twin:
            return f"its name is deleted; its files go with the last of their names: {self.twin} is one"
        if going:
            return f"deleted from the disk{f': frees {size(self.size)}' if self.size else ''}"
        return f"{size(self.size)} to download" if self.size else "to download; its size is not known"

    def beside(self, actual: Actual, desired: Mapping[str, Resource]) -> Self | None:
        """Return it with what its registry says of it; None if it has left the spec, and an alias takes its name now.

        A recorded model that cannot be seen, since its disk is away or its server does not run, counts as there.
        """
        alias = desired.get(f"alias/{self.key}")
        source = actual.resources.get(f"{self.kind}/{self.key.partition('/')[0]}/{getattr(alias, 'source', '')}")
        if not self.managed and isinstance(source, Model) and source.pulled:
            return None
        outputs, (owner, _, name) = actual.outputs.get(self.kind, {}), self.key.partition("/")
        line, unseen = actual.record.lines.get(self.id), {"pulled": None, "digest": None}
        away = actual.facts.machine.is_away(self.folder)
        if away and line:
            return self.model_copy(update=unseen)
        why = f"{self.folder} is on a disk that is not mounted" if away else ""
        if re.search(rf"(?m)^{re.escape(name)}\t-$", outputs.get(f"sizes {owner}", "")):
            hint = f"; did you mean {meant}?" if (meant := near(name)) else ""
            why = f"its registry has no such model{hint}"
        silent = outputs.get(f"curl /api/tags {owner} {self.port}") == ""
        ours = unseen if silent and line and line.state == "owned" else {}
        return self.model_copy(update={"size": announced(outputs).get(self.key), "unreadable": why, **ours})

    def note(self, have: Self | None) -> str:
        """Return that a pull goes on, or that the model is no longer declared and stays."""
        if have is None or not have.exists:
            return ""
        if have.pull and have.pull.going_on:
            return f"is on its way: {have.pull}"
        frees = f"frees {size(have.size)}" if have.size else "deletes it"
        return "" if self.managed else f"is no longer declared and stays; `prune_models: true` {frees}"

    def unlike(self, have: Self | None) -> list[str]:
        """Return the fields that differ: none during a pull; a pin may be the beginning of the digest."""
        if have is not None and have.pull and have.pull.going_on:
            return []
        same = have is not None and self.digest is not None and (have.digest or "").startswith(self.digest)
        return [name for name in super().unlike(have) if not (same and name == "digest")]

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Read the servers' lists and the queues of pulls."""
        waiting, aliases = dict(pulls(outputs)), set(outputs.get("aliases", "").split("\n"))
        for argument, text in runs_of(outputs, "curl /api/tags"):
            endpoint, _, port = argument.partition(" ")
            models = {name: each for name, each in listed(text).items() if f"{endpoint}/{name}" not in aliases}
            for name, model in models.items():
                same = (other for other, each in models.items() if other != name and each.get("digest"))
                yield cls(
                    key=f"{endpoint}/{name}",
                    pulled=True,
                    digest=str(model.get("digest", "")).removeprefix("sha256:"),
                    size=counted(model.get("size")),
                    port=int(port or 0),
                    twin=next((each for each in same if models[each]["digest"] == model.get("digest")), ""),
                    pull=waiting.pop(f"{endpoint}/{name}", None),
                )
        yield from (cls(key=key, pulled=False, digest="", pull=pull) for key, pull in waiting.items())

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Queue its pull, and fail at once if the registry has no such model."""
        del have
        endpoint, _, name = self.key.partition("/")
        words = (PROGRAM, endpoint, str(self.port), self.folder, name, *([self.digest] if self.digest else []))
        others = near(name)
        hint = f"; did you mean {others}?" if others else "; see https://ollama.com/library for what there is"
        yield Run(words, refusal=(NO_SUCH_MODEL, f'{name}: "pull model manifest: {NO_SUCH_MODEL}"{hint}'))

    def remove(self) -> Iterator[Step]:
        """Have its server delete it."""
        yield deletion(self.port, self.key)


def deletion(port: int | None, key: str) -> Run:
    """Return the step that has a server delete the model or alias of this key."""
    order, url = json.dumps({"model": key.partition("/")[2]}), f"http://127.0.0.1:{port}/api/delete"
    return Run(("curl", "-qfsS", "--noproxy", "*", "-X", "DELETE", url, "-d", order))


def announced(outputs: Outputs) -> dict[str, int]:
    """Return the sizes in bytes, as the registries tell them, of models that are not here, by key."""
    found = (
        (endpoint, re.findall(r"(?m)^(\S+)\t([0-9]{1,18})$", text)) for endpoint, text in runs_of(outputs, "sizes")
    )
    return {f"{endpoint}/{name}": int(count) for endpoint, lines in found for name, count in lines}


def listed(text: str) -> dict[str, Mapping[str, Any]]:
    """Return the models of an answer of /api/tags, by full name; none if nobody listens.

    Raises:
        UnreadableError: the text is no such answer.
    """
    if not text:
        return {}
    try:
        return {full(str(model["name"])): model for model in json.loads(text)["models"] or ()}
    except (ValueError, KeyError, TypeError):
        raise UnreadableError("`curl /api/tags` answers with something other than a list of models") from None
