"""Replicas of Litestream 0.3: snapshots of a database, and the log behind each, as LZ4 frames.

    generations/<16 hexadecimal digits>/snapshots/<index>.snapshot.lz4
    generations/<16 hexadecimal digits>/wal/<index>_<offset>.wal.lz4

An index counts the times that the log was restarted; the segments of one index, one behind the other, are a whole log,
which SQLite itself takes into the database. Releases 0.5 read this format and never write it.
"""

from __future__ import annotations

import itertools
import os
import re
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final

import msgspec

from plait.model.errors import DirectoryNotFoundError, IntegrityError, ObjectNotFoundError, from_os_error
from plait.model.items import Kind
from plait.replication.ltx.plan import NOT_AVAILABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.replication.replica import Replica

_FOLDER: Final = "generations/"
_SNAPSHOT: Final = re.compile(r"generations/([0-9a-f]{16})/snapshots/([0-9a-f]{8})\.snapshot\.lz4", re.ASCII)
_SEGMENT: Final = re.compile(r"generations/([0-9a-f]{16})/wal/([0-9a-f]{8})_([0-9a-f]{8,16})\.wal\.lz4", re.ASCII)
_BLOCK: Final = 1 << 20


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot; `created` in nanoseconds since the epoch."""

    key: str
    generation: str
    index: int
    created: int


class Segment(msgspec.Struct, frozen=True):
    """A part of a log, from `offset` on."""

    key: str
    generation: str
    index: int
    offset: int
    created: int


class Generations(msgspec.Struct, frozen=True):
    """What a replica holds in the format of 0.3."""

    snapshots: tuple[Snapshot, ...] = ()
    segments: tuple[Segment, ...] = ()

    @property
    def newest(self) -> int:
        """When the newest file was made; 0 where there is none that could be restored."""
        times = [one.created for one in self.snapshots] + [one.created for one in self.segments]
        return max(times) if self.snapshots else 0

    def choose(self, before: int | None) -> tuple[Snapshot, list[Segment]]:
        """The snapshot to begin with and the segments behind it, up to a time (nanoseconds).

        A gap in the segments ends them: what stands behind it belongs to a log that nobody has whole. Raises
        ObjectNotFoundError where there was no snapshot yet.
        """
        usable = [one for one in self.snapshots if before is None or one.created < before]
        if not usable:
            raise ObjectNotFoundError(NOT_AVAILABLE)
        snapshot = max(usable, key=lambda one: (one.created, one.index))
        behind = sorted(
            (
                one
                for one in self.segments
                if one.generation == snapshot.generation
                and one.index >= snapshot.index
                and (before is None or one.created < before)
            ),
            key=lambda one: (one.index, one.offset),
        )
        return snapshot, list(_contiguous(behind, snapshot.index))


def find_generations(replica: Replica) -> Generations:
    """What a replica holds in the format of 0.3; nothing, mostly."""
    snapshots: list[Snapshot] = []
    segments: list[Segment] = []
    try:
        for page in replica.store.list(_FOLDER):
            if page.error is not None:
                raise page.error
            for item in page.items():
                stat = item.stat
                created = (stat.modified if replica.layout.timestamp_name is None else stat.stored_at) or 0
                if item.kind is not Kind.FILE:
                    continue
                if (match := _SNAPSHOT.fullmatch(item.key)) is not None:
                    snapshots.append(Snapshot(item.key, match[1], int(match[2], 16), created))
                elif (match := _SEGMENT.fullmatch(item.key)) is not None:
                    segments.append(Segment(item.key, match[1], int(match[2], 16), int(match[3], 16), created))
    except DirectoryNotFoundError:
        # There are no generations; whether there is a replica at all is seen elsewhere.
        return Generations()
    return Generations(tuple(snapshots), tuple(segments))


def build_from_generations(replica: Replica, generations: Generations, before: int | None, path: str) -> int:
    """Writes the database at `path`, an empty file; its size in bytes.

    Raises ObjectNotFoundError where nothing was made before that time, IntegrityError for what does not decompress.
    """
    snapshot, segments = generations.choose(before)
    try:
        with open(path, "wb") as output:
            _decompress(replica, snapshot.key, output)
        for _, parts in itertools.groupby(segments, key=lambda one: one.index):
            _take_log(replica, list(parts), path)
        return os.path.getsize(path)
    except OSError as error:
        raise from_os_error(error, "failed to write the database") from None


def _contiguous(segments: Sequence[Segment], index: int) -> list[Segment]:
    found: list[Segment] = []
    for segment in segments:
        last = found[-1].index if found else index
        if segment.index > last + 1 or (segment.index != last and segment.offset) or (not found and segment.offset):
            break
        found.append(segment)
    return found


def _take_log(replica: Replica, segments: Sequence[Segment], path: str) -> None:
    """Lets SQLite take a log into the database."""
    import apsw

    with suppress(FileNotFoundError):
        os.unlink(f"{path}-shm")
    with open(f"{path}-wal", "wb") as output:
        for segment in segments:
            if output.tell() != segment.offset:
                raise IntegrityError(f"{segment.key} begins at {segment.offset}, not at {output.tell()}")
            _decompress(replica, segment.key, output)
    try:
        connection = apsw.Connection(path)
        try:
            list(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
        finally:
            connection.close()
    except apsw.Error as error:
        raise IntegrityError(f"the log from {segments[0].key} on cannot be taken into the database: {error}") from None


def _decompress(replica: Replica, key: str, output: IO[bytes]) -> None:
    import lz4.frame

    decompressor = lz4.frame.LZ4FrameDecompressor()
    with replica.store.read(key) as reader:
        try:
            while chunk := reader.read(_BLOCK):
                output.write(decompressor.decompress(chunk))
        except (RuntimeError, EOFError) as error:
            raise IntegrityError(f"{key} does not decompress", key=key) from error
    if not decompressor.eof:
        raise IntegrityError(f"{key} ends too early", key=key)
