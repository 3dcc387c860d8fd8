"""A validation error as one clear line: what, why, what to type."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from macstate.document import Document, Mistake


def near(word: str, words: Any) -> str:
    """Suggest what may have been meant."""
    matches = get_close_matches(word, list(words), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


PLAIN = re.compile(r"(?!(?i:true|false|yes|no|on|off|null|y|n)$)(?:[A-Za-z/]|--?[A-Za-z])[A-Za-z0-9/._=+@-]*")
"""A word that YAML reads as the text that it is, in a list too."""
LIKE = {r"^0[0-7]{3}$": "file modes: 0644", r"^(sha256:)?[0-9a-f]{12,64}$": "a digest: 12 to 64 of 0-9 and a-f"}
"""What has the form of a pattern: an expression is no help to a person."""
SAY = {
    "missing": "{name} is missing; add `{name}: …`",
    "int_type": "{value} is not a whole number; type digits without quotes",
    "int_from_float": "{value} is not a whole number; type digits without a point",
    "bool_type": "{value} is neither true nor false; type one of them, without quotes",
    "string_type": "{value} is not a text; put quotes around it: '{value}'",
    "tuple_type": "{value} is not a list; type {list}",
    "list_type": "{value} is not a list; type {list}",
    "dict_type": "{value} is not a mapping; type `key: value` lines below it",
    "model_type": "{value} is not a mapping; type `key: value` lines below it",
    "model_attributes_type": "{value} is not a mapping; type `key: value` lines below it",
    "mapping_type": "{value} is not a mapping; type `key: value` lines below it",
    "greater_than_equal": "{value} is too small; the least is {ge}",
    "less_than_equal": "{value} is too large; the most is {le}",
    "literal_error": "{value} is not one of {expected}{near}",
    "too_short": "it is empty; name at least one",
    "string_pattern_mismatch": "{value} has not the form of {like}",
}


SYNONYMS = {"description": "about", "desc": "about", "comment": "about", "cmd": "command", "env": "environment"}
"""What is typed in the files of other tools."""
SPEAKS = dict.fromkeys(("vllm", "llama.cpp", "llama-server", "lmstudio", "litellm", "sglang"), "openai")
SPEAKS |= dict.fromkeys(("mlx_lm", "mlx-lm", "mlx_lm.server"), "mlx")
SPEAKS |= dict.fromkeys(("a1111", "comfyui", "open-webui"), "rest")
"""The engine of servers that are named instead."""


def _list(value: str) -> str:
    """Write what stands in one text as the list that it was meant to be, each word its own."""
    try:
        found = shlex.split(value)
    except ValueError:  # a quote that is not closed
        found = [value]
    return f"[{', '.join(word if PLAIN.fullmatch(word) else json.dumps(word, ensure_ascii=False) for word in found)}]"


def _meant(value: object, expected: list[str]) -> str:
    """Say which of the expected values it may have been."""
    if isinstance(value, str) and value in expected:  # a number's digits, as a text
        return "; take the quotes off"
    return near(SPEAKS.get(str(value).lower(), str(value)), [each.strip("'") for each in expected])


def mistake(root: type[BaseModel], document: Document, error: ErrorDetails) -> Mistake:
    """Say one of pydantic's errors in our words, at the place where it was written."""
    # pydantic's "[key]", and our names of what a value may be: neither was written
    loc = tuple(part for part in error["loc"] if not str(part).startswith("["))
    context, value = error.get("ctx", {}), error.get("input")
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, dict) and [*value.values()] == [None]:
        shown = f"{{{next(iter(value))}}}"  # a word in braces is a mapping to YAML
    name = next((part for part in reversed(loc) if isinstance(part, str)), "")
    if error["type"] == "extra_forbidden":
        model = _model(root, loc[:-1])
        known = model.model_fields if model else ()
        line, column = document.at(loc, key=True)
        meant = SYNONYMS.get(name, "")
        hint = near(meant if meant in known else name, known) or f"; known here: {', '.join(known)}"
        former: str | None = getattr(model, "former", {}).get(name)
        return Mistake(line, column, f"{name}: {former or f'unknown here{hint}'}")
    if error["type"] == "missing":
        line, column = document.at(loc[:-1], key=len(loc) > 1)
    else:
        line, column = document.at(loc, key=error["loc"][-1:] == ("[key]",))
    expected = str(context.get("expected", ""))
    words = {
        **context,
        "name": name,
        "value": shown,
        "list": "`- …` lines below it" if isinstance(value, dict) or not value else _list(shown),
        "like": LIKE.get(str(context.get("pattern", "")), ""),
        "near": _meant(value, expected.replace(" or ", ", ").split(", ")),
    }
    text = str(context["error"]) if "error" in context else SAY.get(error["type"], error["msg"]).format(**words)
    return Mistake(line, column, f"{name}: {text}")


def _model(model: Any, loc: tuple[Any, ...]) -> type[BaseModel] | None:
    """Give the model whose fields may stand at a place in the spec."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        if not loc:
            return model
        return _model(model.model_fields[loc[0]].annotation, loc[1:]) if loc[0] in model.model_fields else None
    arguments = [argument for argument in get_args(model) if argument is not type(None)]
    origin = get_origin(model)
    is_mapping = isinstance(origin, type) and issubclass(origin, Mapping)
    found = (_model(each, loc[1:] if is_mapping else loc) for each in (arguments[-1:] if is_mapping else arguments))
    return next((each for each in found if each), None)
