"""What becomes of a daemon's events: lines of its log, and the counters of its metrics."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.model.errors import NoSpaceError
from plait.replication import events
from plait.replication.logging import Duration, Level, Log
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.ltx.names import format_txid

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds, in seconds, of the histogram of operations on replicas."""


class Checkpoints(msgspec.Struct):
    """Checkpoints of one mode."""

    count: int = 0
    errors: int = 0
    seconds: float = 0.0


class Figures(msgspec.Struct):
    """What was counted of one database."""

    syncs: int = 0
    sync_errors: int = 0
    sync_seconds: float = 0.0
    log_bytes: int = 0
    is_disk_full: bool = False
    gaps: int = 0
    checkpoints: dict[str, Checkpoints] = {}
    eligible: int = 0
    not_compacted: int = 0
    too_recent: int = 0


class Operations(msgspec.Struct):
    """Operations of one kind on replicas of one type; `buckets` counts by `BUCKETS`."""

    count: int = 0
    bytes: int = 0
    errors: int = 0
    seconds: float = 0.0
    buckets: list[int] = []


class Reporter:
    """Takes the events of a daemon: writes them to a log, and counts them. Any thread may call it."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = Lock()
        self.databases: dict[str, Figures] = {}
        self.operations: dict[tuple[str, str], Operations] = {}
        self._handlers: dict[type, Callable[[Any], None]] = {
            events.Opened: self._opened,
            events.Captured: self._captured,
            events.Synced: self._synced,
            events.SetAside: self._set_aside,
            events.Failed: self._failed,
            events.Recovered: self._recovered,
            events.Checkpointed: self._checkpointed,
            events.CheckpointFailed: self._checkpoint_failed,
            events.Uploaded: self._uploaded,
            events.InStep: self._in_step,
            events.Compacted: self._compacted,
            events.UpkeepFailed: self._upkeep_failed,
            events.Retired: self._retired,
            events.GapFound: self._gap_found,
            events.Found: self._found,
            events.Gone: self._gone,
            events.Closed: self._closed,
        }

    def __call__(self, event: events.Event) -> None:
        """Takes one event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def snapshot(self) -> tuple[dict[str, Figures], dict[tuple[str, str], Operations]]:
        """The figures of this moment."""
        with self._lock:
            return msgspec.json.decode(msgspec.json.encode(self.databases), type=dict[str, Figures]), {
                key: msgspec.structs.replace(value, buckets=list(value.buckets))
                for key, value in self.operations.items()
            }

    def forget(self, path: str) -> None:
        """Drops the figures of a database that is no longer there."""
        with self._lock:
            self.databases.pop(path, None)

    def _of(self, path: str) -> Figures:
        return self.databases.setdefault(path, Figures())

    def _line(self, severity: Level, message: str, database: str, /, **attributes: Any) -> None:
        about = {"system": "store", "db": os.path.basename(database)}
        self._log.write(
            severity, message, about | {name.replace("__", "."): value for name, value in attributes.items()}
        )

    def _opened(self, event: events.Opened) -> None:
        self._line(Level.DEBUG, "database opened", event.path, txid=format_txid(event.txid))

    def _captured(self, event: events.Captured) -> None:
        with self._lock:
            self._of(event.path).log_bytes += event.log_bytes
        if event.reason is not None:
            self._line(
                Level.INFO if event.txid > 1 else Level.DEBUG,
                "full snapshot",
                event.path,
                txid=format_txid(event.txid),
                size=event.size,
                reason=event.reason.value,
            )
        else:
            self._line(Level.DEBUG, "sync", event.path, txid=format_txid(event.txid), size=event.size)

    def _synced(self, event: events.Synced) -> None:
        with self._lock:
            figures = self._of(event.path)
            figures.syncs += 1
            figures.sync_seconds += event.seconds
            figures.is_disk_full = False

    def _set_aside(self, event: events.SetAside) -> None:
        self._line(
            Level.WARN, "local ltx file is damaged and set aside", event.path, path=event.aside, error=event.error
        )

    def _failed(self, event: events.Failed) -> None:
        is_full = isinstance(event.error, NoSpaceError) and event.replica is None
        with self._lock:
            figures = self._of(event.path)
            if event.replica is None:
                figures.sync_errors += 1
                figures.is_disk_full = is_full
        delays = {"consecutive_errors": event.count, "backoff": Duration(event.delay)}
        if event.replica is not None:
            self._line(Level.ERROR, "monitor error", event.path, replica=event.replica, error=event.error, **delays)
        elif is_full:
            message = "disk full while staging ltx file, replication paused until space is freed"
            self._line(Level.ERROR, message, event.path, error=event.error, **delays)
        else:
            self._line(Level.ERROR, "sync error", event.path, error=event.error, **delays)

    def _recovered(self, event: events.Recovered) -> None:
        if event.replica is None:
            self._line(Level.INFO, "sync recovered", event.path)
        else:
            self._line(Level.INFO, "replica sync recovered", event.path, replica=event.replica)

    def _checkpointed(self, event: events.Checkpointed) -> None:
        mode = event.mode.value
        with self._lock:
            found = self._of(event.path).checkpoints.setdefault(mode, Checkpoints())
            found.count += 1
            found.seconds += event.seconds
        self._line(Level.DEBUG, "checkpoint", event.path, mode=mode, restarted=event.restarted)

    def _checkpoint_failed(self, event: events.CheckpointFailed) -> None:
        mode = event.mode.value
        with self._lock:
            self._of(event.path).checkpoints.setdefault(mode, Checkpoints()).errors += 1
        self._line(Level.DEBUG, "checkpoint failed", event.path, mode=mode, error=event.error)

    def _uploaded(self, event: events.Uploaded) -> None:
        self._count(event.replica, "PUT", event.size, event.seconds)
        self._line(
            Level.DEBUG,
            "ltx file uploaded",
            event.path,
            replica=event.replica,
            txid__min=format_txid(event.span.min_txid),
            txid__max=format_txid(event.span.max_txid),
            size=event.size,
        )

    def _in_step(self, event: events.InStep) -> None:
        self._line(Level.TRACE, "replica sync", event.path, replica=event.replica, txid=format_txid(event.txid))

    def _compacted(self, event: events.Compacted) -> None:
        self._count(event.replica, "PUT", event.size, event.seconds)
        if event.level == SNAPSHOT_LEVEL:
            txid = format_txid(event.span.max_txid)
            self._line(Level.INFO, "snapshot complete", event.path, txid=txid, size=event.size)
        else:
            self._line(
                Level.INFO,
                "compaction complete",
                event.path,
                level=event.level,
                txid__min=format_txid(event.span.min_txid),
                txid__max=format_txid(event.span.max_txid),
                size=event.size,
            )

    def _upkeep_failed(self, event: events.UpkeepFailed) -> None:
        if event.level:
            self._line(Level.ERROR, "compaction failed", event.path, level=event.level, error=event.error)
        else:
            self._line(Level.ERROR, "retention enforcement failed", event.path, error=event.error)

    def _retired(self, event: events.Retired) -> None:
        with self._lock:
            if not event.level:
                figures = self._of(event.path)
                figures.eligible, figures.not_compacted, figures.too_recent = event.count, event.needed, event.kept
            if event.count:
                self._operations(event.replica, "DELETE").count += event.count
        if not event.count:
            return
        if event.level:
            self._line(Level.INFO, "retention enforced", event.path, level=event.level, deleted_count=event.count)
        else:
            max_l1 = format_txid(event.kept_from)
            self._line(Level.INFO, "l0 retention enforced", event.path, deleted_count=event.count, max_l1_txid=max_l1)

    def _gap_found(self, event: events.GapFound) -> None:
        with self._lock:
            self._of(event.path).gaps += 1
        self._line(
            Level.WARN,
            "ltx files do not follow each other",
            event.path,
            level=event.level,
            before=format_txid(event.before.max_txid),
            after=format_txid(event.after.min_txid),
        )

    def _found(self, event: events.Found) -> None:
        self._line(Level.INFO, "found database", event.path, path=event.path, dir=event.directory)

    def _gone(self, event: events.Gone) -> None:
        self._line(Level.INFO, "database is gone", event.path, path=event.path, dir=event.directory)

    def _closed(self, event: events.Closed) -> None:
        if event.error is None:
            self._line(Level.DEBUG, "database closed", event.path, txid=format_txid(event.txid))
        else:
            self._line(Level.ERROR, "final sync failed", event.path, error=event.error)

    def _count(self, replica: str, operation: str, size: int, seconds: float) -> None:
        with self._lock:
            found = self._operations(replica, operation)
            found.count += 1
            found.bytes += size
            found.seconds += seconds
            for index, bound in enumerate(BUCKETS):
                found.buckets[index] += seconds <= bound

    def _operations(self, replica: str, operation: str) -> Operations:
        kind = replica.partition("://")[0] if "://" in replica else "file"
        return self.operations.setdefault((kind, operation), Operations(buckets=[0] * len(BUCKETS)))
