r"""Patterns of file names, as Go's `filepath.Match` reads them.

    *          any characters, none among them
    ?          one character
    [a-z] [^a] one character of these, or of no others than these
    \c         the character c

Source: the documentation of Go's package path/filepath.
"""

from __future__ import annotations

import re
from typing import Final

_FAULT: Final = "syntax error in pattern"


def parse_pattern(pattern: str) -> re.Pattern[str]:
    """What matches whole names as `pattern` does. Raises ValueError where it is none."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        elif character == "[":
            part, position = _parse_class(pattern, position)
            parts.append(part)
        elif character == "\\":
            if position == len(pattern):
                raise ValueError(_FAULT)
            parts.append(re.escape(pattern[position]))
            position += 1
        else:
            parts.append(re.escape(character))
    return re.compile("".join(parts), re.DOTALL)


def _parse_class(pattern: str, position: int) -> tuple[str, int]:
    """The expression of a class that begins behind its bracket, and where the pattern goes on."""
    is_negated = pattern.startswith("^", position)
    position += is_negated
    ranges: list[str] = []
    while not pattern.startswith("]", position) or not ranges:
        low, position = _parse_character(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _parse_character(pattern, position + 1)
        # An empty range matches nothing, and is none to Python.
        ranges.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else "")
    members = "".join(ranges)
    if not members:
        return ("." if is_negated else "(?!)"), position + 1
    return f"[{'^' if is_negated else ''}{members}]", position + 1


def _parse_character(pattern: str, position: int) -> tuple[str, int]:
    if pattern.startswith("\\", position):
        position += 1
    elif pattern[position : position + 1] in {"-", "]"}:
        raise ValueError(_FAULT)
    # A class needs its end, so that nothing of it may be the last character.
    if position + 1 >= len(pattern):
        raise ValueError(_FAULT)
    return pattern[position], position + 1
