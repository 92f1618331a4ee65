"""The levels of one replica, kept as time goes by: compaction, snapshots, retention."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Final

from plait.model.errors import PlaitError
from plait.replication import events
from plait.replication.levels import (
    below_snapshots,
    gaps,
    is_due,
    level_zero,
    old_snapshots,
    to_compact,
)
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.ltx.merge import compact
from plait.replication.ltx.names import Span
from plait.replication.ltx.reader import Reader
from plait.replication.replica import Chunks
from plait.replication.snapshots import write_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.replication.configuration.settings import UpkeepSettings
    from plait.replication.ltx.plan import File
    from plait.replication.replica import Replica
    from plait.replication.uploading import Uploader

_UNKNOWN: Final = -1
_SMALL: Final = 1 << 20


class Upkeep:
    """What is to be done with the files of one replica. Calls may come from several threads; one at a time works.

    What was found once is remembered, so that a replica to which nothing comes is not asked again.
    """

    def __init__(self, uploader: Uploader, settings: UpkeepSettings, emit: Callable[[events.Event], None]) -> None:
        self._uploader = uploader
        self._database = uploader.database
        self._settings = settings
        self._emit = emit
        self._busy = Lock()
        self._newest: dict[int, File | None] = {}
        self._next_retention: tuple[int, int | None] = (_UNKNOWN, None)
        self.retired = 0
        """The transaction up to which retention has deleted the files of level 0."""

    @property
    def _replica(self) -> Replica:
        return self._uploader.replica

    def may_be_due(self, level: int) -> bool:
        """False where it is known, without a look at the replica, that there is nothing to do at a level."""
        if level == SNAPSHOT_LEVEL or level not in self._newest:
            return True
        newest = self._newest[level]
        if level == 1:
            below = self._uploader.txid
        elif level - 1 in self._newest:
            file = self._newest[level - 1]
            below = file.span.max_txid if file is not None else 0
        else:
            return True
        return below > (newest.span.max_txid if newest is not None else 0)

    def may_retire(self) -> bool:
        """False where it is known, without a look at the replica, that nothing of level 0 may be deleted."""
        uploaded, next_at = self._next_retention
        return bool(self._settings.l0_retention) and (
            uploaded != self._uploader.txid or (next_at is not None and time.time_ns() >= next_at)
        )

    def keep(self, level: int, interval: float, *, anyway: bool = False) -> None:
        """Do what is due at a level: compact into it, or write a snapshot, and delete what it makes superfluous.

        `anyway`: a snapshot is written though the time for it has not come. Raises what the replica raises, and
        IntegrityError where a file is damaged or a level has a gap.
        """
        with self._busy:
            try:
                if level == SNAPSHOT_LEVEL:
                    self._snapshot(interval, anyway=anyway)
                else:
                    self._compact(level, interval)
            except PlaitError:
                self.forget()
                raise

    def retire(self) -> None:
        """Delete what is no longer needed of level 0, in the replica and then here."""
        with self._busy:
            try:
                self._retire()
            except PlaitError:
                self.forget()
                raise

    def validate(self) -> None:
        """Tell where files of a level do not follow each other."""
        with self._busy:
            for level in range(len(self._settings.levels) + 1):
                self._tell_gaps(level, self._replica.files(level))

    def retire_snapshots(self) -> None:
        """Delete the snapshots that are too old, and what only they needed."""
        with self._busy:
            self._retire_snapshots()

    def rest(self) -> None:
        """Let go what the replica's directory holds open, unless somebody works with it: databases are many."""
        if self._busy.acquire(blocking=False):
            try:
                self._uploader.rest()
            finally:
                self._busy.release()

    def forget(self) -> None:
        """Find out anew what the replica has."""
        self._newest.clear()
        self._next_retention = (_UNKNOWN, None)

    def _compact(self, level: int, interval: float) -> None:
        newest = self._find_newest(level)
        if not is_due(newest, time.time_ns(), interval):
            return
        reached = newest.span.max_txid if newest is not None else 0
        while self._reached(level - 1) > reached and (chosen := to_compact(self._below(level - 1, reached), reached)):
            file = self._merge(level, chosen)
            self._newest[level] = file
            reached = file.span.max_txid
        if level == 1:
            self._retire()
        if self._settings.verify_compaction:
            self._tell_gaps(level, self._replica.files(level))

    def _reached(self, level: int) -> int:
        """How far a level goes."""
        if level == 0:
            return self._uploader.txid
        newest = self._find_newest(level)
        return newest.span.max_txid if newest is not None else 0

    def _below(self, level: int, reached: int) -> list[File]:
        """The files of a level that go further than `reached`."""
        return [file for file in self._replica.files(level) if file.span.max_txid > reached]

    def _merge(self, level: int, files: Sequence[File]) -> File:
        started = time.monotonic()

        def content() -> Chunks:
            return Chunks(compact([Reader(self._chunks(file)) for file in files])[1])

        span = Span(files[0].span.min_txid, files[-1].span.max_txid)
        timestamp = Reader(self._chunks(files[-1])).header.timestamp
        made = self._replica.write(level, span, content, None, timestamp)
        self._tell_made(level, made, started)
        return made

    def _chunks(self, file: File) -> Iterator[bytes]:
        local, joined_at = self._database.local, self._uploader.joined_at
        is_ours = file.level == 0 and joined_at is not None and file.span.min_txid > joined_at
        if is_ours and local.path(file.span).exists():
            return local.chunks(file.span)
        return self._whole(file) if file.size < _SMALL else self._replica.chunks(file)

    def _whole(self, file: File) -> Iterator[bytes]:
        """The content of a small file in one piece, so that a merge of many holds none of them open."""
        with self._replica.open(file) as reader:
            data = reader.read()
        yield data

    def _snapshot(self, interval: float, *, anyway: bool) -> None:
        newest = self._find_newest(SNAPSHOT_LEVEL)
        reached = newest.span.max_txid if newest is not None else 0
        if self._database.txid > reached and (anyway or is_due(newest, time.time_ns(), interval)):
            started = time.monotonic()
            made = write_snapshot(self._database, self._replica)
            self._newest[SNAPSHOT_LEVEL] = made
            self._tell_made(SNAPSHOT_LEVEL, made, started)
        self._retire_snapshots()

    def _retire_snapshots(self) -> None:
        if not self._settings.retention_enabled:
            return
        snapshots = self._replica.files(SNAPSHOT_LEVEL)
        gone, floor = old_snapshots(snapshots, time.time_ns(), self._settings.snapshot_retention)
        self._delete(SNAPSHOT_LEVEL, gone)
        if floor:
            for level in range(1, len(self._settings.levels) + 1):
                self._delete(level, below_snapshots(self._replica.files(level), floor))

    def _retire(self) -> None:
        if not self.may_retire():
            return
        now = time.time_ns()
        compacted = self._find_newest(1)
        if compacted is None:
            return
        reached = self._uploader.txid
        found = self._replica.files(0)
        what = level_zero(found, compacted.span.max_txid, now, self._settings.l0_retention)
        if self._settings.retention_enabled:
            self._replica.delete(what.files)
        if what.files:
            self.retired = max(file.span.max_txid for file in what.files)
        elif found:
            self.retired = max(self.retired, found[0].span.min_txid - 1)
        self._next_retention = (reached, now if what.not_compacted else what.next_at)
        self._emit(
            events.Retired(
                path=self._database.path,
                replica=self._replica.description,
                level=0,
                count=len(what.files),
                kept_from=compacted.span.max_txid,
                kept=what.too_recent,
                needed=what.not_compacted,
            )
        )

    def _delete(self, level: int, files: Sequence[File]) -> None:
        if files:
            self._replica.delete(files)
            self._emit(
                events.Retired(
                    path=self._database.path,
                    replica=self._replica.description,
                    level=level,
                    count=len(files),
                    kept_from=max(file.span.max_txid for file in files),
                )
            )

    def _find_newest(self, level: int) -> File | None:
        if level not in self._newest:
            self._newest[level] = self._replica.newest(level)
        return self._newest[level]

    def _tell_made(self, level: int, file: File, started: float) -> None:
        self._emit(
            events.Compacted(
                path=self._database.path,
                replica=self._replica.description,
                level=level,
                span=file.span,
                size=file.size,
                seconds=time.monotonic() - started,
            )
        )

    def _tell_gaps(self, level: int, files: Sequence[File]) -> None:
        for before, after in gaps(files):
            self._emit(events.GapFound(self._database.path, self._replica.description, level, before.span, after.span))
