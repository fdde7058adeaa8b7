"""JSON as callers send it: read strictly, and each part of a value looked at."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def load_json(body: bytes, parse_float: Callable[[str], Any] | None = None) -> Any:
    """A body of UTF-8 JSON, strictly: without NaN and Infinity. ValueError with a short cause;
    what ``parse_float`` raises of numbers with a fraction or an exponent, too."""
    try:
        text = body.decode("utf-8")
        return json.loads(text, parse_constant=_refuse_constant, parse_float=parse_float)
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None


def parts(value: Any) -> Iterator[tuple[Any, int]]:
    """Every value in a JSON value, keys included, with its depth (0: itself); without recursion."""
    waiting = [(value, 0)]
    while waiting:
        part, depth = waiting.pop()
        yield part, depth
        if isinstance(part, dict):
            waiting += [(key, depth + 1) for key in part]
            waiting += [(member, depth + 1) for member in part.values()]
        elif isinstance(part, list):
            waiting += [(member, depth + 1) for member in part]


def is_storable(text: str) -> bool:
    """Whether a database takes it as text: PostgreSQL takes neither NUL nor halves of surrogate
    pairs."""
    return _NOT_STORABLE.search(text) is None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
