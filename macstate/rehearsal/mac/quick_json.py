"""JSON by the interpreter's C functions: the json package imports re and enum, half the cost of a small tool."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Plainly:
    """The defaults of the json package's decoder."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_int = int
    parse_float = parse_constant = float  # NaN and the infinities are valid texts for float


def loads(text: str) -> Any:
    """Return the value of a JSON text."""
    try:
        from _json import make_scanner  # noqa: PLC0415 - private: another Python may lack it

        found, end = make_scanner(_Plainly)(text, 0)  # type: ignore[arg-type] # it uses these attributes alone
        if end == len(text):
            return found
    except Exception:  # noqa: BLE001, S110 - the package then reports the error, or does what a later Python needs
        pass
    import json  # noqa: PLC0415 - slow to load

    return json.loads(text)


def dumps(value: Any, between: str = ", ") -> str:
    """Return a value as JSON, with ``between`` between any two items."""
    try:
        from _json import encode_basestring_ascii, make_encoder  # noqa: PLC0415

        encode = make_encoder({}, None, encode_basestring_ascii, None, ": ", between, False, False, True)  # type: ignore[arg-type]
        return "".join(encode(value, 0))
    except Exception:  # noqa: BLE001 - as above
        import json  # noqa: PLC0415

        return json.dumps(value, separators=(between, ": "))
