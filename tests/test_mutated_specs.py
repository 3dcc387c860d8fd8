"""Whatever is done to a spec, it is read, or refused in lines of ours: no traceback, and no word of pydantic's."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from laptop import REFERENCE

from macstate import spec
from macstate.errors import MacstateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from macstate.language.document import Path

BEGUN: dict[str, Any] = yaml.safe_load(REFERENCE)
BEGUN["macs"]["mini"] = {
    "hostname": "m",
    "user": "u",
    "endpoints": {"vllm": {"port": 9000, "models": ["a", {"b": "B"}]}, "a1111": None},
    "power": {"ac": {"sleep": 1}},
    "firewall": None,
}
VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        48,
        2**40,
        1.5,
        float("inf"),
        "",
        "x",
        "yes",
        "a b",
        "/x",
        "1",
        "{port}",
        "a=b",
        ":",
    ),
    *("a:b", "\n", "ß", "5m", "10MB", "never", "sk-abcdefgh1234", "https://x/y", "you@x", "{", "%s", "{0}", "`x`"),
    *([], [None], ["x"], [["x"]], [{}], [{"name": "x"}], [{"x": None}], ["a=b"], [1], {}, {"x": 1}, {"name": []}),
    *({"": None}, {"port": {}}, {"{x}": "y"}),
]
NAMES = [
    *("x", "", "model", "models", "command", "name", "args", "env", "ports", "host", "serve", "keys", "image", "ssh"),
    *("enabled", "accept", "via", "a:b", "port:1", "None", "1", "sleep", "ac", "https", "path", "endpoints", "power"),
    *("api_key", "label", "restart", "url", "description", "services", "version", "limit", "{x}"),
]
MARKS = ["Input should", "validation error", "Field required", "pydantic", "<class", "Traceback", "[type="]


def places(data: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield from places(value, (*path, key))


def at(data: Any, path: Path) -> Any:
    for key in path:
        data = data[key]
    return data


def mutated(shuffle: random.Random) -> dict[str, Any]:
    """Give the spec with up to three things put elsewhere, named otherwise, added, or taken out."""
    data = copy.deepcopy(BEGUN)
    for _ in range(shuffle.randint(1, 3)):
        path = shuffle.choice([path for path in places(data) if path] or [()])
        if not path:
            continue
        parent, key = at(data, path[:-1]), path[-1]
        other = copy.deepcopy(at(data, shuffle.choice(list(places(data)))))
        match shuffle.randrange(5), parent:
            case 0, _:
                parent[key] = copy.deepcopy(shuffle.choice(VALUES))
            case 1, dict():
                parent[shuffle.choice(NAMES)] = parent.pop(key)
            case 2, dict():
                parent[shuffle.choice(NAMES)] = copy.deepcopy(shuffle.choice(VALUES))
            case 3, _:
                del parent[key]
            case _:
                parent[key] = other
    return data


def check(text: str) -> None:
    lines: tuple[str, ...] = ("macs.yml:",)
    try:
        read = spec.parse(text, "macs.yml")
        for name in read.macs:
            assert read.for_host(name).lists is not None
        assert read.for_laptop() is not None
    except MacstateError as error:
        lines = error.lines
    assert lines
    for line in lines:
        assert line.startswith("macs.yml:"), line
        assert [mark for mark in (*MARKS, "\n") if mark in line] == [], line


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_some_mutations_of_the_reference_spec_end_in_our_words(shuffle: random.Random) -> None:
    check(yaml.safe_dump(mutated(shuffle), sort_keys=False))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(4))
def test_many_mutations_of_the_reference_spec_end_in_our_words(start: int, share: Callable[[int], int]) -> None:
    @given(st.randoms(use_true_random=False))
    @seed(start)
    @settings(deadline=None, max_examples=share(1500), suppress_health_check=[HealthCheck.too_slow], database=None)
    def run(shuffle: random.Random) -> None:
        check(yaml.safe_dump(mutated(shuffle), sort_keys=False))

    run()


@pytest.mark.slow
@pytest.mark.parametrize("start", range(4))
def test_many_slips_of_the_fingers_end_in_our_words(start: int, share: Callable[[int], int]) -> None:
    """Characters put in, taken out and turned, in the text itself."""
    shuffle = random.Random(start)
    for _ in range(share(2000)):
        letters = list(REFERENCE)
        for _ in range(shuffle.randint(1, 4)):
            place = shuffle.randrange(len(letters))
            letters[place] = shuffle.choice(
                ["", " ", ":", "\n", "-", "[", "}", "'", "#", "\t", "ü", "0", letters[place] * 2]
            )
        check("".join(letters))
