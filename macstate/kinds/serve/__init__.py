"""Routes of Tailscale Serve. They live in one JSON document, which is written as a whole."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar, Self

from macstate.kernel.change import Change
from macstate.kernel.contested import Contested
from macstate.kernel.document import InOneDocument
from macstate.kernel.exposed import Exposed
from macstate.kernel.outputs import Outputs, UnreadableError
from macstate.kernel.record import Record
from macstate.kernel.resource import Actual, Resource
from macstate.kernel.steps import Run, Same, Step
from macstate.kinds.launchd import Launchd
from macstate.kinds.serve import document as serve_document
from macstate.kinds.serve import ports as serve_ports
from macstate.kinds.serve.document import ETAG, READ, SOCKET, STATUS, URL, Address, Document, addresses
from macstate.kinds.serve.hands import changes_hands
from macstate.kinds.serve.ports import UNKNOWN
from macstate.kinds.serve.route import canonical
from macstate.language.facts import Node

AS_USER = 'PATH=${MACSTATE_ROOT-}/usr/local/bin:${MACSTATE_ROOT-}/opt/homebrew/bin:$PATH exec env SHLVL=1 "$@"'
"""Runs the app's `tailscale`, wherever it lies, as the user to whom it belongs, never as root."""
MOVED = "Serve was changed after the plan was made; nothing was written; run again to see what is left"

STAYS = "stays for the tailnet alone"


class Serve(InOneDocument, Contested, Exposed):
    """One route; its key is ``PORT/MOUNT``.

    Before that, the key of a route that is not a plain one of the node has ``NAME:`` (another name), ``tcp:`` (a
    forward), ``foreground:`` (a process holds it while it runs) or ``svc:web:`` (a Service).
    """

    kind: ClassVar[str] = "serve"
    not_compared: ClassVar = Resource.not_compared | {"where", "before", "other_names", "stays", "behind"}
    probes: ClassVar[tuple[str, ...]] = (STATUS, "tailscale status --json", READ, "user", "owned")
    script: ClassVar[str] = f"""
reply "{STATUS}" {STATUS}
[ ! -e "$root{SOCKET}" ] || reply "{READ}" {READ}
"""
    optional: ClassVar[tuple[str, ...]] = ("tailscale status --json", READ, "user", "owned")

    target: str | None = None
    """The URL that Serve proxies to; for an actual forward, its address."""
    funnel: bool | None = None
    """Whether the internet reaches it: a property of the whole port."""
    where: str = ""
    """``https://NAME:PORT``; actual: with its scheme and its name, or that its port has no handler."""
    before: str = ""
    """What its port was before macstate's first route there; actual: as recorded, empty for a foreign route."""
    other_names: tuple[str, ...] = ()
    """The node's earlier names under which the document has it, too; actual only."""
    stays: bool = False
    """Whether it may stay for the tailnet, and only its Funnel is in the way; actual only."""
    behind: bool = False
    """Whether it is told behind the routes that the internet reaches or would reach; actual only."""

    @property
    def public(self) -> bool:
        """Whether Funnel is on for its port."""
        return bool(self.funnel)

    @property
    def late(self) -> bool:
        """Whether it is told behind the others of its kind."""
        return self.behind

    @property
    def port(self) -> str:
        """Its HTTPS port."""
        return self.key.partition("/")[0].rpartition(":")[2]

    @property
    def loopback_port(self) -> int | None:
        """The port on the Mac itself to which it leads; None if it leads elsewhere, or to no port."""
        port = re.search(r"(?:127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})(/|$)", self.target or "")
        return int(port[1]) if port else None

    @property
    def mount(self) -> str:
        """Its path."""
        return f"/{self.key.partition('/')[2]}"

    @property
    def fingerprint(self) -> str:
        """What its port was before, which is what the record keeps of a route."""
        return self.before or UNKNOWN

    def unlike(self, have: Self | None) -> list[str]:
        """Return the fields that differ, also ``where``: the scheme and the name under which it is reached."""
        return [*super().unlike(have), *(["where"] if have and have.where not in {"", self.where} else [])]

    def unguarded(self, desired: Mapping[str, Resource]) -> str:
        """Return the label of the desired server to which Funnel leads past the gateway; empty if none."""
        port = self.loopback_port
        servers = (each for each in desired.values() if isinstance(each, Launchd) and not each.refresh)
        return next((each.label for each in servers if self.public and port in each.ports), "")

    @classmethod
    def to(cls, https: int, mount: str, target: str, *, funnel: bool, needs: tuple[str, ...] = ()) -> Self:
        """Return the desired route from an HTTPS port and a mount to a loopback URL; ``needs``: the jobs behind it."""
        return cls(key=f"{https}{mount or '/'}", target=target, funnel=funnel, needs=needs)

    def beside(self, actual: Actual, desired: Mapping[str, Resource]) -> Self:
        """Return it with the node's name, and with what its port was before macstate's first route."""
        name, start = actual.facts.node.name, f"{self.kind}/{self.port}/"
        known = [line.fingerprint for each, line in actual.record.lines.items() if each.startswith(start)]
        if known:
            told = next(filter(serve_ports.name_in, known), known[0])
            before = serve_ports.renamed(told, name)
        else:
            try:
                document = serve_document.found_in(actual.outputs.get(self.kind, {}))
            except UnreadableError:
                return self
            routes = (each for each in desired.values() if isinstance(each, Serve) and each.port == self.port)
            mounts = {each.mount for each in routes}
            before = serve_ports.memory(document, name, self.port, mounts, funnel=bool(self.funnel))
        return self.model_copy(update={"where": f"https://{name}:{self.port}", "before": before})

    def brief(self, *, going: bool = False) -> str:
        """Return its URL and, unless it is removed, where that leads."""
        url = f"{self.where.removesuffix(':443')}{self.mount}"
        leads = (self.target or "").removeprefix("http://").removesuffix(self.mount)
        return f"{url} ends" if going else f"{url} -> {leads}{' for the internet' if self.funnel else ''}"

    def interrupts(self, have: Self | None) -> str:
        """Return that it is closed during the run, if it is there already and stays."""
        return "" if have is None or have is self else "nobody reaches it from the first step of this run to the last"

    @classmethod
    def parse(cls, outputs: Outputs) -> Iterator[Self]:
        """Yield all routes of the node's document, those in the record with what it says of them."""
        if STATUS in outputs or READ in outputs:
            yield from cls._recognised(list(cls._said(outputs)), Record.read({True: outputs.get("owned", "")}, {}))

    @classmethod
    def _said(cls, outputs: Outputs) -> Iterator[Self]:
        """Yield the routes of the node itself, of processes in the foreground, and of Services.

        Raises:
            UnreadableError: the output is no Serve document, or this node's name is not known.
        """
        document, node = serve_document.found_in(outputs), _node(outputs)
        name = node.name
        if not name:
            raise UnreadableError(f"{node.problem or 'Tailscale shows no name for this node'}; log it in")
        allowed = document.get("AllowFunnel") or {}
        for each in serve_document.addresses(document):
            site = f"{each.host}:{each.port}"
            public = bool(allowed.get(site)) if each.host == name and not each.part else each.audience == "internet"
            where = f"{each.scheme}://{site}" if each.scheme else f"no handler for port {each.port}"
            other = each.host not in {"", name} and not each.part
            yield cls(
                key=cls.key_of(each, name),
                target=each.target,
                funnel=public,
                where=where,
                other_names=(each.host,) if other else (),
            )

    @classmethod
    def _recognised(cls, found: Sequence[Self], record: Record) -> Iterator[Self]:
        """Yield the actual routes with what is recorded of them; one under the node's former name can be ours, too."""
        known = {each.id: each for each in found}
        for each in found:
            key = each.key.removeprefix(f"{each.other_names[0]}:") if each.other_names else ""
            line, twin = record.lines.get(f"{cls.kind}/{key}"), known.get(f"{cls.kind}/{key}")
            name = serve_ports.name_in(line.fingerprint) if line else ""
            if line and (name in each.other_names or (not name and (twin is None or twin.target == each.target))):
                del known[each.id]
                where = f"{twin.where} {each.where}" if twin else each.where
                other_names = (*twin.other_names, *each.other_names) if twin else each.other_names
                update = {"key": key, "where": where, "other_names": other_names}
                known[f"{cls.kind}/{key}"] = (twin or each).model_copy(update=update)
        for name, each in known.items():
            line = record.lines.get(name)
            yield each.model_copy(update={"before": line.fingerprint or UNKNOWN}) if line else each

    @classmethod
    def in_the_way(
        cls, desired: Mapping[str, Resource], actual: Actual, going: Collection[str]
    ) -> Iterator[tuple[Resource, Resource | None, str]]:
        """Yield each foreign route whose audience or port would change; first those for the internet."""
        try:
            yield from _conflicts(cls, desired, actual, going)
        except UnreadableError:
            return

    @classmethod
    def disturbed(cls, changes: Sequence[Change], actual: Actual) -> tuple[Self, ...]:
        """Return all recorded routes if a port behind one changes hands, since they would lead elsewhere meanwhile."""
        if not changes_hands(changes, actual):
            return ()
        ours = (have for have in actual.resources.values() if isinstance(have, cls) and have.id in actual.record.lines)
        return tuple(sorted(ours, key=lambda have: have.id))

    @classmethod
    def write(cls, actual: Actual, wanted: Sequence[Self], gone: Sequence[Self]) -> Iterator[Step]:
        """Yield the steps that put routes into the actual document and take others out; foreign ones stay."""
        outputs = actual.outputs[cls.kind]
        text = serve_document.as_stored(cls.changed(actual, wanted, gone))
        if etag := ETAG.search(outputs.get(READ, "")):
            words = ("curl", "-qsS", "--fail", "--unix-socket", SOCKET, "-X", "POST", "-H", f"If-Match: {etag[1]}")
            yield Run((*words, "--data-binary", "@-", URL), stdin=text, refusal=("error: 412", MOVED))
        else:  # the app builds have no such socket, and their command takes no ETag
            as_user = ("sudo", "-H", "-u", outputs.get("user", "").strip(), "--", "sh", "-c", AS_USER, "sh")
            yield Same((*as_user, *STATUS.split()), outputs.get(STATUS, ""), MOVED)
            yield Run((*as_user, "tailscale", "serve", "set-raw"), stdin=text)

    @classmethod
    def written(cls, actual: Actual, gone: Sequence[Self]) -> Outputs:
        """Return what the read commands would print after these routes were taken out."""
        now = serve_document.after(cls.changed(actual, (), gone))
        return {name: now.get(name, text) for name, text in actual.outputs[cls.kind].items()}

    @classmethod
    def changed(cls, actual: Actual, wanted: Sequence[Self], gone: Sequence[Self]) -> Document:
        """Return the actual document with ``wanted`` put in and ``gone`` taken out."""
        outputs = actual.outputs[cls.kind]
        document, name = serve_document.found_in(outputs), _node(outputs).name
        going = {route.id for route in gone}
        ours = [each for each in actual.resources.values() if isinstance(each, cls) and each.before]
        still = {each.port for each in ours if each.id not in going}
        for route in gone:
            route.take_out(document, name)
        for route in gone:
            if route.before and route.port not in still:
                serve_ports.leave(document, name, route.port, route.before)
        for route in wanted:
            serve_ports.drop(document, f"{name}:{route.port}", {route.mount})
            serve_ports.open_port(document, name, route.port, funnel=bool(route.funnel))
            web = document.setdefault("Web", {}).setdefault(f"{name}:{route.port}", {})
            web.setdefault("Handlers", {})[route.mount] = {"Proxy": route.target}
        return document

    def take_out(self, document: Document, name: str) -> None:
        """Take this route out of a document or, if it stays for the tailnet, only its Funnel."""
        if self.stays:
            (document.get("AllowFunnel") or {}).pop(f"{name}:{self.port}", None)
        elif self.key.startswith("foreground:"):
            serve_ports.end(document.get("Foreground") or {}, self.port)
        elif self.key.startswith("tcp:"):
            (document.get("TCP") or {}).pop(self.port, None)
        else:
            for host in self.other_names if ":" in self.key else (name, *self.other_names):
                is_empty = serve_ports.drop(document, f"{host}:{self.port}", {self.mount})
                if is_empty and not (self.before and host == name):
                    serve_ports.leave(document, host, self.port, self.before)

    @classmethod
    def key_of(cls, each: Address, name: str) -> str:
        """Return the key of an address in the document of the node ``name``."""
        part = each.part or ("" if each.host in {"", name} or not name else each.host)
        mount = canonical(each.mount) if each.host else ""
        return f"{part}{':' if part else ''}{'' if each.host else 'tcp:'}{each.port}{mount}"


def _node(outputs: Outputs) -> Node:
    return Node.read(outputs.get("tailscale status --json", ""))


def _conflicts(
    kind: type[Serve], desired: Mapping[str, Resource], actual: Actual, leaving: Collection[str]
) -> Iterator[tuple[Serve, Serve | None, str]]:
    """Yield (foreign route, what is left of it, why); first those that the internet reaches or would reach.

    Raises:
        UnreadableError: the output is no Serve document.
    """
    here = {name: each for name, each in actual.resources.items() if isinstance(each, kind)}
    wanted = [each for each in desired.values() if isinstance(each, kind)]
    coming = [each for each in wanted if each.unlike(here.get(each.id))]
    going = [each for each in here.values() if each.id in leaving]
    if not coming and not going:
        return
    name, ports = actual.facts.node.name, {each.port: each.id for each in coming}
    held = [each for each in here.values() if each.key.startswith("foreground:") and each.port in ports]
    then = {_place(each): each for each in addresses(kind.changed(actual, coming, [*going, *held]))}
    reasons: dict[str, tuple[bool, str]] = {}
    for each in addresses(serve_document.found_in(actual.outputs[kind.kind])):
        identifier = f"{kind.kind}/{kind.key_of(each, name)}"
        have, later = here.get(identifier), then.get(_place(each))
        foreign = have and not have.before and identifier not in desired
        if foreign and (why := _why(each, later, ports.get(each.port, ""))):
            reasons[identifier] = "internet" not in {each.audience, later and later.audience}, why
    for identifier, (behind, why) in sorted(reasons.items(), key=lambda reason: (reason[1][0], reason[0])):
        have = here[identifier].model_copy(update={"behind": behind, "stays": why.startswith(STAYS)})
        yield have, have.model_copy(update={"funnel": False}) if have.stays else None, why


def _place(each: Address) -> tuple[str, str, str, str]:
    return each.part, each.host, each.port, each.mount


def _why(now: Address, then: Address | None, route: str) -> str:
    """Return what ``route``, a desired one on the same port, would do to a foreign one; empty if nothing."""
    if now.part == "foreground":
        return f"a process in the foreground has port {now.port}, which {route} needs" if route else ""
    if then is None or then.scheme != now.scheme or (then.audience == "nobody" != now.audience):
        how = (
            f"forwards port {now.port} to {now.target}"
            if not now.host
            else f"is served by {now.scheme or 'nobody'} on port {now.port}"
        )
        return f"{how}, which {route} needs for https"
    if then.audience == now.audience:
        return ""
    if then.audience == "internet":
        return f"would be open to the internet: Funnel opens a whole port{f', and {route} needs it' if route else ''}"
    if now.audience == "nobody":
        return f"nobody can reach it now, and beside {route} the tailnet could"
    whose = f"{route} is for the tailnet" if route else "macstate had turned it on here"
    return f"{STAYS}: Funnel opens a whole port, and {whose}"
