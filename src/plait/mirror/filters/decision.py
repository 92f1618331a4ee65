"""Rule lists made ready for deciding about many paths.

Rules of one sign that follow each other form a run; within a run order does not matter. The plain globs that nearly all
rules are (`*.jpg`, `name`, `folder/**`) become string operations, an order of magnitude faster than an expression; the
others of a run become one alternation.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plait.mirror.filters.rules import Rule

_PLAIN = r"[^*?\[\]{}\\]"
_SUFFIX = re.compile(rf"\*(?P<slashless>(?:(?!/){_PLAIN})*)|/?\*\*(?P<any>{_PLAIN}*)")
_FOLDER = re.compile(rf"(?P<root>/?)(?P<folder>{_PLAIN}+)/\*\*")
_EXACT = re.compile(rf"(?P<root>/?)(?P<path>{_PLAIN}+)")
_FLOATING = r"(?:[\s\S]*/)?"
_BRANCHES = 200
"""Rules in one expression; many thousand in one take Python minutes to compile."""


class Run:
    """Rules of one sign. `plain`: string operations may stand for expressions, as paths hold no newline."""

    def __init__(self, rules: Iterable[Rule], *, plain: bool) -> None:
        self._names: set[str] = set()
        self._paths: set[str] = set()
        self._folders: list[str] = []
        self._plain_suffixes: list[str] = []
        self._plain_roots: list[str] = []
        patterns = [rule.pattern() for rule in rules if not (plain and self._take_plain(rule))]
        self._patterns = [
            re.compile(_alternation(patterns[start : start + _BRANCHES])).match
            for start in range(0, len(patterns), _BRANCHES)
        ]
        self._suffixes = tuple(self._plain_suffixes)
        self._root_folders = tuple(self._plain_roots)

    def _take_plain(self, rule: Rule) -> bool:
        """Takes a rule that string operations can decide; False for others."""
        if rule.ignore_case:
            return False
        suffix = _SUFFIX.fullmatch(rule.glob)
        if suffix is not None:
            self._plain_suffixes.append(suffix["slashless"] or suffix["any"] or "")
            return True
        folder = _FOLDER.fullmatch(rule.glob)
        if folder is not None and folder["root"]:
            self._plain_roots.append(folder["folder"] + "/")
        elif folder is not None:
            self._folders.append(f"/{folder['folder']}/")
        else:
            return self._take_exact(rule.glob)
        return True

    def _take_exact(self, glob: str) -> bool:
        exact = _EXACT.fullmatch(glob)
        if exact is None:
            return False
        if exact["root"]:
            self._paths.add(exact["path"])
        elif "/" in exact["path"]:
            self._paths.add(exact["path"])
            self._plain_suffixes.append("/" + exact["path"])
        else:
            self._names.add(exact["path"])
        return True

    def matches(self, path: str) -> bool:
        """True where a rule of the run matches."""
        if self._suffixes and path.endswith(self._suffixes):
            return True
        if self._names and path[path.rfind("/") + 1 :] in self._names:
            return True
        if self._folders:
            rooted = "/" + path
            for folder in self._folders:
                if folder in rooted:
                    return True
        if self._root_folders and path.startswith(self._root_folders):
            return True
        if self._paths and path in self._paths:
            return True
        return any(match(path) for match in self._patterns)


def _alternation(patterns: list[str]) -> str:
    """One expression for all; those that may begin after any slash share the way there."""
    floating = [pattern.removeprefix(_FLOATING) for pattern in patterns if pattern.startswith(_FLOATING)]
    branches = [pattern for pattern in patterns if not pattern.startswith(_FLOATING)]
    if floating:
        branches.append(f"{_FLOATING}(?:{'|'.join(floating)})")
    return "|".join(branches)


def _includes(rule: Rule) -> bool:
    return rule.include


class Decision:
    """An ordered list of rules; the first that matches decides, and what none matches is included."""

    def __init__(self, rules: Iterable[Rule], *, plain: bool = True) -> None:
        runs = groupby(rules, key=_includes)
        self._runs = [(include, Run(group, plain=plain)) for include, group in runs]

    def includes(self, path: str) -> bool:
        """True where the path (of a directory: with a slash at its end) is included."""
        for include, run in self._runs:
            if run.matches(path):
                return include
        return True

    def includes_any(self, texts: Iterable[str]) -> bool:
        """The decision of the first rule that matches one of the texts."""
        held = list(texts)
        for include, run in self._runs:
            if any(run.matches(text) for text in held):
                return include
        return True
