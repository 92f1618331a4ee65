"""One database of a daemon: its capture, its replicas, and when each of them has something to do."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from plait.model.errors import NoSpaceError, PlaitError, StoreError, UnknownOutcomeError, from_os_error
from plait.replication import events
from plait.replication.capture.database import Database
from plait.replication.control.controlled import (
    Changed,
    DatabaseClosedError,
    DatabaseStatus,
    ReplicaStatus,
    State,
    Synced,
)
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.scheduling import Answer, Backoff, Loop, Pool
from plait.replication.turns import Series, Turn
from plait.replication.upkeep import Upkeep
from plait.replication.uploading import Uploader

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.configuration.settings import DatabaseSettings, Place, UpkeepSettings
    from plait.replication.notification import Notifications
    from plait.replication.replica import Replica

_LOCAL_INTERVAL: Final = 0.05
"""The least seconds between two uploads to a directory, where a file costs no request."""
_STEADY_INTERVAL: Final = 0.5
"""What the seconds between two looks grow to where each look finds something: fewer files, less work for the same."""
_FIRST_MEETING: Final = 2.0
"""Seconds that the first capture waits for a replica to tell what it has."""
_SOON: Final = 0.001
_PURGE_AFTER: Final = 3


class Shop:
    """What all databases of a daemon share: the loop, the threads, notifications, settings, and where events go."""

    def __init__(
        self, upkeep: UpkeepSettings, notifications: Notifications, emit: Callable[[events.Event], None]
    ) -> None:
        self.upkeep = upkeep
        self.notifications = notifications
        self._emit = emit
        self.loop = Loop(notifications)
        self.capturing = Pool("capture", 4)
        self.uploading = Pool("upload", 16)
        self.carrying = Pool("upload-remote", 64)
        self.keeping = Pool("upkeep", 2)
        self.keeping_remote = Pool("upkeep-remote", 32)

    def emit(self, event: events.Event) -> None:
        """Tell of an event. Who cannot be told, as where the log's pipe is broken, stops no replication."""
        with suppress(Exception):
            self._emit(event)

    def pool_of(self, kind: str) -> Pool:
        """The threads that upload to replicas of a kind: what hangs on a network keeps nothing else waiting."""
        return self.uploading if kind == "file" else self.carrying

    def keepers_of(self, kind: str) -> Pool:
        """The threads that look after the files of such replicas."""
        return self.keeping if kind == "file" else self.keeping_remote


class Managed:
    """A database that a daemon has, started or stopped."""

    def __init__(
        self,
        settings: DatabaseSettings,
        open_replica: Callable[[Place], Replica],
        shop: Shop,
    ) -> None:
        self.settings = settings
        self.path = settings.path
        self._shop = shop
        self._emit = shop.emit
        self.database = Database(settings, shop.emit)
        self.uploaders = [Uploader(self.database, one, open_replica, shop.emit) for one in settings.replicas]
        self.upkeeps = [Upkeep(uploader, shop.upkeep, shop.emit) for uploader in self.uploaders]
        self._series = [Series(shop.keepers_of(uploader.replica.type)) for uploader in self.uploaders]
        self._backoff = Backoff(settings.interval)
        self._turns = [self._upload_turn(number) for number in range(len(self.uploaders))]
        spacing = min((_spacing(uploader) for uploader in self.uploaders), default=settings.interval)
        self._spacing = spacing if settings.monitor_interval is None else settings.monitor_interval
        self._interval = self._spacing
        self._forgotten = 0
        self._fruitless = 0
        self._fruitful_at = 0.0
        self._capture_turn = Turn(shop.loop, shop.capturing, self._capture, self._spacing)
        self._is_started = False
        self._is_notified = False
        self._first_at: float | None = None
        self.error: PlaitError | None = None
        self._kept: set[int] = set()
        """The replicas, by their numbers, whose levels were looked after since the start."""

    @property
    def is_started(self) -> bool:
        """Whether it is replicated."""
        return self._is_started

    def start(self) -> bool:
        """Begin; False where it was begun before."""
        if self._is_started:
            return False
        self._is_started = True
        self._first_at = None
        self.database.begin()
        for turn in (*self._turns, self._capture_turn):
            turn.resume()
        self._capture_turn.ask()
        return True

    def look(self) -> None:
        """Look at the log, in case that a change was not told."""
        if self._is_started:
            self._capture_turn.ask()

    def stop(self, timeout: float | None, aborted: Callable[[], bool] = lambda: False) -> Changed:
        """End, with a last sync and upload. Raises UnknownOutcomeError where that takes longer than `timeout`.

        Whatever becomes of the last upload, the database is closed and what it lacks follows at the next start. An
        upload that failed is not tried again once `aborted()`.
        """
        if not self._is_started:
            return Changed(False, self.database.txid)
        deadline = _deadline(timeout)
        self._is_started = False
        for turn in (*self._turns, self._capture_turn):
            turn.stop()
        error: PlaitError | None = None
        try:
            if self.database.exists():
                self.database.sync(_left(deadline))
                self._upload_all(deadline, aborted)
        except PlaitError as failed:
            error = failed
        try:
            self.database.close(_left(deadline))
        except PlaitError as failed:
            error = error or failed
        self._emit(events.Closed(self.path, self.database.txid, error))
        if error is not None:
            raise error
        return Changed(True, self.database.txid)

    def sync(self, *, wait: bool, timeout: float | None) -> Synced:
        """Capture what was committed, and with `wait` upload it."""
        if not self._is_started:
            raise DatabaseClosedError(self.path)
        deadline = _deadline(timeout)
        before = self.database.txid
        self.database.sync(_left(deadline), settle=False)
        captured = self.database.txid
        self.error = None
        if wait and not captured:
            raise StoreError("no position, waiting for data")
        if wait:
            self._wait_for(captured, deadline)
        else:
            self._ask_uploads()
        self.database.local.settle()
        return Synced(self.database.txid, self.replicated_txid, self.database.txid > before)

    @property
    def replicated_txid(self) -> int:
        """The last transaction that all replicas have."""
        return min((uploader.txid for uploader in self.uploaders), default=0)

    def once(self, *, snapshot: bool, retention: bool) -> None:
        """Capture and upload what there is, and close. Raises what fails; BusyError where another daemon has it."""
        try:
            self.database.open()
            if not self.database.newest_local():
                self._meet_first()
            self.database.sync()
            for uploader, upkeep in zip(self.uploaders, self.upkeeps, strict=True):
                while uploader.run():
                    pass
                if snapshot:
                    upkeep.keep(SNAPSHOT_LEVEL, self._shop.upkeep.snapshot_interval, anyway=True)
                if retention:
                    upkeep.retire()
                    upkeep.retire_snapshots()
            self.forget_local()
        finally:
            self.database.close()
            self.close()

    def _meet_first(self) -> None:
        """Before anything was captured: what the replicas have says where the local files begin."""
        for uploader in self.uploaders:
            uploader.run()

    def status(self) -> DatabaseStatus:
        """The database as the control socket shows it."""
        times = [_in_step_at(uploader) for uploader in self.uploaders]
        state = State.STOPPED if not self._is_started else State.REPLICATING if self.uploaders else State.OPEN
        return DatabaseStatus(
            path=self.path,
            state=state,
            txid=self.database.txid,
            replicated_txid=self.replicated_txid,
            last_sync_at=None if not times or None in times else min(time for time in times if time is not None),
            wal_end=self.database.captured_end,
            replicas=tuple(map(_replica_status, self.uploaders)),
            error="" if self.error is None else self.error.message,
        )

    def keep(self, level: int, interval: float) -> None:
        """Have a level of every replica looked after, where there may be something to do."""
        for number in range(len(self.upkeeps)):
            self._keep_level(number, level, interval)

    def retire(self) -> None:
        """Have what is no longer needed of level 0 deleted, in the replicas and here."""
        for number, upkeep in enumerate(self.upkeeps):
            if upkeep.may_retire():
                self._ask_upkeep(number, 0, upkeep.retire)

    def validate(self) -> None:
        """Have it told where files of a level do not follow each other."""
        for number, upkeep in enumerate(self.upkeeps):
            self._ask_upkeep(number, -1, upkeep.validate)

    def forget_local(self) -> None:
        """Delete the local files that retention deleted in all replicas; the newest stays."""
        retired = min((upkeep.retired for upkeep in self.upkeeps), default=0)
        if retired > self._forgotten:
            self._forgotten = retired
            local = self.database.local
            local.remove([span for span in local.spans()[:-1] if span.max_txid <= retired])

    def close(self) -> None:
        """Close the replicas."""
        for uploader in self.uploaders:
            uploader.replica.close()

    def _capture(self) -> float | None:
        """One look at the log; the seconds until another is needed whatever is told, None for none."""
        self._is_notified = self._shop.notifications.once(self.database.log_path, self._changed)
        try:
            if not self._is_ready():
                return 0.05
            before = self.database.txid
            started = time.monotonic()
            self.database.sync(settle=False)
            is_new = self.database.txid != before
            if is_new or not all(uploader.is_in_step for uploader in self.uploaders):
                self._ask_uploads()
            self.database.local.settle()
        except Exception as raised:  # noqa: BLE001  (told of: a database that nobody looks at any more would be worse)
            return self._capture_failed(as_told(raised))
        self.error = None
        if self._backoff.succeeded():
            self._emit(events.Recovered(self.path))
        self._emit(events.Synced(self.path, time.monotonic() - started))
        self._space_out(is_new)
        if not self._is_notified:
            # The first look opened the database, and made its log.
            self._is_notified = self._shop.notifications.once(self.database.log_path, self._changed)
            return 0 if self._is_notified and self.database.is_open else self.settings.interval
        return None

    def _space_out(self, is_fruitful: bool) -> None:  # noqa: FBT001  (it is all that is told)
        """When the next look may be: soon where this one came in the middle of a transaction, later and later then."""
        turn, now = self._capture_turn, time.monotonic()
        if not is_fruitful:
            self._fruitless += 1
            turn.interval = min(self._spacing, _SOON * 2.0 ** min(self._fruitless, 20))
            return
        self._fruitless = 0
        is_steady = now - self._fruitful_at < 2 * self._interval + _SOON
        self._interval = max(self._spacing, min(_STEADY_INTERVAL, 2.5 * self._interval)) if is_steady else self._spacing
        self._fruitful_at = now
        turn.interval = self._interval

    def _changed(self, _: str) -> None:
        self._capture_turn.ask()

    def _is_ready(self) -> bool:
        """Open the database; before anything was captured, give the replicas a moment to tell what they have."""
        if self.database.is_open and (self.database.txid or self._first_at is None):
            return True
        if not self.database.open():
            return True
        if self.database.txid or all(uploader.is_met for uploader in self.uploaders):
            return True
        if self._first_at is None:
            self._first_at = time.monotonic()
            self._ask_uploads()
        return time.monotonic() > self._first_at + _FIRST_MEETING

    def _capture_failed(self, error: PlaitError) -> float:
        self.error = error
        delay = self._backoff.failed()
        if isinstance(error, NoSpaceError) and self._backoff.count >= _PURGE_AFTER:
            self.database.local.remove_partial()
        self._emit(events.Failed(path=self.path, error=error, count=self._backoff.count, delay=delay))
        return delay

    def _ask_uploads(self) -> None:
        for turn in self._turns:
            turn.ask()

    def _upload_turn(self, number: int) -> Turn:
        uploader = self.uploaders[number]
        backoff = Backoff(uploader.settings.interval)
        pool = self._shop.pool_of(uploader.replica.type)

        def upload() -> float | None:
            try:
                more = uploader.run()
            except Exception as raised:  # noqa: BLE001  (as for captures)
                error = as_told(raised)
                delay = backoff.failed()
                self._emit(
                    events.Failed(
                        path=self.path,
                        error=error,
                        count=backoff.count,
                        delay=delay,
                        replica=uploader.replica.description,
                    )
                )
                return delay
            if backoff.succeeded():
                self._emit(events.Recovered(self.path, uploader.replica.description))
            if number not in self._kept and not more and self.database.txid:
                self._kept.add(number)
                self._keep_first(number)
            if more:
                return 0.0
            self.upkeeps[number].rest()
            return None

        return Turn(self._shop.loop, pool, upload, _spacing(uploader))

    def _keep_first(self, number: int) -> None:
        """What is done once for a replica: a snapshot, and what was there before has to be compacted."""
        upkeep = self._shop.upkeep
        if self.uploaders[number].joined_at:
            for level, interval in enumerate(upkeep.levels, 1):
                self._keep_level(number, level, interval)
        self._keep_level(number, SNAPSHOT_LEVEL, upkeep.snapshot_interval)

    def _upload_all(self, deadline: float | None, aborted: Callable[[], bool]) -> None:
        """Upload everything, trying again until the deadline."""
        for uploader in self.uploaders:
            while True:
                try:
                    self._upload_until(uploader, self.database.txid, deadline)
                    break
                except PlaitError:
                    left = _left(deadline)
                    if aborted() or left is None or left <= self._shop.upkeep.shutdown_sync_interval:
                        raise
                    time.sleep(self._shop.upkeep.shutdown_sync_interval)

    def _wait_for(self, txid: int, deadline: float | None) -> None:
        """Upload until all replicas have `txid`; to directories on this thread.

        A directory that hangs holds its first caller, and later ones until their time is over; that each call goes to
        another thread and back would cost all others as much as the upload.
        """
        if len(self.uploaders) > 1:
            self._ask_uploads()
        for uploader in self.uploaders:
            self._upload_until(uploader, txid, deadline, here=uploader.replica.type == "file")

    def _upload_until(self, uploader: Uploader, txid: int, deadline: float | None, *, here: bool = False) -> None:
        """Upload until the replica has `txid`: `here`, or on a thread that may hang in this one's place."""
        late = f"the upload to {uploader.replica.description} did not end in time"
        pool = self._shop.pool_of(uploader.replica.type)
        while _lacks(uploader, txid):
            left = _left(deadline)
            if left is not None and left <= 0:
                raise UnknownOutcomeError(late)
            if not self.database.is_open:
                # Nothing is uploaded of what was closed meanwhile, or whose file is gone.
                raise StoreError(f"{self.path} is not open: its last transactions are not in every replica")
            if here:
                uploader.run(left)
                continue
            answer: Answer[bool] = Answer()
            pool.submit(lambda answer=answer, left=left: answer.settle(lambda: uploader.run(left)))  # type: ignore[misc]  # mypy infers no type of a lambda with a default
            answer.wait(left, late)

    def _keep_level(self, number: int, level: int, interval: float) -> None:
        upkeep = self.upkeeps[number]
        if upkeep.may_be_due(level):
            self._ask_upkeep(number, level, lambda: upkeep.keep(level, interval))

    def _ask_upkeep(self, number: int, level: int, work: Callable[[], None]) -> None:
        """Have something done with a replica's files, behind what is done with them already."""
        uploader, upkeep = self.uploaders[number], self.upkeeps[number]
        if not self._is_started or not uploader.is_met:
            return

        def guarded() -> None:
            try:
                if self._is_started:
                    work()
                    self.forget_local()
            except Exception as raised:  # noqa: BLE001  (told of: the next time comes whatever happened this time)
                error = as_told(raised)
                self._emit(
                    events.UpkeepFailed(
                        path=self.path, replica=uploader.replica.description, level=max(0, level), error=error
                    )
                )
            upkeep.rest()

        self._series[number].ask(level, guarded)


def as_told(raised: Exception) -> PlaitError:
    """The catalogue's error for whatever was raised: a daemon goes on, and says what happened."""
    if isinstance(raised, PlaitError):
        return raised
    if isinstance(raised, OSError):
        return from_os_error(raised, raised.filename or "a call of the system failed")
    return StoreError(f"this is a defect of Plait: {type(raised).__name__}: {raised}")


def _lacks(uploader: Uploader, txid: int) -> bool:
    return uploader.txid < txid or not uploader.is_met


def _spacing(uploader: Uploader) -> float:
    is_free = uploader.settings.sync_interval is None and uploader.replica.type == "file"
    return _LOCAL_INTERVAL if is_free else uploader.settings.interval


def _in_step_at(uploader: Uploader) -> int | None:
    return time.time_ns() if uploader.is_in_step and uploader.in_step_at else uploader.in_step_at


def _replica_status(uploader: Uploader) -> ReplicaStatus:
    return ReplicaStatus(
        type=uploader.replica.type,
        description=uploader.replica.description,
        txid=uploader.txid,
        last_sync_at=_in_step_at(uploader),
        error="" if uploader.error is None else uploader.error.message,
    )


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
