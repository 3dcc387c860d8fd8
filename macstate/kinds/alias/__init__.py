"""Another name of an Ollama server's model, as `ollama cp` gives it, for clients that go on asking for that name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from macstate.kernel import scripts
from macstate.kernel.outputs import Outputs, runs_of
from macstate.kernel.resource import Resource
from macstate.kernel.steps import Run, Step
from macstate.kinds.model import Model, deletion, listed

if TYPE_CHECKING:
    from macstate.kernel.resource import Actual


class Alias(Resource):
    """One other name; its key is ``ENDPOINT/NAME:TAG``. It takes no room, since the model's files are there once."""

    kind: ClassVar[str] = "alias"
    alone: ClassVar[bool] = True
    probes: ClassVar[tuple[str, ...]] = ("aliases", "curl /api/tags")
    help: ClassVar[Mapping[int, str]] = Model.help
    script: ClassVar[str] = scripts.bare("aliases.sh", __name__)
    absent: ClassVar[tuple[int, ...]] = Model.absent
    gone: ClassVar[str] = "its server left the spec, or it is gone: it is no longer macstate's"
    not_compared: ClassVar[frozenset[str]] = Resource.not_compared | {"source", "port", "takes"}

    digest: str | None = None
    """The digest of the model's version that it names."""
    source: str = ""
    """The model, as ``NAME:TAG``; desired only."""
    takes: str = ""
    """A note if its name is now that of a model that macstate pulled; desired only."""
    port: int | None = None
    """Its server's loopback port."""

    @property
    def root(self) -> bool:
        """False: its server takes orders from everybody on the Mac."""
        return False

    def beside(self, actual: Actual, desired: Mapping[str, Resource]) -> Self:
        """Return it with the digest that the model has now; while the model is not here, nothing is desired of it."""
        del desired
        model = actual.resources.get(f"{Model.kind}/{self.key.partition('/')[0]}/{self.source}")
        digest = model.digest if isinstance(model, Model) and model.pulled else None
        old, name = actual.resources.get(f"{Model.kind}/{self.key}"), self.key.partition("/")[2]
        taken = isinstance(old, Model) and old.id in actual.record.lines and digest
        why = f"{name} names {self.source} from now on, and no longer a model of its own" if taken else ""
        return self.model_copy(update={"digest": digest or None, "takes": why})

    def brief(self, *, going: bool = False) -> str:
        """Return whose other name it is."""
        return "" if going or not self.source else f"another name of {self.source}"

    def note(self, have: Self | None) -> str:
        """Return when it is made if it cannot be made yet, otherwise which model loses its name."""
        waits = self.source and self.digest is None and have is None
        return f"is made in a run after {self.source} has come" if waits else self.takes

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Yield the desired and recorded names that a server lists; if it is silent, a recorded one is not gone."""
        lines = [line.partition("\t")[::2] for line in outputs.get("aliases", "").split("\n")]
        kinds = ("wished", "owned", "asked", "model")
        wanted, owned, asked, pulled = ({key for word, key in lines if word == kind} for kind in kinds)
        wanted -= pulled - owned  # a model that macstate pulled is no other name yet
        for argument, text in runs_of(outputs, "curl /api/tags"):
            endpoint, _, port = argument.partition(" ")
            asked -= {endpoint} if text else set()
            for name, model in listed(text).items():
                if (key := f"{endpoint}/{name}") in wanted | owned:
                    yield cls(key=key, digest=str(model.get("digest", "")).removeprefix("sha256:"), port=int(port or 0))
        for key in sorted(owned - wanted):
            if key.partition("/")[0] in asked:
                yield cls(key=key, unreadable="its server does not answer, and is to delete it")

    def converge(self, have: Self | None) -> Iterator[Step]:
        """Have the server copy the model's manifest, over an older one if there is one."""
        del have
        order = json.dumps({"source": self.source, "destination": self.key.partition("/")[2]})
        url = f"http://127.0.0.1:{self.port}/api/copy"
        yield Run(("curl", "-qfsS", "--noproxy", "*", "-X", "POST", url, "-d", order))

    def remove(self) -> Iterator[Step]:
        """Have the server delete the name; the model stays."""
        yield deletion(self.port, self.key)
