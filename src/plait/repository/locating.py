"""Finding names in snapshots: the original's `locate`, with the patterns of Go's path.Match."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plait.model.errors import UsageError
from plait.repository.format import btrees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.repository.snapshots import SnapshotReader


def locate(snapshot: SnapshotReader, matchers: Sequence[Callable[[str], bool]]) -> Iterator[str]:
    """The paths of a snapshot, those with fewer names first, whose last name any of the matchers holds for.

    Raises IntegrityError.
    """
    for path, _ in snapshot.repository.items(btrees.VFS, snapshot.source.root.root):
        name = path.rpartition("/")[2] or "/"
        if any(matches(name) for matches in matchers):
            yield path


def matcher(pattern: str) -> Callable[[str], bool]:
    """What holds for names that are the pattern, or match it: `*`, `?`, `[a-z]`, `[^a-z]`, a backslash before any.

    Raises UsageError where it is malformed.
    """
    expression = re.compile(_translated(pattern), re.DOTALL)
    return lambda name: name == pattern or expression.fullmatch(name) is not None


def _translated(pattern: str) -> str:
    parts = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "*":
            parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            part, position = _class(pattern, position + 1)
            parts.append(part)
            continue
        else:
            literal, position = _literal(pattern, position)
            parts.append(re.escape(literal))
            continue
        position += 1
    return "".join(parts)


def _class(pattern: str, position: int) -> tuple[str, int]:
    """A class of characters from behind its bracket on, and the position behind it."""
    negated = pattern.startswith("^", position)
    position += negated
    ranges: list[tuple[str, str]] = []
    while not ranges or not pattern.startswith("]", position):
        low, position = _member(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _member(pattern, position + 1)
        ranges.append((low, high))
    inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges if low <= high)
    if not inside:
        return ("[^/]" if negated else "(?!)"), position + 1
    return (f"[^{inside}]" if negated else f"[{inside}]"), position + 1


def _member(pattern: str, position: int) -> tuple[str, int]:
    if position >= len(pattern) or pattern[position] in "-]":
        raise _malformed()
    return _literal(pattern, position)


def _literal(pattern: str, position: int) -> tuple[str, int]:
    """A character that stands for itself, perhaps behind a backslash, and the position behind it."""
    if pattern[position] == "\\":
        position += 1
        if position >= len(pattern):
            raise _malformed()
    return pattern[position], position + 1


def _malformed() -> UsageError:
    return UsageError("could not match pattern: syntax error in pattern")
