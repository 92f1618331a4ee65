"""What a daemon tells: typed events, handed to one function, which must not block and may be called by any thread.

`path` is that of a database as it was registered, `replica` a replica's description, times are seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import msgspec

from plait.model.errors import PlaitError
from plait.replication.capture.checkpoints import Mode
from plait.replication.continuation import Reason
from plait.replication.ltx.names import Span


class Opened(msgspec.Struct, frozen=True):
    """A database was opened and its log pinned; `txid` is how far it had been captured."""

    path: str
    txid: int


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """A local file was made: `size` its bytes, `log_bytes` those of the log in it.

    `reason` tells why it holds the whole database, None where it does not.
    """

    path: str
    txid: int
    size: int
    log_bytes: int
    reason: Reason | None
    seconds: float


class Synced(msgspec.Struct, frozen=True):
    """A look at the log ended well, whether it brought a file or not."""

    path: str
    seconds: float


class SetAside(msgspec.Struct, frozen=True):
    """A damaged local file was renamed to `aside`; the whole database follows."""

    path: str
    aside: Path
    error: PlaitError


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A capture failed, or, with `replica`, an upload; it is tried again after `delay`.

    `count` such failures followed each other without a success.
    """

    path: str
    error: PlaitError
    count: int
    delay: float
    replica: str | None = None


class Recovered(msgspec.Struct, frozen=True):
    """The first success after `Failed`."""

    path: str
    replica: str | None = None


class Checkpointed(msgspec.Struct, frozen=True):
    """The log was taken into the database; `restarted`: all of it, so that it begins anew."""

    path: str
    mode: Mode
    restarted: bool
    seconds: float


class CheckpointFailed(msgspec.Struct, frozen=True):
    """A checkpoint could not be made; it is tried again."""

    path: str
    mode: Mode
    error: PlaitError


class Uploaded(msgspec.Struct, frozen=True, kw_only=True):
    """A replica has a further file of level 0."""

    path: str
    replica: str
    span: Span
    size: int
    seconds: float


class InStep(msgspec.Struct, frozen=True):
    """A replica was found to have everything that was captured."""

    path: str
    replica: str
    txid: int


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a level was made of files below, or of the database for the level of snapshots."""

    path: str
    replica: str
    level: int
    span: Span
    size: int
    seconds: float


class UpkeepFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A compaction, snapshot or retention failed; it is tried again at its next time. Level 0 is retention."""

    path: str
    replica: str
    level: int
    error: PlaitError


class Retired(msgspec.Struct, frozen=True, kw_only=True):
    """Retention deleted `count` files of a level; `kept_from` is the transaction behind them.

    `kept` files of level 0 were not old enough, `needed` ones not compacted yet.
    """

    path: str
    replica: str
    level: int
    count: int
    kept_from: int
    kept: int = 0
    needed: int = 0


class GapFound(msgspec.Struct, frozen=True):
    """A level of a replica lacks transactions between two of its files, which follow each other."""

    path: str
    replica: str
    level: int
    before: Span
    after: Span


class Found(msgspec.Struct, frozen=True):
    """A directory that is watched has a new database."""

    path: str
    directory: str


class Gone(msgspec.Struct, frozen=True):
    """A database of a directory that is watched was deleted or renamed."""

    path: str
    directory: str


class Closed(msgspec.Struct, frozen=True):
    """A database was stopped; `error` tells what its last sync or upload came to grief of, None if it did not."""

    path: str
    txid: int
    error: PlaitError | None


Event: TypeAlias = (
    Opened
    | Captured
    | Synced
    | SetAside
    | Failed
    | Recovered
    | Checkpointed
    | CheckpointFailed
    | Uploaded
    | InStep
    | Compacted
    | UpkeepFailed
    | Retired
    | GapFound
    | Found
    | Gone
    | Closed
)
