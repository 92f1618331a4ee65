"""Ordered lists of rules, of which the first that matches decides; and how rules enter them.

Source: rclone's manual, "Filtering, includes and excludes".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.mirror.filters import re2
from plait.mirror.filters.globs import directory_globs, glob_to_expression
from plait.mirror.filters.options import rule_lines
from plait.model.errors import ConfigurationError
from plait.model.values.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.mirror.filters.options import ReadLines, RuleOptions

MIXED = (
    "Using --filter is recommended instead of both --include and --exclude as the order they are parsed in is "
    "indeterminate"
)
_MAY_BE_BAD = frozenset("[{\\")
"""What a glob holds that may become an expression which is none."""


class Rule:
    """One rule: what matches `expression` (of RE2, searched for) is included or not."""

    def __init__(self, glob: str, *, include: bool, ignore_case: bool) -> None:
        """Raises ConfigurationError for a bad glob."""
        self.glob = glob
        self.include = include
        self.ignore_case = ignore_case
        self.expression = glob_to_expression(glob, ignore_case=ignore_case)
        if _MAY_BE_BAD & set(glob):
            self._check()

    def _check(self) -> None:
        try:
            self.pattern()
        except re2.ExpressionError as error:
            bad = f"bad glob pattern {quote(self.glob.removeprefix('/'))} (regexp {quote(self.expression)})"
            raise ConfigurationError(f"{bad}: {error}") from None

    def pattern(self) -> str:
        """The expression in Python's syntax, for `re.match`."""
        return re2.translate_for_match(self.expression)

    def __str__(self) -> str:
        return f"{'+' if self.include else '-'} {self.expression}"


class RuleList:
    """Rules in order, each once."""

    def __init__(self) -> None:
        self._rules: dict[tuple[bool, str], Rule] = {}

    def add(self, glob: str, *, include: bool, ignore_case: bool = False) -> None:
        """Adds a rule at the end, unless it stands there already. Raises ConfigurationError for a bad glob."""
        rule = Rule(glob, include=include, ignore_case=ignore_case)
        self._rules.setdefault((include, rule.expression), rule)

    def clear(self) -> None:
        """Forgets all rules."""
        self._rules.clear()

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())


class PathRules:
    """The rules for files and those for directories, which prune: a file below an excluded directory is never seen.

    Directory rules are derived from the inclusions of files, where that is possible.
    """

    def __init__(self, *, ignore_case: bool) -> None:
        self.files = RuleList()
        self.directories = RuleList()
        self._look_everywhere: list[str] = []
        self._ignore_case = ignore_case

    def add(self, glob: str, *, include: bool) -> None:
        """Adds a glob to the lists that it concerns. Raises ConfigurationError for a bad glob.

        One with a slash at its end means a directory, as an exclusion all that is below it; one that holds `**` both
        files and directories; any other files. An inclusion of files also includes the directories that may hold them.
        """
        only_directories = glob.endswith("/") and include and "**" not in glob
        if glob.endswith("/") and not include:
            glob += "**"
        if not only_directories:
            self._add(self.files, glob, include=include)
            if include or glob == "*":
                self._add_directories(glob, include=include)
        if only_directories or "**" in glob:
            self._add(self.directories, glob, include=include)

    def _add_directories(self, glob: str, *, include: bool) -> None:
        globs = directory_globs(glob)
        if globs is None:
            self._look_everywhere.append(glob)
            globs = ["/**"]
        for directory in globs:
            self._add(self.directories, directory, include=include)

    def _add(self, rules: RuleList, glob: str, *, include: bool) -> None:
        rules.add(glob, include=include, ignore_case=self._ignore_case)

    def remarks(self) -> Iterator[str]:
        """What the log says, at level INFO, of inclusions that keep any directory from being pruned."""
        for glob in self._look_everywhere:
            yield f"Can't figure out directory filters from {quote(glob)}: looking in all directories"

    def clear(self) -> None:
        """Forgets all rules."""
        self.files.clear()
        self.directories.clear()


def read_rules(options: RuleOptions, read_lines: ReadLines) -> Iterator[tuple[bool, str] | None]:
    """The rules of all sources in their order, whatever their order was for the person: (include, glob).

    None is `!`: forget all rules so far. After any inclusion, everything else is excluded at the end.
    Raises ConfigurationError for a malformed rule or an unreadable file.
    """
    for glob in _globs(options.include, options.include_from, read_lines):
        yield True, glob
    for glob in _globs(options.exclude, options.exclude_from, read_lines):
        yield False, glob
    for rule in _globs(options.filter, options.filter_from, read_lines):
        if rule == "!":
            yield None
        elif rule[:2] in {"+ ", "- "}:
            yield rule[0] == "+", rule[2:]
        else:
            raise ConfigurationError(f"malformed rule {quote(rule)}")
    if _includes(options):
        yield False, "/**"


def mixes(options: RuleOptions) -> bool:
    """True where inclusions and exclusions are given side by side, which deserves the warning `MIXED`."""
    return _includes(options) and bool(options.exclude or options.exclude_from)


def _includes(options: RuleOptions) -> bool:
    return bool(options.include or options.include_from)


def _globs(given: Iterable[str], files: Iterable[str], read_lines: ReadLines) -> Iterator[str]:
    yield from given
    for file in files:
        yield from rule_lines(read_lines(file))
