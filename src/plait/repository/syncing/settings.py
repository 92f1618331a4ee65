"""What a sync is told, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec

from plait.repository.selection import Query


class Direction(StrEnum):
    """Where snapshots go, seen from the local repository."""

    TO = "to"
    FROM = "from"
    WITH = "with"


class Deleted(StrEnum):
    """What becomes of snapshots that were removed from the repository that lacks them."""

    RESTORE = "restore"
    KEEP = "keep"
    """They stay removed."""


class Outcome(StrEnum):
    """What became of a snapshot that was selected; the later of two counts where there are two directions."""

    PRESENT = "present"
    SKIPPED = "skipped"
    COPIED = "copied"
    FAILED = "failed"


class SyncSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a sync is done.

    `keep`: the retention of the repository that snapshots go to: what it would not keep there is not copied. `verify`:
    whether what was copied is read back. `remembers`: whether what earlier runs learned of the two repositories is
    used. `processes`: whether several may read at once. `publish_seconds`: see `Writer`.
    """

    deleted: Deleted = Deleted.RESTORE
    keep: Query | None = None
    verify: bool = False
    remembers: bool = True
    dry_run: bool = False
    processes: bool = True
    publish_seconds: float = 0.05


class Copying(msgspec.Struct, frozen=True):
    """The copy of a snapshot begins. `restored`: it was removed there once."""

    snapshot: bytes
    source: str
    peer: str
    backwards: bool = False
    """Towards the local repository."""
    restored: bool = False


class Copied(msgspec.Struct, frozen=True):
    """The snapshot is part of the peer. `written`: bytes stored for it."""

    snapshot: bytes
    written: int = 0


class Planned(msgspec.Struct, frozen=True):
    """In a dry run: the snapshot would be copied, and the repository would grow by so many bytes.

    `directory` is what was saved, `timestamp` when, in nanoseconds since the epoch. `header`: the checksum of what the
    snapshot says of itself in the source.
    """

    snapshot: bytes
    size: int
    directory: str
    source: str
    peer: str
    timestamp: int
    header: bytes
    backwards: bool = False
    restored: bool = False


class NotCopied(msgspec.Struct, frozen=True):
    """The snapshot could not be copied, and why."""

    snapshot: bytes
    error: str
    source: str
    backwards: bool = False


class LeftOut(msgspec.Struct, frozen=True):
    """The snapshot was removed from the peer, and stays so; or retention would not keep it there, and why."""

    snapshot: bytes
    peer: str
    reason: str = ""


class NothingFound(msgspec.Struct, frozen=True):
    """No snapshot of a repository is what was asked for."""

    source: str


SyncEvent: TypeAlias = Copying | Copied | Planned | NotCopied | LeftOut | NothingFound
SyncListener: TypeAlias = Callable[[SyncEvent], None]


class SyncResult(msgspec.Struct, frozen=True):
    """What became of every snapshot that was selected, in either direction, by identifier."""

    outcomes: Mapping[bytes, Outcome]

    def count(self, outcome: Outcome) -> int:
        """How many snapshots had an outcome."""
        return sum(found is outcome for found in self.outcomes.values())
