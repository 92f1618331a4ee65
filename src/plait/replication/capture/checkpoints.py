"""When the log is taken into the database, and the sequence that does it without losing a commit."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from plait.replication.wal.frames import WAL_HEADER_SIZE, frame_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.capture.connections import Connections


class Mode(Enum):
    """The kind of a checkpoint, in SQLite's words."""

    PASSIVE = "PASSIVE"
    TRUNCATE = "TRUNCATE"
    """The log's file is made short as well."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When to checkpoint: sizes of the log in pages, times in seconds. 0 turns `truncate_pages` and `interval` off."""

    page_size: int
    min_pages: int
    truncate_pages: int
    interval: float


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What decides: how far the log was captured (an offset in bytes), and whether that is its end.

    `is_fresh`: something was captured since the last checkpoint. `age`: seconds since the database's file was changed.
    """

    captured_end: int
    at_end: bool
    is_fresh: bool
    age: float


def due(policy: Policy, now: Situation) -> Mode | None:
    """The checkpoint that is due; None for none. The sizes are logical: stale frames behind the end do not count."""
    if policy.truncate_pages and now.captured_end >= log_size(policy.truncate_pages, policy.page_size):
        return Mode.TRUNCATE
    if not now.at_end:
        return None
    if now.captured_end >= log_size(policy.min_pages, policy.page_size):
        return Mode.PASSIVE
    is_old = policy.interval > 0 and now.age > policy.interval
    if now.is_fresh and is_old and now.captured_end > log_size(1, policy.page_size):
        return Mode.PASSIVE
    return None


def log_size(pages: int, page_size: int) -> int:
    """The length in bytes of a log of so many pages."""
    return WAL_HEADER_SIZE + pages * frame_size(page_size)


def checkpoint(connections: Connections, mode: Mode, sync: Callable[[], None]) -> bool:
    """Take the log into the database; whether it was restarted, which no reader may hinder.

    `sync` captures the log to its end. Most of the work happens while others write: the writer pins the log in the
    reader's place meanwhile, and until all that was taken is captured, since the reader alone then pins nothing of it.
    Only what they wrote until then is sealed and taken under the write lock, which is held from the last reading of the
    log until it is pinned again: nothing that is committed can be overwritten unread.
    Raises BusyError where another process writes for too long.
    """
    with connections.standing_in():
        _take(connections)
        sync()
    with connections.locked():
        sync()
        done = _take(connections)
    connections.bump(truncate=mode is Mode.TRUNCATE and done)
    return done


def _take(connections: Connections) -> bool:
    connections.unpin()
    try:
        return connections.checkpoint().is_complete
    finally:
        connections.pin()
