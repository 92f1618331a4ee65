"""Globs, the patterns of filter rules, as regular expressions of RE2.

Source: rclone's manual, "Filtering, includes and excludes", "Patterns for matching path/file names".
"""

from __future__ import annotations

import re

from plait.model.errors import ConfigurationError
from plait.model.values.quoting import quote

_TOO_HARD = re.compile(r"\{[^{}]*(?:\*\*|/)[^{}]*\}|\{\{|\}\}|\{[^{}]*\{")
_LITERAL = frozenset(".+()|^$")


def glob_to_expression(glob: str, *, ignore_case: bool = False) -> str:
    """The expression that a path (of a directory: with a slash at its end) is searched for.

    Raises ConfigurationError, in rclone's words, for unbalanced brackets and braces and more than two stars together.
    Whether the expression itself is valid is not checked.
    """
    return _Translation(glob, ignore_case=ignore_case).expression()


class _Translation:
    """One glob on its way, read from left to right."""

    def __init__(self, glob: str, *, ignore_case: bool) -> None:
        self._glob = glob.removeprefix("/")
        self._out = ["(?i)" if ignore_case else "", "^" if glob.startswith("/") else "(^|/)"]
        self._braces = 0
        self._brackets = 0

    def expression(self) -> str:
        position = 0
        while position < len(self._glob):
            position = self._step(position)
        if self._brackets:
            raise self._mismatched("'[' and ']'")
        if self._braces:
            raise self._mismatched("'{' and '}'")
        return "".join(self._out) + "$"

    def _mismatched(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"mismatched {what} in glob {quote(self._glob)}")

    def _step(self, position: int) -> int:
        """Translates what stands at `position`; returns where the next begins."""
        character = self._glob[position]
        if character == "*" and not self._brackets:
            return self._stars(position)
        if self._brackets:
            self._brackets += {"[": 1, "]": -1}.get(character, 0)
            self._out.append(character)
            return position + 1
        if character == "\\":
            self._out.append(self._glob[position : position + 2])
            return position + 2
        if character == "{" and self._braces and self._glob[position - 1] == "{":
            return self._raw(position + 1)
        self._out.append(self._translated(character))
        return position + 1

    def _stars(self, position: int) -> int:
        end = position
        while self._glob[end : end + 1] == "*":
            end += 1
        if end - position > 2:
            raise ConfigurationError(f"too many stars in {quote(self._glob)}")
        self._out.append("[^/]*" if end - position == 1 else ".*")
        return end

    def _raw(self, start: int) -> int:
        """The expression between `{{` and `}}`; of a run of braces the last two end it."""
        self._braces -= 1
        end = self._glob.find("}}", start)
        if end < 0:
            raise self._mismatched("'{' and '}'" if self._braces else "'{{' and '}}'")
        while self._glob[end + 2 : end + 3] == "}":
            end += 1
        self._out.append(self._glob[start:end] + ")")
        return end + 2

    def _translated(self, character: str) -> str:
        if character == "?":
            return "[^/]"
        if character == "[":
            self._brackets = 1
        elif character == "]":
            raise self._mismatched("']'")
        elif character == "{":
            self._braces += 1
            return "("
        elif character == "}":
            if not self._braces:
                raise self._mismatched("'{' and '}'")
            self._braces -= 1
            return ")"
        elif character == "," and self._braces:
            return "|"
        return "\\" + character if character in _LITERAL else character


def directory_globs(glob: str) -> list[str] | None:
    """Globs of the directories that may hold a match of a file's glob, innermost first; never the root, `/`.

    None where that cannot be told (regular expressions, nested braces, slashes or `**` in braces): any directory may.
    """
    if _TOO_HARD.search(glob) is not None:
        return None
    rest = re.sub("/{2,}", "/", glob)
    result: list[str] = []
    while True:
        slash, stars = rest.rfind("/"), rest.rfind("**")
        cut = max(slash, stars)
        if cut < 0:
            break
        rest = rest[:cut]
        directory = rest + ("**/" if stars > slash else "/")
        if not result or result[-1] != directory:
            result.append(directory)
    return [directory for directory in result or ["/**"] if directory != "/"]
