"""A live database that is open: its log is captured, transaction by transaction, into local files."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError, PlaitError, StoreError, TemporaryError, UnknownOutcomeError
from plait.replication import events
from plait.replication.capture.checkpoints import Policy, Situation, checkpoint, due
from plait.replication.capture.connections import Connections
from plait.replication.capture.images import whole_image
from plait.replication.capture.local import LocalFiles, metadata_directory, verified
from plait.replication.capture.logfile import LogFile
from plait.replication.capture.step import Captured, Place, capture, unless_restarted
from plait.replication.continuation import Reason
from plait.replication.ltx.header import Header
from plait.replication.wal.frames import WAL_HEADER_SIZE, decode_wal_header, frame_size
from plait.replication.wal.segment import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.replication.configuration.settings import DatabaseSettings
    from plait.replication.ltx.names import Span
    from plait.replication.ltx.reader import Page

_SQLITE_MAGIC: Final = b"SQLite format 3\0"


class Database:
    """The capture of one database. Calls may come from several threads; one at a time works.

    `timeout` is in seconds, None waits without end; a call that cannot begin within it raises UnknownOutcomeError.
    """

    def __init__(self, settings: DatabaseSettings, emit: Callable[[events.Event], None]) -> None:
        self.path = settings.path
        self._settings = settings
        self._emit = emit
        # SQLite follows a link and keeps the log beside what it leads to.
        self._real = Path(os.path.realpath(settings.path))
        self.log_path = self._real.with_name(self._real.name + "-wal")
        root = settings.meta_path
        self.local = LocalFiles(Path(root) if root is not None else metadata_directory(Path(settings.path)))
        self._busy = Lock()
        self._connections: Connections | None = None
        self._place = Place()
        self.found_txid = 0
        """The newest transaction that was captured before the database was opened: its files are other runs' work."""
        self._opened: tuple[int, int] | None = None
        self._is_fresh = False
        self._readers = 0
        self._is_ended = False
        self._is_at_end = False
        self._not_before = 0.0

    @property
    def txid(self) -> int:
        """The newest transaction that was captured, 0 for none."""
        return self._place.txid

    @property
    def captured_end(self) -> int:
        """How far the log was captured: the offset behind the last frame, 0 before the first."""
        return self._place.header.wal_end if self._place.header is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether the database is open, and its log pinned."""
        return self._connections is not None

    def newest_local(self) -> int:
        """The newest transaction of the local files, whether the database is open or not; 0 for none."""
        return self._place.txid or max((span.max_txid for span in self.local.spans()), default=0)

    def open(self, timeout: float | None = None) -> bool:
        """Open the database and find out how far it was captured; False where its file is not there yet.

        Raises BusyError where another daemon has it, StoreError, IntegrityError where the file is no database.
        """
        with self._alone(timeout):
            return self._open()

    def exists(self) -> bool:
        """Whether the database's file is there, and not empty."""
        try:
            return self._real.stat().st_size > 0
        except OSError:
            return False

    def sync(self, timeout: float | None = None, *, settle: bool = True) -> bool:
        """Capture everything that is committed, and checkpoint where that is due; whether anything was captured.

        Opens the database where it is not open. A database whose file is not there has nothing to capture. Without
        `settle` the caller settles the local files, so that replicas can have theirs meanwhile.
        """
        with self._alone(timeout):
            if not self._open():
                return False
            before = self._place.txid
            self._capture_all()
            self._checkpoint_if_due()
            is_new = self._place.txid != before
        if settle:
            self.local.settle()
        return is_new

    def raise_floor(self, txid: int) -> None:
        """Let the next file be that behind `txid` at least, and hold the whole database.

        Needed where a replica has transactions that the local files do not lead to.
        """
        with self._alone(None):
            self._place = Place(txid=max(txid, self._place.txid), must_be_whole=Reason.ELSEWHERE)

    def adopt(self, span: Span, chunks: Iterator[bytes]) -> None:
        """Take over a replica's newest file of level 0 as the local one, where nothing was captured yet.

        What comes next continues it where the log proves that nothing lies between.
        """
        with self._alone(None):
            if self._connections is not None and self._place.txid == 0:
                self.local.write(span, chunks)
                self.local.settle()
                self._recall()

    @contextmanager
    def image(self) -> Iterator[tuple[Header, Callable[[], Iterator[Page]]]]:
        """The whole database at the newest transaction: the header of a snapshot, and its pages, as often as wanted.

        While it is read there is no checkpoint, and the log grows. Raises UnknownOutcomeError where nothing was
        captured yet; the pages raise TemporaryError behind the last one where they are not of one moment.
        """
        with self._alone(None):
            connections, last = self._connections, self._place.header
            if connections is None or last is None or not self._is_at_end:
                raise UnknownOutcomeError(f"{self.path} was not captured yet")
            self._readers += 1
        try:
            with LogFile(self.log_path) as log, connections.file() as file:
                header = decode_wal_header(log.read(0, WAL_HEADER_SIZE))
                if header is None:
                    raise IntegrityError("the log has no valid header")
                offsets: dict[int, int] = {}
                if header.salts == last.wal_salts:
                    end = last.wal_end
                    offsets = scan(lambda at, size: log.read(at, max(0, min(size, end - at))), header).offsets

                def pages() -> Iterator[Page]:
                    image = whole_image(offsets, log.read, file.read, commit=last.commit, page_size=last.page_size)
                    yield from unless_restarted(image, log, header)
                    if self._connections is not connections:
                        raise TemporaryError(f"{self.path} was closed while it was read")

                yield _snapshot_header(last), pages
        finally:
            with self._alone(None):
                self._readers -= 1

    def close(self, timeout: float | None = None) -> None:
        """Close the connections and let the lock go; what is not captured is captured at the next start.

        Nothing opens the database again before `begin`: there may be calls that are only waiting for their turn.
        """
        with self._alone(timeout):
            self._is_ended = True
            self._close()

    def begin(self) -> None:
        """Let the database be opened again after `close`."""
        self._is_ended = False

    @contextmanager
    def _alone(self, timeout: float | None) -> Iterator[None]:
        if not self._busy.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise UnknownOutcomeError(f"{self.path} is busy: the sync did not begin in time")
        try:
            yield
        finally:
            self._busy.release()

    def _open(self) -> bool:
        if self._connections is not None:
            if self._identity() == self._opened:
                if not self._connections.is_pinned:
                    self._place = msgspec.structs.replace(self._place, watched=False)
                    self._connections.pin()
                return True
            # Another file stands in its place, or none: what was open has no name any more.
            self._close()
        if self._is_ended or not self.exists():
            return False
        if self._real.is_dir():
            raise StoreError(f"{self.path} is a directory, not a database")
        self._opened = self._identity()
        self.local.acquire(self._real)
        try:
            self._connections = Connections(self._real, self._settings.busy_timeout)
            self._recall()
            self.found_txid = self._place.txid
            self._ensure_log(self._connections)
        except BaseException:
            self._close()
            raise
        self._emit(events.Opened(self.path, self._place.txid))
        return True

    def _identity(self) -> tuple[int, int] | None:
        """Which file it is; None where there is none."""
        try:
            status = self._real.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _close(self) -> None:
        connections, self._connections = self._connections, None
        if connections is not None:
            connections.close()
        self._place = msgspec.structs.replace(self._place, watched=False)
        self.local.release()

    def _recall(self) -> None:
        """Find out from the newest local file how far the database was captured."""
        spans = self.local.spans()
        if not spans:
            self._place = Place()
            return
        newest = max(spans, key=lambda span: span.max_txid)
        header = verified(self.local, newest)
        if isinstance(header, IntegrityError):
            aside = self.local.set_aside(newest)
            self._emit(events.SetAside(self.path, aside, header))
            self._place = Place(txid=newest.max_txid, must_be_whole=Reason.DAMAGED)
            return
        self._place = Place(txid=header.max_txid, header=header)

    def _ensure_log(self, connections: Connections) -> None:
        """Write a page where the log is empty: a file that holds the whole database names its place in the log, too."""
        with LogFile(self.log_path) as log:
            has_header = log.size >= WAL_HEADER_SIZE
        if not has_header:
            connections.bump()
            connections.rest()

    def _capture_all(self) -> None:
        assert self._connections is not None  # noqa: S101  (opened before)
        if self._place.must_be_whole is not None:
            self._ensure_log(self._connections)
        self._is_at_end = False
        while self._capture_one():
            pass
        self._is_at_end = True

    def _capture_one(self) -> bool:
        """Make the next file, if there is anything for it; whether the log goes on behind it."""
        assert self._connections is not None  # noqa: S101  (opened before)
        started = time.monotonic()
        try:
            with LogFile(self.log_path) as log:
                captured = capture(
                    self._place, log, self._connections, self.local, limit=self._settings.max_sync_wal_bytes or None
                )
        except ValueError:
            # What was read makes no file that could be restored. The whole database always does.
            self._place = msgspec.structs.replace(self._place, must_be_whole=Reason.UNFIT)
            raise
        if captured is None:
            self._place = msgspec.structs.replace(self._place, watched=self._connections.is_pinned)
            return False
        self._place = Place(
            txid=captured.header.max_txid,
            header=captured.header,
            tail=captured.tail,
            watched=self._connections.is_pinned,
        )
        self._is_fresh = True
        self._emit(_event(self.path, captured, time.monotonic() - started))
        return captured.is_limited

    def _checkpoint_if_due(self) -> None:
        assert self._connections is not None  # noqa: S101  (opened before)
        now = time.monotonic()
        if self._readers or now < self._not_before:
            return
        mode = due(self._policy(), self._situation())
        if mode is None:
            return
        self._not_before = now + self._settings.interval
        try:
            restarted = checkpoint(self._connections, mode, self._capture_all)
            if restarted:
                self._capture_all()
        except PlaitError as error:
            self._emit(events.CheckpointFailed(self.path, mode, error))
            return
        finally:
            self._connections.rest()
        self._is_fresh = False
        self._emit(events.Checkpointed(self.path, mode, restarted, time.monotonic() - now))

    def _policy(self) -> Policy:
        assert self._connections is not None  # noqa: S101  (opened before)
        settings = self._settings
        return Policy(
            page_size=self._connections.page_size,
            min_pages=settings.min_checkpoint_pages,
            truncate_pages=settings.truncate_pages,
            interval=settings.checkpoint_interval,
        )

    def _situation(self) -> Situation:
        return Situation(
            captured_end=self.captured_end,
            at_end=True,
            is_fresh=self._is_fresh,
            age=time.time() - self._real.stat().st_mtime,
        )


def _snapshot_header(last: Header) -> Header:
    """A snapshot of everything up to `last`, with the log's last frame as its place, as Litestream has it."""
    size = frame_size(last.page_size)
    is_frame = last.wal_end - size >= WAL_HEADER_SIZE
    return Header(
        page_size=last.page_size,
        commit=last.commit,
        min_txid=1,
        max_txid=last.max_txid,
        timestamp=time.time_ns() // 10**6,
        wal_offset=last.wal_end - size if is_frame else WAL_HEADER_SIZE,
        wal_size=size if is_frame else 0,
        wal_salts=last.wal_salts,
    )


def _event(path: str, captured: Captured, seconds: float) -> events.Captured:
    return events.Captured(
        path=path,
        txid=captured.header.max_txid,
        size=captured.size,
        log_bytes=captured.header.wal_size,
        reason=captured.reason,
        seconds=seconds,
    )
