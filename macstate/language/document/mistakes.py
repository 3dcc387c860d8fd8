"""Turn a validation error into one clear line: what, why, what to type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from macstate.language import meant as as_meant
from macstate.language.document import Document, Mistake, elsewhere
from macstate.language.document.fields import NAMES, Loc, entries, example, kind_of, model_of, name_of
from macstate.language.document.masked import masked
from macstate.language.entry import Entry

DIGEST = r"^(sha256:)?[0-9a-f]{12,64}$"
LIKE = {
    r"^0[0-7]{3}$": "is not a file mode; type `'0644'`",
    DIGEST: "is not a digest, 12 to 64 of 0-9 and a-f; take it out, or type what `ollama list` shows",
}
"""What to say instead of showing a pattern, since a regular expression does not help the user."""
KINDS = {
    "mapping": "not a mapping",
    "names": "neither a list nor a mapping",
    "list": "not a list",
    "int": "not a whole number",
    "bool": "neither true nor false",
    "str": "not a text",
    "model": "not a mapping",
}
TYPES = {"int_type": "int", "int_from_float": "int", "bool_type": "bool", "string_type": "str", "tuple_type": "list"}
TYPES |= {"list_type": "list", "dict_type": "mapping", "mapping_type": "mapping"}
TYPES |= dict.fromkeys(("model_type", "model_attributes_type"), "model")
"""The kind that pydantic expected, by its type of error."""
THERE: dict[str, tuple[type, ...]] = {
    "mapping": (dict,),
    "names": (dict, list),
    "list": (list,),
    "int": (int,),
    "bool": (bool,),
    "str": (str,),
}
"""The Python types of each kind."""
WHAT = ("a list", "a mapping")
LONG, LONGEST, MANY = 40, 250, 9
"""Most characters of a shown value, most of a suggestion (a line has 420), and most words of a list."""
BOUNDS = {
    "greater_than_equal": "{value} is too small; type `{ge}` or more",
    "less_than_equal": "{value} is too large; type `{le}` or less",
    "string_pattern_mismatch": "{value} {like}",
}


def mistakes(root: type[Entry], document: Document, errors: Iterable[ErrorDetails]) -> Iterator[Mistake]:
    """Yield pydantic's errors in our words, one mistake for each cause, at the place where it was written."""
    found = list(errors)
    missing: dict[Loc, list[str]] = {}
    for error in found:
        if error["type"] == "missing":
            missing.setdefault(error["loc"][:-1], []).append(str(error["loc"][-1]))
    for error in found:
        loc = _plain(error["loc"])
        if error["type"] == "extra_forbidden":
            field, text = _unknown(root, document, loc, masked(error["input"], loc))
            lacking = missing.get(error["loc"][:-1], [])
            if field in lacking:  # the same cause
                lacking.remove(field)
            elif not field and lacking and "`" not in text:
                text = f"{text.partition(';')[0]}; type {_added(root, _plain(error['loc'][:-1]), lacking)}"
                lacking.clear()
            yield Mistake(*document.at(loc, key=True), f"{loc[-1]}: {text}")
        elif error["type"] != "missing":
            yield _wrong(root, document, error)
    for loc, fields in missing.items():
        if fields:
            yield _missing(root, document, _plain(loc), fields)


def _plain(loc: Loc) -> Loc:
    """Return a place without pydantic's "[key]" and our names for variants of a value, which nobody typed."""
    return tuple(part for part in loc if not str(part).startswith("["))


def _missing(root: type[Entry], document: Document, loc: Loc, fields: list[str]) -> Mistake:
    usual = [field for field in example(model_of(root, loc), name_of(loc)) if field not in _written(document, loc)]
    fields = list(dict.fromkeys([*fields, *usual]))  # with those that would be reported as missing next
    hint = _added(root, loc, fields)
    if len(fields) == 1:
        return Mistake(*document.at(loc, key=bool(loc)), f"{fields[0]}: it is missing; add {hint}")
    fields = sorted(fields, key=[*example(model_of(root, loc), ""), *fields].index)
    names = f"{', '.join(fields[:-1])} and {fields[-1]}"
    about = name_of(loc) or "the spec"
    return Mistake(*document.at(loc, key=bool(loc)), f"{about}: {names} are missing; add {hint}")


def _added(root: type[Entry], loc: Loc, fields: list[str]) -> str:
    whole = example(model_of(root, loc), name_of(loc))
    text = as_meant.typed({field: each for field, each in whole.items() if field in fields})[1:-1]
    return f"`{text}`" if text else f"`{', '.join(f'{field}: …' for field in fields)}`"


def _unknown(root: type[Entry], document: Document, loc: Loc, value: object) -> tuple[str, str]:
    """Return the field that was probably meant (or an empty text), and the message."""
    name, model = str(loc[-1]), model_of(root, loc[:-1])
    known = list(model.model_fields) if model else []
    if text := _known_slip(model, name, value) or _nowhere(document, loc, known, value):
        return "command" if "`command" in text else name.partition(":")[0], text
    close = get_close_matches(name, known, n=1)
    field = elsewhere.meant(name, known) or (close[0] if close else "")
    if not field or model is None:
        return "", f"unknown here; known here: {', '.join(known)}"
    kind = kind_of(model.model_fields[field].annotation, field)
    if isinstance(value, bool) and document.words.get(document.at(loc)) != (truth := json.dumps(value)):  # yes, on
        return field, f"unknown here; type `{field}: {truth}`"
    if name not in close and (text := _converted(kind, field, value)):
        return field, f"unknown here; type `{field}: {text}`"
    return field, f"unknown here; did you mean `{field}`?"


def _known_slip(model: type[Entry] | None, name: str, value: object) -> str:
    """Return the message for a well-known slip; empty if it is none."""
    if not model:
        return ""
    if ":" in name and name.partition(":")[0] in model.model_fields:
        return f"a blank is missing behind the colon; type `{name.replace(':', ': ', 1)}`"
    return model.former[name].replace("VALUE", as_meant.typed(value)) if name in model.former else ""


def _nowhere(document: Document, loc: Loc, known: list[str], value: object) -> str:
    """Return why a field has no place here and what to do instead; empty if it may have one."""
    name, beside = str(loc[-1]), _written(document, loc[:-1])
    if name == "args" and "command" in known:
        return _arguments(document, loc, value)
    field = elsewhere.meant(name, known)
    if name not in elsewhere.NOWHERE or (field and field not in beside) or not {"command", "macs", "keep"} & {*known}:
        return ""
    runs = "command" in known and "command" not in beside and name in {"image", "build"}
    program = as_meant.program(as_meant.name(name_of(loc[:-1])))
    return f"{elsewhere.NOWHERE[name]}{f', and type `command: [{program}]`' if runs else ''}"


def _written(document: Document, loc: Loc) -> Mapping[str, Any]:
    """Return the entry at a place; empty if there is none."""
    found: Any = document.data
    for part in loc:
        found = found.get(part) if isinstance(found, dict) else found[part] if isinstance(found, list) else None
    return found if isinstance(found, dict) else {}


def _arguments(document: Document, loc: Loc, value: object) -> str:
    command = _written(document, loc[:-1]).get("command")
    words = [*(command if isinstance(command, list) else []), *(value if isinstance(value, list) else [value])]
    words = masked(words)
    return (
        f"arguments stand behind the program; take this out, and type `command: {as_meant.typed([*map(str, words)])}`"
    )


def _converted(kind: str, field: str, value: object) -> str:
    """Return a value in the form that a field needs; empty if it already has that form."""
    if field == "keys":
        return "{agents: generate}"  # the value may be a key, so it is not quoted
    if isinstance(value, str) and field == "hostname":
        bare = as_meant.bare_host(value)
        return bare if bare != value else ""
    if isinstance(value, str) and field in {"serve", "funnel"}:
        return as_meant.mount(value) if "://" in value else ""
    if isinstance(value, THERE.get(kind, ())) and (kind != "int" or not isinstance(value, bool)):
        return ""
    return _of(kind, field, value)


def _of(kind: str, field: str, value: object) -> str:
    """Return a value in the form of a field of that kind; empty if there is no such form."""
    if field == "wired_limit_mb":
        return as_meant.megabytes(value)
    if field == "mode" and isinstance(value, int):
        return f"'{value:0>4}'"
    if field in {"command", "allow"} and isinstance(value, str) and value:
        first, blank, rest = value.partition(" ")
        value = f"{(as_meant.program if field == 'command' else as_meant.path)(first)}{blank}{rest}"
    return as_meant.of(kind, value)


def _wrong(root: type[Entry], document: Document, error: ErrorDetails) -> Mistake:
    """Return the mistake for one invalid value."""
    loc = _plain(error["loc"])
    value = masked(error.get("input"), loc)
    at = document.at(loc, key=error["loc"][-1:] == ("[key]",))
    written = loc
    while not document.is_written(written) and len(written) > 1:  # a short form was typed, and its long form is checked
        written = written[:-1]
    name, context = name_of(written), error.get("ctx", {})
    shown = _as_typed(document, loc, value)
    if "error" in context:
        said = str(context["error"])
        return Mistake(*at, f"{name}: {said.replace(json.dumps(value), shown, 1) if isinstance(value, bool) else said}")
    if kind := TYPES.get(error["type"], ""):
        kind = "names" if kind == "mapping" and name == "models" else kind
        return Mistake(*at, f"{name}: {_other_kind(root, document, kind, loc, value)}")
    if error["type"] == "too_short":
        how = _instead(root, document, "mapping" if isinstance(value, dict) else "list", loc, None)
        return Mistake(*at, f"{name}: it is empty; type {how}")
    if error["type"] == "literal_error":
        return Mistake(*at, f"{name}: {_literal(value, shown, str(context['expected']))}")
    if error["type"] not in BOUNDS:
        return Mistake(*at, f"{name}: {shown}: {error['msg']}")
    if isinstance(value, str) and re.fullmatch(r"\d+[smh]", value):
        context = {key: f"{each}s" for key, each in context.items()}  # a duration
    like = LIKE.get(context.get("pattern", ""), "has another form")
    return Mistake(*at, f"{name}: {BOUNDS[error['type']].format(**context, value=shown, like=like)}")


def _other_kind(root: type[Entry], document: Document, kind: str, loc: Loc, value: object) -> str:
    """Return the message for a value of the wrong kind."""
    shown = _as_typed(document, loc, value)
    if name_of(loc) == "digest" and not re.fullmatch(DIGEST, str(value)):
        return f"{shown} {LIKE[DIGEST]}"
    shown = f"'{value}'" if isinstance(value, str) and kind in {"int", "bool"} else shown
    about = f"this is {shown}," if shown in WHAT else f"{shown} is"
    said = "nothing stands behind it" if value is None else f"{about} {KINDS[kind]}"
    return f"{said}; type {_instead(root, document, kind, loc, value)}"


def _as_typed(document: Document, loc: Loc, value: object) -> str:
    """Return the text that was typed for a value, if it is known; otherwise the value as text."""
    word = document.words.get(document.at(loc), "") if isinstance(value, bool | float) else ""
    return word or _shown(value)


def _shown(value: object) -> str:
    """Return a value as text; if it is long, only what it is."""
    if isinstance(value, dict) and [*value.values()] == [None]:
        return f"{{{next(iter(value))}}}"  # a word in braces is a mapping to YAML
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= LONG or not isinstance(value, list | dict):
        return text
    return WHAT[isinstance(value, dict)]


def _literal(value: object, shown: str, expected: str) -> str:
    words = [each.strip("'") for each in expected.replace(" or ", ", ").split(", ")]
    if isinstance(value, str) and value in words:  # the digits of a number, as a text
        return f"{shown} is in quotes; type `{value}`"
    meant = get_close_matches(elsewhere.SPEAKS.get(str(value).lower(), str(value)).lower(), words, n=1)
    if meant:
        said = f"one of {', '.join(words)}" if len(words) < MANY else "known here"
        return f"{shown} is not {said}; did you mean `{meant[0]}`?"
    *rest, last = (f"`{word}`" for word in words)
    return f"{shown} is not known here; type {', '.join(rest)} or {last}" if rest else f"{shown} is wrong; type {last}"


def _instead(root: type[Entry], document: Document, kind: str, loc: Loc, value: object) -> str:
    """Return what to type in place of a value."""
    model = model_of(root, loc)
    text = _of("mapping" if kind == "model" else kind, name_of(loc), value)
    if kind == "str" and (word := document.words.get(document.at(loc))):
        text = f"'{word}'"
    if len(text) > LONGEST and isinstance(value, list):
        return "the names as keys, each with its fields below it: `NAME: {…}`"
    if text:
        return f"`{text}`"
    if kind == "mapping" and model is None and (entry := model_of(root, (*loc, "NAME"))):  # entries by name
        return f"`{as_meant.typed(entries(entry, value, NAMES.get(name_of(loc), 'vllm')))}`"
    if kind == "model" and model and (text := model.instead(name_of(loc), value)):
        return f"`{text}`"
    own = example(model_of(root, loc[:-1]), name_of(loc[:-1])) if loc else {}
    if loc and loc[-1] in own:
        return f"`{as_meant.typed(own[loc[-1]])}`"
    return {
        "int": "digits without quotes or a point",
        "bool": "`true` or `false`",
        "list": "at least one item, or take it out",
        "str": "`''`",
        "names": "`[qwen3]`",
        "mapping": "`{}`, or `key: value` lines below it",
    }.get(kind, "`key: value` lines below it")
