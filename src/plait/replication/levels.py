"""What the levels of a replica ask for: which files become one, and which are no longer needed. Pure.

Times are in nanoseconds since the epoch. Levels and rules are those of Litestream 0.5.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.replication.ltx.plan import File

_SECOND = 10**9


def boundary(now: int, interval: float) -> int:
    """The last moment, in UTC, at which something was due that is done every `interval` seconds."""
    step = round(interval * _SECOND)
    return now - now % step


def until_next(now: int, interval: float) -> float:
    """Seconds until the next such moment."""
    return (boundary(now, interval) + round(interval * _SECOND) - now) / _SECOND


def is_due(newest: File | None, now: int, interval: float) -> bool:
    """Whether a level whose newest file is this may have another: not before the next boundary."""
    return newest is None or newest.created <= boundary(now, interval)


def to_compact(below: Sequence[File], reached: int) -> list[File]:
    """The files of a level, in the order of their transactions, that become one above, where `reached` was compacted.

    They follow each other: behind a gap, which a snapshot has to bridge, another file begins. What lies within another
    is left out, and a file that straddles `reached` is taken whole: two daemons may have written.
    """
    chosen: list[File] = []
    for file in sorted(below, key=lambda file: (file.span.min_txid, -file.span.max_txid)):
        last = chosen[-1].span.max_txid if chosen else reached
        if file.span.max_txid <= last:
            continue
        if chosen and file.span.min_txid > last + 1:
            break
        chosen.append(file)
    return chosen


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """What of level 0 is to be deleted; of the others, `too_recent` and `not_compacted` count why they stay.

    `next_at` is when the next one will be old enough; None: not before there are further files.
    """

    files: tuple[File, ...]
    too_recent: int
    not_compacted: int
    next_at: int | None


def level_zero(files: Sequence[File], compacted: int, now: int, retention: float) -> Retention:
    """Which files of level 0 may go: those up to `compacted` that are older than `retention`, never the newest."""
    ordered = sorted(files, key=lambda file: file.span)
    limit = now - round(retention * _SECOND)
    old = 0
    while old < len(ordered) and ordered[old].created <= limit:
        old += 1
    candidates = ordered[: min(old, len(ordered) - 1)] if ordered else []
    gone = tuple(file for file in candidates if file.span.max_txid <= compacted)
    next_at = ordered[old].created + round(retention * _SECOND) if old < len(ordered) - 1 else None
    return Retention(
        files=gone, too_recent=len(ordered) - old, not_compacted=len(candidates) - len(gone), next_at=next_at
    )


def old_snapshots(files: Sequence[File], now: int, retention: float) -> tuple[list[File], int]:
    """The snapshots that are older than `retention`, never the newest; and the transaction below which nothing of the
    other levels is needed: that of the last snapshot before the oldest that stays, 0 where there is none.
    """
    ordered = sorted(files, key=lambda file: file.span.max_txid)
    limit = now - round(retention * _SECOND)
    gone = [file for file in ordered[:-1] if file.created < limit]
    kept = [file for file in ordered if file not in gone]
    before = [file for file in ordered if kept and file.span.max_txid < kept[0].span.max_txid]
    return gone, before[-1].span.max_txid if before else 0


def below_snapshots(files: Sequence[File], floor: int) -> list[File]:
    """The files of a level of compaction that end before `floor`, never the last one."""
    ordered = sorted(files, key=lambda file: file.span.max_txid)
    return [file for file in ordered[:-1] if file.span.max_txid < floor]


def gaps(files: Sequence[File]) -> list[tuple[File, File]]:
    """Neighbours of a level that do not follow each other exactly."""
    ordered = sorted(files, key=lambda file: file.span)
    return [
        (before, after)
        for before, after in itertools.pairwise(ordered)
        if after.span.min_txid != before.span.max_txid + 1
    ]
