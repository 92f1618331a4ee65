"""Which snapshots a sync is about. Pure, but for reading headers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import DirectoryNotFoundError, IntegrityError, UsageError
from plait.repository.selection import find_one, select, with_prefix

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from plait.repository.format.headers import Header
    from plait.repository.reading import RepositoryReader
    from plait.repository.selection import Query


class Selected(msgspec.Struct, frozen=True):
    """What a query selects: headers, newest first, the snapshots of which nobody can say, and those not looked at."""

    headers: tuple[Header, ...]
    unreadable: dict[bytes, IntegrityError]
    passed: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.headers or self.unreadable or self.passed)


def selected(reader: RepositoryReader, query: Query, known: Container[bytes] = ()) -> Selected:
    """What a query selects of a repository; those in `known` are not looked at where their identifiers are enough."""
    headers = []
    unreadable = {}
    passed = []
    by_name = not msgspec.structs.replace(query, prefixes=()).narrows
    for identifier in reader.snapshots():
        is_named = not query.prefixes or any(with_prefix((identifier,), prefix) for prefix in query.prefixes)
        if by_name and (not is_named or identifier in known):
            passed += [identifier] * is_named
            continue
        try:
            headers.append(reader.header(identifier))
        except IntegrityError as error:
            if is_named:
                unreadable[identifier] = error
    return Selected(select(headers, query, time.time_ns()).kept, unreadable, tuple(passed))


def refuse_vague(prefix: str, readers: Iterable[RepositoryReader], query: Query) -> None:
    """Raises unless exactly one snapshot begins with a prefix, and the query's filters let it pass.

    Raises DirectoryNotFoundError where there is none, UsageError where there are several or the filters contradict.
    """
    known = list(readers)
    identifier = find_one(sorted({name for reader in known for name in reader.snapshots()}), prefix)
    for reader in known:
        if identifier in reader.snapshots():
            found = selected(reader, query, (identifier,))
            if not found:
                raise UsageError(
                    f"snapshot {identifier[:4].hex()} is not what the filters describe",
                    hint="name a snapshot, or describe some",
                )
            return
    raise DirectoryNotFoundError(f"no snapshot has prefix: {prefix}")
