"""Plain values of flags and configuration keys: truth, whole numbers, floating-point numbers.

The grammar is Go's (packages strconv and fmt), because it is what rclone reads on its command line, in the environment
and in `rclone.conf`. Messages are rclone's where they speak to a person.
"""

from __future__ import annotations

import math
import re

from plait.model.values.quoting import quote

_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_FLOAT = rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?"
_HEX = "0[xX]((?:_?[0-9a-fA-F])+)"
_BINARY = "0[bB]((?:_?[01])+)"
_OCTAL = "(?:0[oO]|0(?=_?[0-7]))((?:_?[0-7])+)"
_DECIMAL = "(0|[1-9](?:_?[0-9])*)"
_INTEGER = f"([+-]?)(?:{_HEX}|{_BINARY}|{_OCTAL}|{_DECIMAL})"
_BASES = (16, 2, 8, 10)
_INT64 = 2**63


def parse_bool(text: str) -> bool:
    """True for 1, t, T, true, TRUE, True and False for their opposites. Raises ValueError for anything else."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"parsing {quote(text)}: invalid syntax, want true or false")


def parse_int(text: str) -> int:
    """A whole number that fits into 64 bits, also as `0x1f`, `0b1`, `0o17`, `017` or `1_000`. Raises ValueError."""
    found = re.fullmatch(_INTEGER, text.strip(" \t"))
    if found is None:
        # What Go's scanner says depends on where it stops.
        begins = re.match(r"[+-]?[0-9]", text.lstrip(" \t"))
        raise ValueError("expected newline" if begins else "expected integer" if text.strip() else "EOF")
    sign, *digits = found.groups()
    value = next(int(part, base) for part, base in zip(digits, _BASES, strict=True) if part is not None)
    if sign == "-":
        value = -value
    if not -_INT64 <= value < _INT64:
        raise ValueError(f"parsing {quote(text)}: value out of range")
    return value


def parse_float(text: str) -> float:
    """A finite decimal number (`1`, `.5`, `5.`, `1e3`, `1_000`). Raises ValueError, also where it overflows."""
    if re.fullmatch(_FLOAT, text) is None:
        raise ValueError(f"parsing {quote(text)}: invalid syntax")
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"parsing {quote(text)}: value out of range")
    return value
