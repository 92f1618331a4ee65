"""The bodies of requests: read as Go's decoder reads them, with its words where they are wrong."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Container

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_GREATEST: Final = 2**63
_WORDS: Final = ("true", "false", "null")
_PLACES: Final = (
    ("Expecting property name", "looking for beginning of object key string"),
    ("Illegal trailing comma", "looking for beginning of object key string"),
    ("Expecting ':'", "after object key"),
    ("Expecting ','", "after object key:value pair"),
    ("Invalid control character", "in string literal"),
    ("Invalid \\escape", "in string escape code"),
)
"""How a message of Python's decoder begins, and where Go says that the character is wrong."""


class RefusedError(Exception):
    """A request that ends with an error: an HTTP status, a message, and details, which may be empty."""

    def __init__(self, status: int, message: str, details: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


class Body:
    """The first JSON value of a request's body, an object; its names in any case, others passed over.

    `name` is Go's name of the request, for its messages, `fields` those that it has. A field of the wrong kind refuses
    the request at once. Raises RefusedError.
    """

    def __init__(self, name: str, fields: Container[str], data: bytes) -> None:
        self._name = name
        self._fields = {field.lower(): value for field, value in self._decoded(data).items()}
        checks: dict[str, Callable[[str], object]] = {"wait": self.switch, "timeout": self.integer}
        for field in self._fields:
            if field in fields:
                checks.get(field, self.text)(field)

    def text(self, field: str) -> str:
        """A string, "" where it is absent or null."""
        value = self._fields.get(field)
        if value is None:
            return ""
        if isinstance(value, _Number) or not isinstance(value, str):
            raise self._unfit(field, value, "string")
        return value

    def switch(self, field: str) -> bool:
        """True or false, which is what is absent or null."""
        value = self._fields.get(field)
        if value is not None and not isinstance(value, bool):
            raise self._unfit(field, value, "bool")
        return bool(value)

    def integer(self, field: str) -> int:
        """A whole number of 64 bits, 0 where it is absent or null."""
        value = self._fields.get(field)
        if value is None:
            return 0
        if not isinstance(value, _Number):
            raise self._unfit(field, value, "int")
        if _INTEGER.fullmatch(value) is None or not -_GREATEST <= int(value[:20]) < _GREATEST or len(value) > 20:
            raise self._unfit(field, value, "int", shown=f" {value}")
        return int(value)

    def _decoded(self, data: bytes) -> dict[str, Any]:
        text = data.decode("utf-8", "replace").lstrip(" \t\r\n")
        if not text:
            raise _bad("EOF")
        decoder = json.JSONDecoder(parse_int=_Number, parse_float=_Number)
        try:
            value, _ = decoder.raw_decode(text)
        except RecursionError:
            raise _bad("exceeded max depth") from None
        except json.JSONDecodeError as error:
            raise _bad(_fault(error, text)) from None
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _bad(f"json: cannot unmarshal {_kind(value)} into Go value of type litestream.{self._name}")
        return value

    def _unfit(self, field: str, value: Any, wanted: str, shown: str = "") -> RefusedError:
        where = f"Go struct field {self._name}.{field} of type {wanted}"
        return _bad(f"json: cannot unmarshal {_kind(value)}{shown} into {where}")


def _fault(error: json.JSONDecodeError, text: str) -> str:
    at = error.pos
    rest = text[at:]
    if not rest or error.msg.startswith("Unterminated string") or any(word.startswith(rest) for word in _WORDS):
        return "unexpected EOF"
    place = next((go for python, go in _PLACES if error.msg.startswith(python)), "looking for beginning of value")
    character = {"'": "\\'", '"': '"'}.get(rest[0], rest[0])
    return f"invalid character '{character}' {place}"


def _kind(value: Any) -> str:
    if isinstance(value, _Number):
        return "number"
    kinds = {bool: "bool", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "value")


def _bad(details: str) -> RefusedError:
    return RefusedError(400, "invalid request body", details)
