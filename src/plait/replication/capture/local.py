"""The local files of level 0: `.NAME-litestream/ltx/0/` beside the database, as Litestream has it.

The newest file tells how far the database was captured; nothing else is kept. A file appears whole or not at all. Its
content is durable before it has its name, the name once it is settled: who loses both the name and the power finds the
log, or a replica, ahead of the local files, which every start looks for.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import BusyError, IntegrityError, from_os_error
from plait.replication.ltx.frames import read_frame
from plait.replication.ltx.header import HEADER_SIZE, TRAILER_SIZE, Header, decode_header, lock_page
from plait.replication.ltx.index import TAIL_SIZE, decode_index, index_range
from plait.replication.ltx.names import Span, check_name, file_name, parse_file_name
from plait.replication.ltx.reader import Reader
from plait.replication.ltx.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PARTIAL_SUFFIX: Final = ".tmp"
DAMAGED_SUFFIX: Final = ".damaged"
_LOCK_NAME: Final = "plait.lock"
_BLOCK: Final = 256 * 1024


class Owner(msgspec.Struct, frozen=True):
    """Whose the local files are, and their permission bits: those of the database, and of its directory."""

    user: int
    group: int
    file_mode: int
    directory_mode: int


def metadata_directory(database: Path) -> Path:
    """Where Litestream keeps the local files of a database, unless it is told another place."""
    return database.with_name(f".{database.name}-litestream")


class LocalFiles:
    """The local files of one database, below its metadata directory `root`. One process at a time holds them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.directory = root / "ltx" / "0"
        self._owner = Owner(os.geteuid(), os.getegid(), 0o600, 0o700)
        self._lock: int | None = None
        self._is_unsettled = False

    def acquire(self, database: Path) -> None:
        """Make the directories, take the lock, and remove what a killed process left half written.

        Raises BusyError where another daemon holds the lock.
        """
        try:
            status, parent = database.stat(), database.parent.stat()
            self._owner = Owner(status.st_uid, status.st_gid, status.st_mode & 0o777, parent.st_mode & 0o777)
            for directory in (self.root, self.root / "ltx", self.directory):
                self._make_directory(directory)
            self._take_lock()
            self.remove_partial()
        except OSError as error:
            raise from_os_error(error, f"failed to prepare {self.root}") from error

    def release(self) -> None:
        """Let the lock go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def spans(self) -> list[Span]:
        """What the files hold, in order."""
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return []
        return sorted(span for name in names if (span := parse_file_name(name)) is not None)

    def path(self, span: Span) -> Path:
        """The path of a file, whether it exists or not."""
        return self.directory / file_name(span)

    def header(self, span: Span) -> Header:
        """The header of a file, all of which is verified.

        Raises IntegrityError where it is damaged, ObjectNotFoundError where it is gone.
        """
        reader = Reader(self.chunks(span))
        check_name(file_name(span), Span(reader.header.min_txid, reader.header.max_txid))
        reader.verify()
        return reader.header

    def chunks(self, span: Span) -> Iterator[bytes]:
        """The content of a file in chunks; a small one is not held open. Raises ObjectNotFoundError."""
        try:
            with self.path(span).open("rb", buffering=0) as file:
                while len(chunk := file.read(_BLOCK)) == _BLOCK:
                    yield chunk
            yield chunk
        except OSError as error:
            raise from_os_error(error, f"failed to read {self.path(span)}") from error

    def trailer(self, span: Span) -> bytes | None:
        """The last bytes of a file, which tell its content from any other; None where it is gone."""
        try:
            with self.path(span).open("rb") as file:
                file.seek(-TRAILER_SIZE, os.SEEK_END)
                return file.read()
        except OSError:
            return None

    def is_whole(self, span: Span) -> bool:
        """Whether a file is there and holds the whole database, by its index."""
        try:
            with self.path(span).open("rb") as file:
                header = decode_header(file.read(HEADER_SIZE))
                if header.is_snapshot:
                    return True
                size = file.seek(0, os.SEEK_END)
                file.seek(size - TAIL_SIZE)
                offset, length = index_range(file.read(TAIL_SIZE), size)
                file.seek(offset)
                count = len(decode_index(file.read(length)))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise from_os_error(error, f"failed to read {self.path(span)}") from error
        return count == header.commit - (header.commit >= lock_page(header.page_size))

    def page(self, span: Span, number: int, page_size: int) -> bytes | None:
        """A page of a file; None where it has none of this number. Raises IntegrityError where its index is damaged."""
        with self.path(span).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_SIZE))
            offset, length = index_range(file.read(TAIL_SIZE), size)
            file.seek(offset)
            for entry in decode_index(file.read(length)):
                if entry.number == number and HEADER_SIZE <= entry.offset < offset:
                    file.seek(entry.offset)
                    frame = read_frame(Source([file.read(entry.size)]), page_size)
                    return None if frame is None or frame.number != number else frame.data
        return None

    def write(self, span: Span, chunks: Iterable[bytes]) -> int:
        """Make a file, whose name `settle` makes durable; its length in bytes.

        Raises NoSpaceError, and what making the chunks does.
        """
        path = self.path(span)
        partial = path.with_name(path.name + PARTIAL_SUFFIX)
        try:
            size = self._write_partial(partial, chunks)
            os.rename(partial, path)
            self._is_unsettled = True
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise from_os_error(error, f"failed to write {path}") from error
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return size

    def settle(self) -> None:
        """Make the names of the files durable that were made since the last time."""
        if self._is_unsettled:
            self._is_unsettled = False
            try:
                _sync_directory(self.directory)
            except OSError as error:
                raise from_os_error(error, f"failed to sync {self.directory}") from error

    def remove(self, spans: Iterable[Span]) -> None:
        """Delete files; those that are gone are no fault."""
        for span in spans:
            self.path(span).unlink(missing_ok=True)

    def remove_partial(self) -> None:
        """Remove files that were not written to their end."""
        for partial in self.root.rglob(f"*{PARTIAL_SUFFIX}"):
            partial.unlink(missing_ok=True)

    def set_aside(self, span: Span) -> Path:
        """Rename a damaged file, so that nothing takes it for a good one; its new path."""
        path = self.path(span)
        aside = path.with_name(path.name + DAMAGED_SUFFIX)
        path.rename(aside)
        return aside

    def _write_partial(self, partial: Path, chunks: Iterable[bytes]) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        size = 0
        with os.fdopen(os.open(partial, flags, self._owner.file_mode), "wb", buffering=0) as file:
            self._give(file.fileno())
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    view = view[file.write(view) :]
                size += len(chunk)
            os.fdatasync(file.fileno())
        return size

    def _make_directory(self, directory: Path) -> None:
        if not directory.is_dir():
            directory.mkdir(mode=self._owner.directory_mode, parents=directory == self.root, exist_ok=True)
            self._give(directory)
            _sync_directory(directory.parent)

    def _give(self, place: int | Path) -> None:
        """To the database's owner; who is not root can give nothing away, and need not."""
        if os.geteuid() == 0 and (self._owner.user, self._owner.group) != (0, 0):
            os.chown(place, self._owner.user, self._owner.group)

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = os.open(self.root / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, self._owner.file_mode)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise BusyError(
                f"another daemon replicates this database: it holds {self.root / _LOCK_NAME}",
                hint="stop it first, or let it take this database over: plait database register",
            ) from None
        self._lock = lock


def verified(files: LocalFiles, span: Span) -> Header | IntegrityError:
    """The header of a file, or what is wrong with it."""
    try:
        return files.header(span)
    except IntegrityError as error:
        return error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
