"""The search language of `files.list` and the field masks of the Google Drive API v3, as far as tests need them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_TOKENS: Final = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')|(?P<operator><=|>=|!=|=|<|>)|(?P<mark>[()])|(?P<word>[A-Za-z.]+))"
)
Condition = tuple[Any, ...]


def parse_query(text: str) -> Condition:
    """A query as nested tuples. Raises ValueError."""
    tokens = [(found.lastgroup or "", found[found.lastgroup or 0]) for found in _TOKENS.finditer(text)]
    condition, rest = _either(tokens)
    if rest:
        raise ValueError(text)
    return condition


Tokens = list[tuple[str, str]]


def _either(tokens: Tokens) -> tuple[Condition, Tokens]:
    left, rest = _both(tokens)
    while rest and rest[0] == ("word", "or"):
        right, rest = _both(rest[1:])
        left = ("or", left, right)
    return left, rest


def _both(tokens: Tokens) -> tuple[Condition, Tokens]:
    left, rest = _one(tokens)
    while rest and rest[0] == ("word", "and"):
        right, rest = _one(rest[1:])
        left = ("and", left, right)
    return left, rest


def _one(tokens: Tokens) -> tuple[Condition, Tokens]:
    if tokens[0] == ("mark", "("):
        condition, rest = _either(tokens[1:])
        return condition, rest[1:]
    if tokens[0] == ("word", "not"):
        condition, rest = _one(tokens[1:])
        return ("not", condition), rest
    (_, left), (_, operator), (_, right), *rest = tokens
    return (operator, _plain(left), _plain(right)), rest


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith("'") else text


_COMPARED: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "=": lambda a, b: a.lower() == b.lower(),
    "!=": lambda a, b: a.lower() != b.lower(),
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "contains": lambda a, b: b.lower() in a.lower(),
}


Predicate = Callable[[Mapping[str, Any]], bool]


def matching(condition: Condition, root: str = "root") -> Predicate:
    """What says whether a file with some fields is meant; `root` is what the word `root` stands for.

    Names are compared without regard to case, as the API does.
    """
    operator, *parts = condition
    match operator:
        case "and":
            left, right = matching(parts[0], root), matching(parts[1], root)
            return lambda fields: left(fields) and right(fields)
        case "or":
            left, right = matching(parts[0], root), matching(parts[1], root)
            return lambda fields: left(fields) or right(fields)
        case "not":
            other = matching(parts[0], root)
            return lambda fields: not other(fields)
        case "in":
            wanted, name = root if parts[0] == "root" else parts[0], parts[1]
            return lambda fields: wanted in fields.get(name, ())
    return _comparing(_COMPARED[operator], *parts)


def _comparing(compare: Callable[[str, str], bool], name: str, wanted: str) -> Predicate:
    missing = False if wanted in {"true", "false"} else ""

    def compared(fields: Mapping[str, Any]) -> bool:
        value = fields.get(name, missing)
        return compare(str(value).lower() if isinstance(value, bool) else str(value), wanted)

    return compared


def selected(value: Any, mask: str) -> Any:
    """The parts of a value that a field mask names: `id,files(id,name),owners/emailAddress`."""
    if mask in {"*", ""}:
        return value
    found = {}
    for name, below in _masks(mask):
        if name == "*":
            return value
        if name in value:
            part = value[name]
            if below and isinstance(part, list):
                found[name] = [selected(item, below) for item in part]
            else:
                found[name] = selected(part, below) if below else part
    return found


def _masks(mask: str) -> list[tuple[str, str]]:
    found, depth, start = [], 0, 0
    for position, character in enumerate(mask + ","):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            part = mask[start:position].strip()
            start = position + 1
            if "(" in part:
                found.append((part[: part.index("(")], part[part.index("(") + 1 : -1]))
            else:
                name, _, below = part.partition("/")
                found.append((name, below))
    return found
