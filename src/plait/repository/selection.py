"""Which snapshots are meant: prefixes of identifiers, and the location flags (behaviour, sections 2.2 and 2.3).

Pure functions over headers, shared by every command that chooses snapshots.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import DirectoryNotFoundError, UsageError
from plait.repository.retention import Allowance, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plait.repository.format.headers import Header

_MATCHED: Final = Verdict(kept=True, note="matched filters")
_HEXADECIMAL: Final = frozenset("0123456789abcdef")
_LISTED: Final = 10
"""Matches of an ambiguous prefix that its error names."""


class Grouping(Enum):
    """What periods may be applied by, each value of it on its own."""

    NAME = "name"
    CATEGORY = "category"
    ENVIRONMENT = "environment"
    PERIMETER = "perimeter"
    JOB = "job"
    DATASET = "dataset"
    DATA_CLASS = "data-class"
    TAG = "tag"
    ORIGIN = "origin"
    TYPE = "type"
    ROOT = "root"

    @classmethod
    def named(cls, text: str) -> Grouping | None:
        """The grouping of this name, None for an empty one. Raises UsageError."""
        name = text.strip()
        if not name:
            return None
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(grouping.value for grouping in cls)
            raise UsageError(f'invalid -group-by value "{text}"', hint=f"one of {known}") from None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """The location flags. What is empty does not narrow; times are nanoseconds since the epoch, both ends inclusive.

    `prefixes`: of identifiers, any of them. `tags`: all of them, and none of `ignored_tags`. `types`, `origins`,
    `roots` (directories that were saved), `data_classes`: any of them. `latest`: of what passes the filters, only the
    newest of all. `periods`: allowances by the names of `retention.PERIODS`, applied to each group of `group_by`.
    """

    prefixes: tuple[str, ...] = ()
    before: int | None = None
    since: int | None = None
    name: str = ""
    category: str = ""
    environment: str = ""
    perimeter: str = ""
    job: str = ""
    dataset: str = ""
    tags: tuple[str, ...] = ()
    ignored_tags: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    data_classes: tuple[str, ...] = ()
    latest: bool = False
    group_by: Grouping | None = None
    periods: Mapping[str, Allowance] = {}

    @property
    def has_periods(self) -> bool:
        """Whether any period is asked for."""
        return any(self.periods.values())

    @property
    def narrows(self) -> bool:
        """Whether it may leave out anything at all; a grouping alone cannot."""
        return self != Query(group_by=self.group_by, periods=self.periods) or self.has_periods


class Selection(msgspec.Struct, frozen=True):
    """What a query keeps, newest first, and what became of all that passed its filters."""

    kept: tuple[Header, ...]
    filtered: tuple[Header, ...]
    """All that passed the filters, newest first, whatever the periods say."""
    verdicts: Mapping[bytes, Verdict]
    """By identifier, of all that passed the filters."""


def split_list(values: Iterable[str]) -> tuple[str, ...]:
    """The items of a flag that may be repeated and may hold lists with commas."""
    return tuple(item for value in values for part in value.split(",") if (item := part.strip()))


def split_tags(values: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tags that must be there, and those marked with `!` that must not. A `!` alone is a tag, which nothing has."""
    items = split_list(values)
    ignored = [item for item in items if item.startswith("!") and item != "!"]
    return tuple(item for item in items if item not in ignored), tuple(item[1:] for item in ignored)


def normal_prefix(prefix: str) -> str:
    """A prefix as identifiers are written, in lower case. Raises UsageError where no identifier can begin so."""
    lowered = prefix.lower()
    if not set(lowered) <= _HEXADECIMAL or len(lowered) > 64:
        raise UsageError(f"invalid snapshot prefix: {prefix}")
    return lowered


def with_prefix(identifiers: Iterable[bytes], prefix: str) -> list[bytes]:
    """The identifiers that begin so, in either case, in their order; what no identifier can begin with matches none."""
    lowered = prefix.lower()
    return [identifier for identifier in identifiers if identifier.hex().startswith(lowered)]


def find_one(identifiers: Iterable[bytes], prefix: str) -> bytes:
    """The one identifier that begins so.

    Raises DirectoryNotFoundError where there is none, UsageError where there are several; its hint lists them.
    """
    found = with_prefix(identifiers, prefix)
    if not found:
        raise DirectoryNotFoundError(f"no snapshot has prefix: {prefix}")
    if len(found) > 1:
        names = ", ".join(identifier.hex() for identifier in found[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise UsageError(
            f"snapshot ID is ambiguous: {prefix} (matches {len(found)} snapshots)", hint=f"it matches {names}{more}"
        )
    return found[0]


def matches(header: Header, query: Query) -> bool:
    """Whether a snapshot passes the filters (not the periods, nor `latest`)."""
    return (
        _in_time(header, query)
        and _has_prefix(header, query)
        and all(
            not wanted or wanted == found
            for wanted, found in (
                (query.name, header.name),
                (query.category, header.category),
                (query.environment, header.environment),
                (query.perimeter, header.perimeter),
                (query.job, header.job),
                (query.dataset, header.dataset),
            )
        )
        and set(query.tags) <= set(header.tags or ())
        and not set(query.ignored_tags) & set(header.tags or ())
        and all(
            not wanted or not set(wanted).isdisjoint(found)
            for wanted, found in (
                (query.types, _types(header)),
                (query.origins, _origins(header)),
                (query.roots, _roots(header)),
                (query.data_classes, header.data_classes or ()),
            )
        )
    )


def select(headers: Iterable[Header], query: Query, now: int) -> Selection:
    """Applies a query at the time `now`, in nanoseconds since the epoch.

    Newest first; snapshots of one time go by identifier.
    """
    found = sorted(
        (header for header in headers if matches(header, query)), key=lambda item: (-item.timestamp, item.identifier)
    )
    if query.latest:
        del found[1:]
    verdicts = dict.fromkeys((header.identifier for header in found), _MATCHED)
    if query.has_periods:
        verdicts = _judged(found, query, now)
    kept = tuple(header for header in found if verdicts[header.identifier].kept)
    return Selection(kept, tuple(found), verdicts)


def _judged(found: Sequence[Header], query: Query, now: int) -> dict[bytes, Verdict]:
    groups: dict[str, list[Header]] = {}
    for header in found:
        for value in _groups(header, query.group_by):
            groups.setdefault(value, []).append(header)
    verdicts: dict[bytes, Verdict] = {}
    for members in groups.values():
        judged = judge([header.timestamp for header in members], query.periods, now)
        for header, verdict in zip(members, judged, strict=True):
            previous = verdicts.get(header.identifier)
            if previous is None or (verdict.kept and not previous.kept):
                verdicts[header.identifier] = verdict
    return verdicts


def _groups(header: Header, grouping: Grouping | None) -> tuple[str, ...]:
    """The groups that a snapshot belongs to; one without a value belongs to the group "" alone."""
    match grouping:
        case None:
            return ("",)
        case Grouping.DATA_CLASS:
            values = tuple(header.data_classes or ())
        case Grouping.TAG:
            values = tuple(header.tags or ())
        case Grouping.ORIGIN:
            values = _origins(header)
        case Grouping.TYPE:
            values = _types(header)
        case Grouping.ROOT:
            values = _roots(header)
        case _:
            values = (getattr(header, grouping.value),)
    return tuple(dict.fromkeys(values)) or ("",)


def _in_time(header: Header, query: Query) -> bool:
    return (query.before is None or header.timestamp <= query.before) and (
        query.since is None or header.timestamp >= query.since
    )


def _has_prefix(header: Header, query: Query) -> bool:
    return not query.prefixes or any(with_prefix((header.identifier,), prefix) for prefix in query.prefixes)


def _types(header: Header) -> tuple[str, ...]:
    return tuple(source.importer.type for source in header.sources or ())


def _origins(header: Header) -> tuple[str, ...]:
    return tuple(source.importer.origin for source in header.sources or ())


def _roots(header: Header) -> tuple[str, ...]:
    return tuple(source.importer.directory for source in header.sources or ())
