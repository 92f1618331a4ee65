"""Where the next LTX file begins: behind the last one, or with the whole database.

A wrong continuation loses committed rows without a word: each file is whole, the restored database is sound, and rows
are missing. So the rule asks for proof that nothing was lost; where there is none, the next file holds the whole
database, which costs one copy of it.

A log's generation ends when a writer restarts the log after a checkpoint that took all of it: the first salt grows by
one, the second is drawn anew, and new frames overwrite the old from the beginning. Who did not watch it cannot know of
commits that were made, taken by a checkpoint and overwritten.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from plait.replication.wal.frames import WAL_HEADER_SIZE

if TYPE_CHECKING:
    from plait.replication.ltx.header import Header, Salts
    from plait.replication.wal.observation import Observation

_WORD: Final = 0xFFFFFFFF


class Reason(Enum):
    """Why the whole database is taken."""

    FIRST = "there is no earlier file"
    PAGE_SIZE = "the page size of the database changed"
    NO_PLACE = "the last file tells no place in the log"
    NO_LOG = "the log is gone: it was checkpointed and removed, or is not readable"
    TRUNCATED = "the log is shorter than what was read of it: another process truncated it"
    OVERWRITTEN = "the last frame that was read is overwritten: the log was restarted, and may have held more"
    SKIPPED = "the log was restarted more than once"
    UNSYNCED = "the log was restarted after commits that were not read"
    UNPROVEN = "the log was restarted, and nothing of it had been read that could show whether it held more"
    UNFIT = "what the log holds makes no file by itself"
    DAMAGED = "the last file is damaged"
    ELSEWHERE = "a replica has later transactions, which the local files do not lead to"


class Continue(msgspec.Struct, frozen=True):
    """The next file begins with the frame at `offset` of the log's present generation."""

    offset: int


class Full(msgspec.Struct, frozen=True):
    """The next file holds the whole database, and the log from its first frame."""

    reason: Reason


class Idle(msgspec.Struct, frozen=True):
    """The log was emptied by our own checkpoint, and nothing was written since: there is no next file."""


Decision: TypeAlias = Continue | Full | Idle


def decide(last: Header | None, log: Observation, *, page_size: int, watched: bool) -> Decision:
    """How to go on behind `last`, the newest file of level 0, given the log, and the database's page size.

    `watched` tells that since `last` was made no one else could restart the log: this process held its read
    transaction without interruption, or let it go only for its own checkpoint, under the write lock and with the log
    read to its end. It is false after a start.
    """
    reason = _unusable(last, log, page_size)
    if last is None or reason is not None:
        return Full(reason or Reason.FIRST)
    if log.header is None:
        return Idle() if watched and log.size == 0 else Full(Reason.NO_LOG)
    if log.header.salts == last.wal_salts:
        if last.wal_end == WAL_HEADER_SIZE:
            return Continue(WAL_HEADER_SIZE)
        reason = _lost_place(last, log)
        return Full(reason) if reason is not None else Continue(last.wal_end)
    reason = _loss_by_restart(last, log, log.header.salts, watched=watched)
    return Full(reason) if reason is not None else Continue(WAL_HEADER_SIZE)


def _unusable(last: Header | None, log: Observation, page_size: int) -> Reason | None:
    if last is None:
        return Reason.FIRST
    if page_size != last.page_size or (log.header is not None and log.header.page_size != last.page_size):
        return Reason.PAGE_SIZE
    return Reason.NO_PLACE if last.wal_offset < WAL_HEADER_SIZE else None


def _lost_place(last: Header, log: Observation) -> Reason | None:
    """Why the end of the last file is no longer to be found in the log."""
    if last.wal_end > log.size:
        return Reason.TRUNCATED
    return None if log.last_frame_stands else Reason.OVERWRITTEN


def _loss_by_restart(last: Header, log: Observation, salts: Salts, *, watched: bool) -> Reason | None:
    """Why commits may be lost where the log was restarted since the last file."""
    if salts.first != (last.wal_salts.first + 1) & _WORD:
        return Reason.SKIPPED
    if watched:
        # Frames of a third generation are older ones, which the new frames have not reached yet.
        return None
    if log.has_other_generation:
        return Reason.SKIPPED
    if last.wal_end == WAL_HEADER_SIZE:
        return Reason.UNPROVEN
    reason = _lost_place(last, log)
    if reason is None and log.has_unsynced_tail:
        return Reason.UNSYNCED
    return reason
