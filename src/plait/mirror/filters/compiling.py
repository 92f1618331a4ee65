"""From the options of a person to filters that decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.mirror.filters.filters import Filters, Window
from plait.mirror.filters.options import rule_lines
from plait.mirror.filters.partition import parse_partition
from plait.mirror.filters.rules import MIXED, PathRules, RuleList, mixes, read_rules
from plait.model.errors import ConfigurationError
from plait.model.values.durations import show_duration
from plait.model.values.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.mirror.filters.options import FilterOptions, ReadLines

_LISTS = ("--files-from", "--files-from-raw", "--files-from0")


def compile_filters(options: FilterOptions, now: int, read_lines: ReadLines) -> Filters:
    """The filters that the options ask for. `now`, from which ages count, is in nanoseconds since the epoch.

    Raises ConfigurationError, in rclone's words, for bad rules, contradictions and files that cannot be read.
    """
    window = _window(options, now)
    partition = parse_partition(options.hash_filter) if options.hash_filter else None
    paths = PathRules(ignore_case=options.ignore_case)
    for rule in read_rules(options.paths, read_lines):
        if rule is None:
            paths.clear()
        else:
            paths.add(rule[1], include=rule[0])
    metadata = RuleList()
    for rule in read_rules(options.metadata, read_lines):
        if rule is None:
            metadata.clear()
        else:
            metadata.add(rule[1], include=rule[0])
    others = window.active or partition or paths.files or paths.directories or metadata or options.exclude_if_present
    return Filters(
        window=window,
        partition=partition,
        paths=paths,
        metadata=metadata,
        exclude_if_present=tuple(options.exclude_if_present),
        max_depth=None if options.max_depth < 0 else max(1, options.max_depth),
        files_from=_files_from(options, read_lines, alone=not others),
        warnings=tuple(MIXED for rules in (options.paths, options.metadata) if mixes(rules)),
    )


def _window(options: FilterOptions, now: int) -> Window:
    until = None if options.min_age is None else options.min_age.moment(now)
    since = None if options.max_age is None else options.max_age.moment(now)
    if since is not None and until is not None and until <= since:
        youngest, oldest = quote(show_duration(now - until)), quote(show_duration(now - since))
        raise ConfigurationError(f"filter: --min-age {youngest} can't be larger than --max-age {oldest}")
    return Window(options.min_size, options.max_size, since, until, now)


def _files_from(options: FilterOptions, read_lines: ReadLines, *, alone: bool) -> frozenset[str] | None:
    """The names in all lists of files; None where there is no list."""
    lists = (options.files_from, options.files_from_raw, options.files_from0)
    given = [flag for flag, files in zip(_LISTS, lists, strict=True) if files]
    if not given:
        return None
    if not alone:
        others = " or ".join(flag for flag in _LISTS if flag != given[0])
        raise ConfigurationError(
            f"the usage of {given[0]} overrides all other filters, it should be used alone or with {others}"
        )
    return frozenset(name.strip("/") for name in _listed(options, read_lines))


def _listed(options: FilterOptions, read_lines: ReadLines) -> Iterator[str]:
    for file in options.files_from:
        yield from rule_lines(read_lines(file))
    for file in options.files_from_raw:
        for line in read_lines(file):
            yield line.removesuffix("\r")
    for file in options.files_from0:
        yield from _between_zeros(read_lines(file))


def _between_zeros(lines: Iterable[str]) -> Iterator[str]:
    """Names that end with NUL; they may hold newlines."""
    content = "\n".join(lines)
    if content:
        yield from content.removesuffix("\0").split("\0")
