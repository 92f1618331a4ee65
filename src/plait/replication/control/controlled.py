"""What the control socket, the metrics and the heartbeat need of a daemon.

All calls may come from several threads. `timeout` is in seconds, None waits without end; a call that does not end
within it raises `UnknownOutcomeError`: what was begun goes on.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.replication.configuration.settings import DatabaseSettings


class State(Enum):
    """The state of a database in a daemon, in the words of the socket."""

    REPLICATING = "replicating"
    OPEN = "open"
    """Captured, but not uploaded."""
    STOPPED = "stopped"


class ReplicaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One replica of a database; `txid` is the last transaction that it has, `last_sync_at` as in `DatabaseStatus`."""

    type: str
    description: str
    txid: int = 0
    last_sync_at: int | None = None
    error: str = ""


class DatabaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A database as a daemon has it; times in nanoseconds since the epoch.

    `last_sync_at` is when all replicas were last found in step; None before the first time.
    """

    path: str
    state: State
    txid: int = 0
    replicated_txid: int = 0
    last_sync_at: int | None = None
    wal_end: int = 0
    replicas: tuple[ReplicaStatus, ...] = ()
    error: str = ""


class Information(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon itself; `started_at` in nanoseconds since the epoch."""

    pid: int
    started_at: int
    database_count: int


class Synced(msgspec.Struct, frozen=True):
    """What a sync came to: the newest local transaction, the replica's, and whether the local one grew."""

    txid: int
    replicated_txid: int
    changed: bool


class Changed(msgspec.Struct, frozen=True):
    """Whether a call changed the state of a database, and its newest local transaction."""

    changed: bool
    txid: int


class DatabaseUnknownError(Exception):
    """No database of this path is registered."""


class DatabaseClosedError(Exception):
    """The database is registered, and stopped."""


class Controlled(Protocol):
    """A daemon, as its control socket sees it. A path is that of a database as it was registered.

    Every method that takes a path raises `DatabaseUnknownError`, and otherwise errors of the catalogue.
    """

    def info(self) -> Information:
        """The daemon itself."""
        ...

    def list(self) -> Sequence[DatabaseStatus]:
        """All databases, in the order of their paths."""
        ...

    def status(self, path: str) -> DatabaseStatus:
        """One database."""
        ...

    def sync(self, path: str, *, wait: bool, timeout: float | None) -> Synced:
        """Captures what was committed; with `wait`, also uploads it. Raises DatabaseClosedError for a stopped one."""
        ...

    def start(self, path: str, timeout: float | None) -> Changed:
        """Begins replication; returns before the first sync."""
        ...

    def stop(self, path: str, timeout: float | None) -> Changed:
        """Ends replication with a last sync and upload; the database stays registered."""
        ...

    def register(self, settings: DatabaseSettings) -> bool:
        """Adds a database and starts it; False where one of this path is there already."""
        ...

    def unregister(self, path: str, timeout: float | None) -> Changed:
        """Stops and forgets a database. A path that is not registered changes nothing."""
        ...
