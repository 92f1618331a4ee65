"""Carrying the local files of a database to one replica.

A replica is joined where it is proven that what comes next follows from what it has: a wrong join would be a chain
whose files are each sound and whose database never existed. Where there is no proof, a snapshot or a file that holds
the whole database makes a new beginning.
"""

from __future__ import annotations

import io
import time
from threading import Lock
from typing import TYPE_CHECKING, Self

from plait.model.errors import (
    DirectoryNotFoundError,
    IntegrityError,
    ObjectNotFoundError,
    PlaitError,
    UnknownOutcomeError,
    from_os_error,
)
from plait.replication import events
from plait.replication.capture.local import verified
from plait.replication.ltx.header import HEADER_SIZE, TRAILER_SIZE, decode_header
from plait.replication.ltx.names import Span
from plait.replication.snapshots import write_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.capture.database import Database
    from plait.replication.configuration.settings import Place, ReplicaSettings
    from plait.replication.ltx.plan import File
    from plait.replication.replica import Replica


class Uploader:
    """The way of one database to one replica. Calls may come from several threads; one at a time works."""

    def __init__(
        self,
        database: Database,
        settings: ReplicaSettings,
        open_replica: Callable[[Place], Replica],
        emit: Callable[[events.Event], None],
    ) -> None:
        self.database = database
        self.replica = open_replica(settings.place)
        self._open_replica = open_replica
        self.settings = settings
        self._emit = emit
        self._busy = Lock()
        self._position: int | None = None
        self._page_size: int | None = None
        self.joined_at: int | None = None
        """The transaction behind which this process began to upload: what follows is in the replica as it is here."""
        self.txid = 0
        """The last transaction that the replica was seen to have."""
        self.in_step_at: int | None = None
        """When the replica was last found to have everything (ns since the epoch)."""
        self.error: PlaitError | None = None
        """What the last upload came to grief of, until one succeeds."""

    @property
    def is_met(self) -> bool:
        """Whether it is known what the replica has."""
        return self._position is not None

    @property
    def is_in_step(self) -> bool:
        """Whether the replica has everything that was captured."""
        return self._position is not None and self._position >= self.database.txid

    def run(self, timeout: float | None = None) -> bool:
        """Upload what the replica lacks, up to the number of files of one round; whether more is left.

        Raises UnknownOutcomeError where another thread is at it for longer than `timeout` seconds, what the replica
        raises, and the errors of the local files. After an error the next call finds out anew what the replica has.
        """
        if not self._busy.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise UnknownOutcomeError(f"an upload to {self.replica.description} is still under way")
        try:
            more = self._run()
        except PlaitError as error:
            self._position = None
            self.error = error
            if isinstance(error, ObjectNotFoundError | DirectoryNotFoundError):
                # What the store holds open may be gone, and another stand in its place.
                self.replica = self._open_replica(self.settings.place)
            raise
        finally:
            self._busy.release()
        self.error = None
        return more

    def rest(self) -> None:
        """Let go what the replica's directory holds open, unless somebody is uploading."""
        if self.replica.store.features.directories and self._busy.acquire(blocking=False):
            try:
                self.replica.close()
            finally:
                self._busy.release()

    def _run(self) -> bool:
        if not self.database.is_open:
            return False
        if self._position is None:
            self._position = self._meet()
            if self.joined_at is None or self._position != self.txid:
                self.joined_at = self._position
            self.txid = self._position
        for _ in range(self.settings.max_sync_files):
            if self._position >= self.database.txid:
                break
            self._position = self._upload(self._position + 1)
            self.txid = self._position
        if self._position < self.database.txid:
            return True
        self.in_step_at = time.time_ns()
        if self._position:
            self._emit(events.InStep(self.database.path, self.replica.description, self._position))
        return False

    def _upload(self, txid: int) -> int:
        """Upload the file of a transaction, or what stands for it; the last transaction that the replica has then."""
        started = time.monotonic()
        span = Span(txid, txid)
        if not self._is_usable(span):
            return self._bridge()
        with _Content(self.database, span) as content:
            if content.page_size != (self._page_size or content.page_size):
                # Another database stands in the place of the first. Files of one chain have one size of page.
                return self._bridge()
            self.replica.write(0, span, content.again, content.size, content.timestamp)
        self._page_size = content.page_size
        self._emit(
            events.Uploaded(
                path=self.database.path,
                replica=self.replica.description,
                span=span,
                size=content.size,
                seconds=time.monotonic() - started,
            )
        )
        return txid

    def _is_usable(self, span: Span) -> bool:
        """Whether a local file is there, and, where another run made it, sound."""
        local = self.database.local
        if not local.path(span).exists():
            return False
        if span.max_txid > self.database.found_txid:
            return True
        header = verified(local, span)
        if isinstance(header, IntegrityError):
            self._emit(events.SetAside(self.database.path, local.set_aside(span), header))
            return False
        return True

    def _bridge(self) -> int:
        """Let a snapshot stand for what the local files do not lead to; its transaction."""
        self.database.sync()
        self.joined_at = write_snapshot(self.database, self.replica).span.max_txid
        self._page_size = None
        return self.joined_at

    def _meet(self) -> int:
        """The last transaction of the replica, behind which the local files go on."""
        files = self.replica.all_files()
        newest = max(files, key=lambda file: (file.span.max_txid, -file.level), default=None)
        reached = newest.span.max_txid if newest is not None else 0
        self._page_size = self._page_size_of(newest)
        captured = self.database.txid
        if captured == 0:
            if newest is not None:
                self._follow(newest)
            return reached
        if self._joins(reached, newest):
            return reached
        if reached >= captured:
            self.database.raise_floor(reached)
            self.database.sync()
            return reached
        return self._bridge()

    def _page_size_of(self, file: File | None) -> int | None:
        """The size of a page in a file of the replica; None where there is no such file, or none with a header."""
        if file is None or file.size < HEADER_SIZE:
            return None
        with self.replica.open(file, 0, HEADER_SIZE) as reader:
            try:
                return decode_header(reader.read()).page_size
            except IntegrityError:
                return None

    def _follow(self, newest: File) -> None:
        """Nothing was captured yet: go on where the replica ends."""
        if newest.level == 0:
            self.database.adopt(newest.span, self.replica.chunks(newest))
        else:
            self.database.raise_floor(newest.span.max_txid)
        self.database.sync()

    def _joins(self, reached: int, newest: File | None) -> bool:
        local = self.database.local
        if reached < self.database.txid and not local.path(Span(reached + 1, reached + 1)).exists():
            return False
        if (reached and reached == self.txid) or local.is_whole(Span(reached + 1, reached + 1)):
            return True
        if newest is None or newest.level != 0 or newest.size < HEADER_SIZE:
            return False
        trailer = local.trailer(newest.span)
        if trailer is None:
            return False
        with self.replica.open(newest, newest.size - TRAILER_SIZE) as reader:
            return reader.read() == trailer


class _Content:
    """A local file as it is uploaded: its size, what its header tells, and its content as often as wanted."""

    def __init__(self, database: Database, span: Span) -> None:
        path = database.local.path(span)
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise from_os_error(error, f"failed to open {path}") from error
        self.size = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        header = decode_header(self._file.read(HEADER_SIZE))
        self.timestamp, self.page_size = header.timestamp, header.page_size

    def again(self) -> io.FileIO:
        """The content from its beginning."""
        self._file.seek(0)
        return self._file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
