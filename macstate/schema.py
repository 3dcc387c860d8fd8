"""The spec's JSON Schema, with each field's docstring as its description."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from itertools import pairwise

from macstate.entry import Entry
from macstate.model import Root


def schema() -> str:
    """Give the JSON Schema as text."""
    describe(Entry)
    Root.model_rebuild(force=True)
    tree = Root.model_json_schema(mode="validation")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **tree}, indent=2)


def describe(model: type[Entry]) -> None:
    """Put the docstrings into the models; pydantic could, but at every start, and that costs 0.1 s."""
    for cls in [model, *model.__subclasses__()]:
        for name, field in cls.model_fields.items():
            texts = [text for parent in cls.__mro__ if (text := docstrings(parent).get(name))]
            field.description = field.description or (texts[0] if texts else None)
        cls.model_rebuild(force=True)
        if cls is not model:
            describe(cls)


def docstrings(cls: type) -> dict[str, str]:
    """Read the string that follows each annotated field in a class' source."""
    if not cls.__module__.startswith("macstate.") or "__annotations__" not in vars(cls) or cls is Root:
        return {}
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    except (OSError, TypeError):  # made by create_model: no source
        return {}
    pairs = pairwise(body.body) if isinstance(body, ast.ClassDef) else ()
    return {
        field.target.id: inspect.cleandoc(doc.value.value)
        for field, doc in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant) and isinstance(doc.value.value, str)
    }
