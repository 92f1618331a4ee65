"""The one small file of a repository's index: which states it is made of, and what they say but for where blobs are."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final, cast

import blake3
import msgspec

from plait.native import location_records
from plait.native.pure.records import DROPPED, SET_ASIDE
from plait.repository.format import states
from plait.repository.format.resources import Resource
from plait.repository.format.states import Coloured, Delete, End, Location, Packfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plait.repository.format.states import Record
    from plait.repository.segments import Gathering

FILE: Final = "summary"
_VERSION: Final = 3
_CHECKSUM: Final = 32
_RANDOM: Final = int(Resource.RANDOM)
IN_SUMMARY: Final = frozenset({int(Resource.SNAPSHOT), int(Resource.SIGNATURE)})
"""Few, and all of them are wanted at once."""

_WHERE: Final = bytes(DROPPED if kind == _RANDOM else SET_ASIDE if kind in IN_SUMMARY else 0 for kind in range(256))
"""What becomes of a location of each kind."""


class State(msgspec.Struct, frozen=True, array_like=True):
    """A state that was taken in: its parent and time, and its records in order, but for the locations of most blobs."""

    name: bytes
    parent: bytes
    timestamp: int
    small: tuple[tuple[int | bytes, ...], ...]
    """The number of the kind of record, then its fields."""

    def records(self) -> Iterator[Record]:
        """As they were in the state."""
        for number, *fields in self.small:
            yield _SMALL[cast("int", number)](*fields)


_SMALL: Final[tuple[Callable[..., Record], ...]] = (Location, Coloured, Packfile, Delete)


class SegmentFile(msgspec.Struct, frozen=True, array_like=True):
    """A sorted file: its name, how many records it has, and its checksum."""

    file: str
    count: int
    checksum: bytes


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """Of what store and repository, which states were taken in, and in which files the blobs of them are."""

    identity: bytes
    states: tuple[State, ...]
    segments: tuple[SegmentFile, ...]
    stamps: dict[bytes, str]
    """What the store said of the states when they were read."""
    version: int = _VERSION


def stamp(directory: Path) -> object:
    """What changes whenever the summary is replaced; None where there is none."""
    try:
        found = (directory / FILE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read(directory: Path, identity: bytes) -> Summary | None:
    """The summary in a directory; None where it is missing, damaged, of another version or of something else."""
    try:
        data = (directory / FILE).read_bytes()
    except OSError:
        return None
    if blake3.blake3(data[:-_CHECKSUM]).digest() != data[-_CHECKSUM:]:
        return None
    try:
        summary = msgspec.msgpack.decode(data[:-_CHECKSUM], type=Summary)
    except msgspec.DecodeError:
        return None
    return summary if (summary.version, summary.identity) == (_VERSION, identity) else None


def write(directory: Path, summary: Summary) -> None:
    """Replaces the summary in a directory. Raises OSError."""
    data = msgspec.msgpack.encode(summary)
    beside = directory / f"{secrets.token_hex(8)}.summary"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data + blake3.blake3(data).digest())
    beside.replace(directory / FILE)


def sorted_out(name: bytes, read: tuple[bytes, Iterator[Record | memoryview]], gathering: Gathering) -> State:
    """A state for the summary, from its parent and records; the locations that it leaves out are gathered."""
    parent, records = read
    timestamp = 0
    small: list[tuple[int | bytes, ...]] = []
    for record in records:
        if isinstance(record, memoryview):
            found, groups, aside = location_records(record, _WHERE)
            gathering.add_run(found, [_unpacked(record, at)[3] for at in memoryview(groups).cast("Q")])
            small += [(0, *_unpacked(record, at)) for at in memoryview(aside).cast("Q")]
        elif isinstance(record, Location):
            # One that stands between two runs comes alone.
            if record.resource in IN_SUMMARY:
                small.append((0, *record))
            elif record.resource != _RANDOM:
                gathering.add(record.resource, record.mac, record.packfile, record.offset, record.length)
        elif isinstance(record, Coloured | Packfile | Delete):
            small.append((_SMALL.index(type(record)), *record))
        elif isinstance(record, End):
            timestamp = record.timestamp
    return State(name, parent, timestamp, tuple(small))


def _unpacked(run: memoryview, at: int) -> tuple[int, int, bytes, bytes, int, int, int]:
    """The location at an offset of a run: kind, version, identifier, packfile, offset, length, flags."""
    _, _, *location = states.LOCATION_RECORD.unpack_from(run, at)
    resource, version, mac, packfile, offset, length, flags = location
    return resource, version, mac, packfile, offset, length, flags
