"""Writing archives, `.ptar`: a whole repository in one file (format, section 1.3).

An archive in the making is a repository whose store appends the blobs of each packfile to the one packfile of the
archive and keeps the rest in memory. So whatever adds to a repository adds to an archive, too: backups, syncs.
"""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, Self

import msgspec

from plait.model.items import Kind, Stat
from plait.repository.format import archives, frames, states
from plait.repository.format.archives import Extent, Layout
from plait.repository.format.packfiles import RECORD, file_offset, read_index, seal
from plait.repository.format.resources import NO_MAC, VERSION_1_0_0, Resource
from plait.repository.format.states import End, Packfile
from plait.repository.layout import Folder, name_of
from plait.repository.repository import NewRepository, Repository
from plait.stores.base import PLAIN, Features, Outgoing
from plait.stores.content import BytesReader, blocks
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from plait.repository.format.codec import Codec
    from plait.stores.base import Source

_UNLIMITED: Final = (1 << 64) - 1


class _Taken(NamedTuple):
    """The blobs of a packfile: the first one's offset there, and where in the archive that is."""

    first: int
    position: int


class ArchiveBuilder:
    """An archive being written to an empty file, open for reading and writing; use it in a `with`.

    `repository`: what is added to it becomes part of the archive. Nothing but `finish` makes the file an archive.
    """

    def __init__(self, file: BinaryIO, passphrase: bytes | None, settings: NewRepository) -> None:
        """`settings`: as of any new repository, but for the size of packfiles. Raises as `Repository.create`."""
        self._store = _ArchiveStore(file)
        settings = msgspec.structs.replace(settings, packfile_size=_UNLIMITED)
        self.repository = Repository.create(self._store, passphrase, settings)
        self._store.write_beginning(self.repository.files.configuration(), self.repository.codec)

    def finish(self) -> int:
        """Writes what makes the file an archive; its bytes. Raises OSError."""
        return self._store.finish(self.repository.identifier)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.repository.close()


class _ArchiveStore(MemoryStore):
    """Packfiles go into the archive as they come, everything else stays in memory."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._lock = Lock()
        self._taken: dict[bytes, _Taken] = {}
        self._records: list[bytes] = []
        self._codec: Codec
        self._configuration: Extent
        self._start = self._end = 0
        self._local = msgspec.structs.replace(super().features, batched=True, part_size=0, part_cutoff=0)

    @property
    def features(self) -> Features:
        """As in `Store`: content goes to a file of this machine."""
        return self._local

    def write_beginning(self, configuration: bytes, codec: Codec) -> None:
        """Writes what comes before the blobs."""
        self._codec = codec
        self._configuration = Extent(archives.HEADER_SIZE, len(configuration))
        self._file.write(archives.beginning() + configuration)
        self._start = self._end = self._file.tell()
        self._checksum = codec.authenticator.hasher()
        self._append(frames.header(Resource.PACKFILE, VERSION_1_0_0))

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        """As in `Store`."""
        name = name_of(key) if key.startswith(Folder.PACKFILES.prefix) else None
        if name is None:
            return super().write(key, content, size, how)
        data = b"".join(blocks(content, size, key))
        with self._lock:
            if name not in self._taken:
                self._take(name, data)
        return Stat(Kind.FILE, len(data))

    def read(
        self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None
    ) -> BytesReader:
        """As in `Store`; of packfiles, the part in which the blobs are, and zeros for what is before it."""
        taken = self._taken.get(name_of(key) or b"") if key.startswith(Folder.PACKFILES.prefix) else None
        if taken is None:
            return super().read(key, offset, length, expected=expected)
        start = file_offset(taken.first)
        position = taken.position + max(0, offset - start)
        left = bytes(max(0, start - offset))[:length]
        size = self._end - position if length is None else length - len(left)
        data = left + os.pread(self._file.fileno(), size, position)
        return BytesReader(data, Stat(Kind.FILE, len(data)))

    def _take(self, name: bytes, framed: bytes) -> None:
        """Appends the blobs of a packfile, without the padding before and behind them."""
        body = framed[frames.HEADER_SIZE : -frames.TRAILER_SIZE]
        blobs = [blob for blob in read_index(body, self._codec).blobs if blob.resource != Resource.RANDOM]
        first = min((blob.offset for blob in blobs), default=0)
        end = max((blob.offset + blob.length for blob in blobs), default=0)
        moved = self._end - self._start - frames.HEADER_SIZE - first
        self._taken[name] = _Taken(first, self._end)
        self._records += [RECORD.pack(*blob._replace(offset=blob.offset + moved)) for blob in blobs]
        self._append(memoryview(body)[first:end])

    def _append(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        # Processes that are forked later must not hold any of it.
        self._file.flush()
        self._checksum.update(data)
        self._end += len(data)

    def finish(self, repository: bytes) -> int:
        """As `ArchiveBuilder.finish`, of the repository of this identifier."""
        self._records.sort(key=_place_in_index)
        body = self._end - self._start - frames.HEADER_SIZE
        self._append(seal(self._codec, 0, b"".join(self._records), body))
        trailer = self._checksum.digest()
        packfile = Extent(self._start, self._end + len(trailer) - self._start)
        name, state = os.urandom(32), os.urandom(32)
        now = time.time_ns()
        locations = _locations(self._records, name)
        stream = states.write_stream(NO_MAC, [*locations, Packfile(name, state, now)], End(now, repository))
        stored = states.write(stream, self._codec)
        layout = Layout(self._configuration, packfile, Extent(packfile.offset + packfile.length, len(stored)))
        self._file.write(trailer + stored + archives.ending(layout))
        self._file.flush()
        return self._file.tell()


def _place_in_index(record: bytes) -> str:
    """What the original sorts an index by."""
    resource, _, mac, *_ = RECORD.unpack(record)
    return f"{resource}:{mac.hex()}"


def _locations(records: Iterable[bytes], packfile: bytes) -> Iterable[bytes]:
    for resource, _, mac, offset, length, _ in map(RECORD.unpack, records):
        yield states.pack_location(resource, mac, packfile, offset, length)
