"""Which snapshots a sync is about. Pure, but for reading headers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import DirectoryNotFoundError, IntegrityError, UsageError
from plait.repository.selection import find_one, select, with_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plait.repository.format.headers import Header
    from plait.repository.reading import RepositoryReader
    from plait.repository.selection import Query


class Selected(msgspec.Struct, frozen=True):
    """What a query selects: headers, newest first, and the snapshots of which nobody can say."""

    headers: tuple[Header, ...]
    unreadable: dict[bytes, IntegrityError]


def selected(reader: RepositoryReader, query: Query) -> Selected:
    """What a query selects of a repository."""
    headers = []
    unreadable = {}
    for identifier, header in reader.headers():
        if not isinstance(header, IntegrityError):
            headers.append(header)
        elif not query.prefixes or any(with_prefix((identifier,), prefix) for prefix in query.prefixes):
            unreadable[identifier] = header
    return Selected(select(headers, query, time.time_ns()).kept, unreadable)


def refuse_vague(prefix: str, readers: Iterable[RepositoryReader], query: Query) -> None:
    """Raises unless exactly one snapshot begins with a prefix, and the query's filters let it pass.

    Raises DirectoryNotFoundError where there is none, UsageError where there are several or the filters contradict.
    """
    known = list(readers)
    identifier = find_one(sorted({name for reader in known for name in reader.snapshots()}), prefix)
    for reader in known:
        if identifier in reader.snapshots():
            found = selected(reader, query)
            if not found.headers and identifier not in found.unreadable:
                raise UsageError(
                    f"snapshot {identifier[:4].hex()} is not what the filters describe",
                    hint="name a snapshot, or describe some",
                )
            return
    raise DirectoryNotFoundError(f"no snapshot has prefix: {prefix}")
