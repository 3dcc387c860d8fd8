"""A validation error as one clear line: what, why, what to type."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from macstate.document import Document, Mistake


def near(word: str, words: Any) -> str:
    """Suggest what may have been meant."""
    matches = get_close_matches(word, list(words), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


SAY = {
    "missing": "{name} is missing; add `{name}: …`",
    "int_type": "{value} is not a whole number; type digits without quotes",
    "int_from_float": "{value} is not a whole number; type digits without a point",
    "bool_type": "{value} is neither true nor false; type one of them, without quotes",
    "string_type": "{value} is not a text; put quotes around it: '{value}'",
    "tuple_type": "{value} is not a list; type [{value}]",
    "list_type": "{value} is not a list; type [{value}]",
    "dict_type": "{value} is not a mapping; type `key: value` lines below it",
    "model_type": "{value} is not a mapping; type `key: value` lines below it",
    "model_attributes_type": "{value} is not a mapping; type `key: value` lines below it",
    "mapping_type": "{value} is not a mapping; type `key: value` lines below it",
    "greater_than_equal": "{value} is too small; the least is {ge}",
    "less_than_equal": "{value} is too large; the most is {le}",
    "literal_error": "{value} is not one of {expected}{near}",
    "too_short": "it is empty; name at least one",
    "string_pattern_mismatch": "{value} has not the form {pattern}",
}


def mistake(root: type[BaseModel], document: Document, error: ErrorDetails) -> Mistake:
    """Say one of pydantic's errors in our words, at the place where it was written."""
    loc = tuple(part for part in error["loc"] if part != "[key]")
    context, value = error.get("ctx", {}), error.get("input")
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    name = next((part for part in reversed(loc) if isinstance(part, str)), "")
    if error["type"] == "extra_forbidden":
        model = _model(root, loc[:-1])
        known = model.model_fields if model else ()
        line, column = document.at(loc, key=True)
        hint = near(name, known) or f"; known here: {', '.join(known)}"
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
        "near": near(shown, expected.replace("'", "").replace(" or ", ", ").split(", ")),
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
    is_mapping = getattr(model, "__origin__", None) is dict
    found = (_model(each, loc[1:] if is_mapping else loc) for each in (arguments[-1:] if is_mapping else arguments))
    return next((each for each in found if each), None)
