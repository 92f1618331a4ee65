"""States: what one run added to a repository or took from it (format, sections 9.1 and 9.6).

Each stored state is a delta that is never changed; what the repository holds is the sum of all of them (`merging`).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from plait.model.errors import IntegrityError, NotSupportedError
from plait.native import location_records
from plait.native import locations as located
from plait.repository.format.resources import MAC_SIZE, NO_MAC, STATE_VERSION, VERSION_1_0_0, Resource, version_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from plait.repository.format.codec import Codec

NAME_SIZE: Final = MAC_SIZE
_SERIAL_SIZE: Final = 16

_END: Final = 1
_LOCATION: Final = 2
_COLOURED: Final = 3
_PACKFILE: Final = 4
_CONFIGURATION: Final = 5
_DELETE: Final = 6

_TAG: Final = struct.Struct("<BI")
_TRAILER: Final = struct.Struct("<IQ16s")
_LAYOUTS: Final = {
    _LOCATION: struct.Struct("<BI32s32sQII"),
    _COLOURED: struct.Struct("<B32sQ"),
    _PACKFILE: struct.Struct("<32s32sQ"),
    _DELETE: struct.Struct("<BB32s32s"),
}


class Location(NamedTuple):
    """A blob is in a packfile, at an offset of its body, so many encoded bytes long."""

    resource: int
    version: int
    mac: bytes
    packfile: bytes
    offset: int
    length: int
    flags: int = 0


_KEY: Final = MAC_SIZE + 1
_SEGMENT_RECORD: Final = 49
"""Bytes of what `native.location_records` makes of a location, which begins with its key."""
LOCATION_RECORD: Final = struct.Struct("<BIBI32s32sQII")
"""A location as it stands in a stream: tag, length, then the fields of `Location`."""


class Coloured(NamedTuple):
    """A snapshot was removed, or a packfile is to be swept, at a time in nanoseconds since the epoch."""

    resource: int
    mac: bytes
    when: int


class Packfile(NamedTuple):
    """A packfile was stored, made known by the state of this name, at a time in nanoseconds since the epoch."""

    name: bytes
    state: bytes
    timestamp: int


class Configured(NamedTuple):
    """A setting. Never written: the original cannot merge a state that has one."""

    key: bytes
    value: bytes
    created: int


class Delete(NamedTuple):
    """A record is taken back: `what` is one of the three below; what does not belong to it is zeros."""

    what: int
    resource: int
    mac: bytes
    packfile: bytes

    @classmethod
    def location(cls, resource: int, mac: bytes, packfile: bytes) -> Delete:
        """The blob is no longer in that packfile."""
        return cls(_LOCATION, resource, mac, packfile)

    @classmethod
    def colour(cls, resource: int, mac: bytes) -> Delete:
        """The snapshot or packfile is no longer coloured."""
        return cls(_COLOURED, resource, mac, NO_MAC)

    @classmethod
    def of_packfile(cls, name: bytes) -> Delete:
        """The packfile, and with it every location in it, is gone."""
        return cls(_PACKFILE, 0, NO_MAC, name)

    @property
    def is_location(self) -> bool:
        """Made by `location`."""
        return self.what == _LOCATION

    @property
    def is_colour(self) -> bool:
        """Made by `colour`."""
        return self.what == _COLOURED

    @property
    def is_packfile(self) -> bool:
        """Made by `of_packfile`."""
        return self.what == _PACKFILE


class End(NamedTuple):
    """The last record. `timestamp` is when the state was made, in nanoseconds since the epoch."""

    timestamp: int
    serial: bytes = bytes(_SERIAL_SIZE)
    version: int = STATE_VERSION


Record: TypeAlias = Location | Coloured | Packfile | Configured | Delete | End

Writable: TypeAlias = Location | Coloured | Packfile | Delete | bytes
"""A record, or any number of records as they stand in a stream (`pack_location`)."""

_BEGINNING_OF_LOCATION: Final = _TAG.pack(_LOCATION, _LAYOUTS[_LOCATION].size)
_LONGEST_RUN: Final = 1024
"""Looking farther at once would let a hostile stream be looked through again and again."""

_MAKERS: Final[Mapping[int, Callable[[tuple[Any, ...]], Record]]] = {
    _LOCATION: Location._make,
    _COLOURED: Coloured._make,
    _PACKFILE: Packfile._make,
    _DELETE: Delete._make,
}
_TAGS: Final[Mapping[type, int]] = {Location: _LOCATION, Coloured: _COLOURED, Packfile: _PACKFILE, Delete: _DELETE}


def read_stream(stream: bytes, version: int) -> tuple[bytes, Iterator[Record]]:
    """The parent (zeros for none) and the records of a state; the last is `End`, and nothing follows it.

    `version` is that of the frame. The records raise IntegrityError as they are taken, where the stream is malformed.
    Those of unknown kinds are left out.
    """
    parent, start = _open_stream(stream, version)
    return parent, _records(stream, start)


def read_runs(stream: bytes, version: int) -> tuple[bytes, Iterator[Record | memoryview]]:
    """As `read_stream`, with every run of locations in one piece: so many `LOCATION_RECORD`s."""
    parent, start = _open_stream(stream, version)
    return parent, _runs(stream, start)


def _open_stream(stream: bytes, version: int) -> tuple[bytes, int]:
    """The parent of a state, and where its records begin."""
    if version > STATE_VERSION:
        raise NotSupportedError(
            f"a state has version {version_text(version)}; {version_text(STATE_VERSION)} is the newest known"
        )
    if version < STATE_VERSION:
        return NO_MAC, 0
    if len(stream) < NAME_SIZE:
        raise IntegrityError(f"a state is cut short: {len(stream)} bytes")
    return stream[:NAME_SIZE], NAME_SIZE


def _runs(stream: bytes, position: int) -> Iterator[Record | memoryview]:
    view = memoryview(stream)
    while True:
        end = position + _run(stream, position) * LOCATION_RECORD.size
        if end > position:
            yield view[position:end]
            position = end
        record, position = _record(stream, position)
        if record is not None:
            yield record
        if isinstance(record, End):
            return


def _run(stream: bytes, position: int) -> int:
    """How many whole records of locations stand one behind the other, as far as one look goes."""
    if not stream.startswith(_BEGINNING_OF_LOCATION, position):
        return 0
    step = LOCATION_RECORD.size
    whole = min((len(stream) - position) // step, _LONGEST_RUN)
    tags = stream[position : position + whole * step : step]
    count = len(tags) - len(tags.lstrip(bytes((_LOCATION,))))
    for index, byte in enumerate(_BEGINNING_OF_LOCATION[1:], 1):
        column = stream[position + index : position + count * step : step]
        count = len(column) - len(column.lstrip(bytes((byte,))))
    return count


def _records(stream: bytes, position: int) -> Iterator[Record]:
    while True:
        record, position = _record(stream, position)
        if record is not None:
            yield record
        if isinstance(record, End):
            return


def _record(stream: bytes, position: int) -> tuple[Record | None, int]:
    """The record at a position, None for one of an unknown kind, and the position behind it."""
    size = len(stream)
    if position >= size:
        raise IntegrityError("a state is cut short")
    if stream[position] == _END:
        return _read_end(stream, position + 1), size
    if position + _TAG.size > size:
        raise IntegrityError("a state is cut short")
    tag, length = _TAG.unpack_from(stream, position)
    position += _TAG.size
    end = position + length
    if end > size:
        raise IntegrityError("a record of a state is cut short")
    layout = _LAYOUTS.get(tag)
    if layout is not None:
        if length != layout.size:
            raise IntegrityError(f"a record of a state has {length} bytes instead of {layout.size}")
        return _MAKERS[tag](layout.unpack_from(stream, position)), end
    return (_read_configured(stream[position:end]) if tag == _CONFIGURATION else None), end


def _read_end(stream: bytes, position: int) -> End:
    if len(stream) - position != _TRAILER.size:
        raise IntegrityError(f"a state ends with {len(stream) - position} bytes instead of {_TRAILER.size}")
    version, timestamp, serial = _TRAILER.unpack_from(stream, position)
    return End(timestamp, serial, version)


def _read_configured(payload: bytes) -> Configured:
    key_end = 1 + payload[0] if payload else 1
    value_start = key_end + 2
    value_end = value_start + int.from_bytes(payload[key_end:value_start], "little")
    if len(payload) != value_end + 8:
        raise IntegrityError("a setting in a state is cut short")
    return Configured(payload[1:key_end], payload[value_start:value_end], int.from_bytes(payload[value_end:], "little"))


def pack_location(resource: int, mac: bytes, packfile: bytes, offset: int, length: int) -> bytes:
    """A location as it stands in a stream."""
    return LOCATION_RECORD.pack(_LOCATION, 85, resource, VERSION_1_0_0, mac, packfile, offset, length, 0)


def pack_locations(records: bytes, packfile: bytes) -> bytes:
    """The blobs of a packfile, from its plain index, as locations: a state may have a great many."""
    return located(records, packfile, _BEGINNING_OF_LOCATION)


def keys_of(run: memoryview) -> list[bytes]:
    """The identifier and kind of each of a run of locations, as one piece of bytes."""
    records, _, _ = location_records(run, bytes(256))
    return [records[at : at + _KEY] for at in range(0, len(records), _SEGMENT_RECORD)]


def write_stream(parent: bytes, records: Iterable[Writable], end: End) -> bytes:
    """The plain stream of a state, in the newest layout.

    The original's order of records is deletes, locations, colours, packfiles; the caller keeps it.
    """
    if len(parent) != NAME_SIZE:
        raise ValueError(f"the name of a state has {NAME_SIZE} bytes, not {len(parent)}")
    parts = [parent]
    for record in records:
        if isinstance(record, bytes):
            parts.append(record)
            continue
        tag = _TAGS[type(record)]
        layout = _LAYOUTS[tag]
        parts.append(_TAG.pack(tag, layout.size))
        parts.append(layout.pack(*record))
    parts.append(bytes((_END,)))
    parts.append(_TRAILER.pack(end.version, end.timestamp, end.serial))
    return b"".join(parts)


def read(data: bytes, codec: Codec) -> tuple[bytes, Iterator[Record]]:
    """As `read_stream`, from a stored state. Raises as `frames.unwrap` too."""
    version, payload = codec.unwrap(data, Resource.STATE, STATE_VERSION)
    return read_stream(codec.decode(payload), version)


def write(stream: bytes, codec: Codec) -> bytes:
    """The stored state of a plain stream."""
    return codec.wrap(Resource.STATE, STATE_VERSION, codec.encode(stream))
