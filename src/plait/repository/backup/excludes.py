"""Patterns of paths that are left out of a backup: gitignore's, anchored at the root of the file system. Pure.

A pattern with a slash in front or within is anchored at `/`; one without names files at any depth; one with a slash at
the end means directories only. `!` in front takes back. The last pattern that matches decides, and what is below a
directory that is left out is never looked at. (Behaviour of the original, section 3: *ignore rules*.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Rule(NamedTuple):
    expression: re.Pattern[str]
    takes_back: bool
    directories_only: bool
    whole_path: bool


class Excludes:
    """The patterns of one backup, in order."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        self._rules = [rule for pattern in patterns if (rule := _rule(pattern)) is not None][::-1]

    def excludes(self, path: str, *, is_directory: bool) -> bool:
        """Whether an absolute path is left out, given that the directory it is in is not."""
        name = path.rpartition("/")[2]
        for rule in self._rules:
            if rule.directories_only and not is_directory:
                continue
            if rule.expression.fullmatch(path if rule.whole_path else name):
                return not rule.takes_back
        return False


def read_ignore_file(text: str) -> list[str]:
    """The patterns of a file: one a line; comments and blank lines are passed over, blanks at the end do not count."""
    lines = (_without_blanks_at_the_end(line.removesuffix("\r")) for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _without_blanks_at_the_end(line: str) -> str:
    bare = line.rstrip(" \t")
    escaped = bare.endswith("\\") and bare != line
    return bare + " " if escaped else bare


def _rule(pattern: str) -> _Rule | None:
    """None for a pattern that matches nothing."""
    takes_back = pattern.startswith("!")
    text = pattern[1:] if takes_back else pattern
    directories_only = text.endswith("/")
    text = text.rstrip("/") if directories_only else text
    if not text:
        return None
    whole_path = "/" in text
    source = _translated("/" + text.lstrip("/") if whole_path else text)
    if source is None:
        return None
    return _Rule(re.compile(source, re.DOTALL), takes_back, directories_only, whole_path)


def _translated(text: str) -> str | None:
    """A regular expression for a pattern; None where it is malformed."""
    parts = []
    at = 0
    while at < len(text):
        if text.startswith("/**/", at):
            parts.append("/(?:.*/)?")
            at += 4
        elif text[at:] == "/**":
            parts.append("(?:/.*)?")
            at += 3
        elif text[at] == "[":
            found = _class(text, at)
            if found is None:
                return None
            source, at = found
            parts.append(source)
        else:
            source, at = _single(text, at)
            parts.append(source)
    return "".join(parts)


def _single(text: str, at: int) -> tuple[str, int]:
    character = text[at]
    if character == "*":
        while text.startswith("*", at + 1):
            at += 1
        return "[^/]*", at + 1
    if character == "?":
        return "[^/]", at + 1
    if character == "\\" and at + 1 < len(text):
        return re.escape(text[at + 1]), at + 2
    return re.escape(character), at + 1


def _class(text: str, at: int) -> tuple[str, int] | None:
    """A set of characters that begins at `[`, and where it ends; None where it does not."""
    start = at + 1
    negated = text[start : start + 1] in {"!", "^"}
    start += negated
    items = []
    position = start
    while position < len(text) and (text[position] != "]" or position == start):
        if text[position] == "\\" and position + 1 < len(text):
            position += 1
        low = text[position]
        position += 1
        if text[position : position + 1] == "-" and text[position + 1 : position + 2] not in {"]", ""}:
            high = text[position + 1]
            position += 2
            if high < low:
                return None
            items.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            items.append(re.escape(low))
    if position >= len(text):
        return None
    return f"(?!/)[{'^' if negated else ''}{''.join(items)}]", position + 1
