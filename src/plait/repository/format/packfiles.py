"""Packfiles: many blobs in one stored file, with an index behind them (format, section 8)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import IntegrityError
from plait.repository.format import frames
from plait.repository.format.resources import MAC_SIZE, VERSION_1_0_0, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.repository.format.codec import Codec

RECORD: Final = struct.Struct("<II32sQII")
"""A blob in the plain index: the fields of `Blob`."""

_FOOTER: Final = struct.Struct("<qIQ32sI")
_LENGTH: Final = struct.Struct("<I")
_FOOTER_LIMIT: Final = 4096
"""Bytes of an encoded footer; its 56 take about 130."""

LEAST_PADDING: Final = 64 << 10
"""The original reads beyond the end of a blob by chance, and fails where the file ends: up to 65535 bytes."""


class Blob(NamedTuple):
    """One blob of a packfile: what it is, and where its encoded bytes are from the beginning of the body."""

    resource: int
    version: int
    mac: bytes
    offset: int
    length: int
    flags: int = 0


class Index(NamedTuple):
    """What a packfile says of itself; `timestamp` is when it was made, in nanoseconds since the epoch."""

    timestamp: int
    blobs: tuple[Blob, ...]
    flags: int = 0


def pack_records(blobs: Sequence[Blob]) -> bytes:
    """The plain index."""
    return b"".join(RECORD.pack(*blob) for blob in blobs)


def unpack_records(records: bytes) -> tuple[Blob, ...]:
    """The blobs of a plain index. Raises IntegrityError where it does not consist of whole records."""
    if len(records) % RECORD.size:
        raise IntegrityError(f"the index of a packfile is cut short: {len(records)} bytes")
    return tuple(map(Blob._make, RECORD.iter_unpack(records)))


class Writer:
    """A packfile being filled.

    `timestamp`: when it is made, in nanoseconds since the epoch; real, because maintenance goes by it.
    """

    def __init__(self, codec: Codec, timestamp: int) -> None:
        self._codec = codec
        self._timestamp = timestamp
        self._parts: list[bytes] = []
        self._blobs: list[Blob] = []
        self.size = 0
        """Bytes of blobs so far."""

    def add(self, resource: Resource, mac: bytes, encoded: bytes) -> Blob:
        """Appends a blob whose bytes are encoded already."""
        blob = Blob(resource, VERSION_1_0_0, mac, self.size, len(encoded))
        self._parts.append(encoded)
        self._blobs.append(blob)
        self.size += len(encoded)
        return blob

    def pad(self, size: int, random_bytes: Callable[[int], bytes]) -> Blob:
        """Appends so many random bytes, as a blob of no use; the last one should have `LEAST_PADDING` or more."""
        return self.add(Resource.RANDOM, random_bytes(MAC_SIZE), random_bytes(size))

    def finish(self) -> tuple[bytes, bytes, tuple[Blob, ...]]:
        """Name and bytes of the stored file, and the blobs in it."""
        blobs = tuple(self._blobs)
        body = b"".join((*self._parts, seal(self._codec, self._timestamp, pack_records(blobs), self.size)))
        return self._codec.mac(body), self._codec.wrap(Resource.PACKFILE, VERSION_1_0_0, body), blobs


def seal(codec: Codec, timestamp: int, records: bytes, size: int) -> bytes:
    """What follows the blobs of a packfile, which take `size` bytes: index, footer, and the footer's length.

    `records`: the plain index, as `pack_records` makes it.
    """
    count = len(records) // RECORD.size
    footer = codec.encode(_FOOTER.pack(timestamp, count, size, codec.mac(records), 0))
    return codec.encode(records) + footer + _LENGTH.pack(len(footer))


def read_index(body: bytes, codec: Codec) -> Index:
    """What a packfile's body (the payload of its frame) says it holds. Raises as `read_index_in`."""
    return read_index_in(lambda offset, length: body[offset : offset + length], len(body), codec)


def read_index_in(read: Callable[[int, int], bytes], size: int, codec: Codec) -> Index:
    """What a packfile says it holds, whose body of `size` bytes is read in parts: `read(offset, length)`.

    Raises IntegrityError where index and footer are damaged, or a blob lies outside of the part for blobs, and what
    the reading raises.
    """
    if size < _LENGTH.size:
        raise IntegrityError("a packfile is cut short")
    (footer_length,) = _LENGTH.unpack(_exactly(read, size - _LENGTH.size, _LENGTH.size))
    footer_start = size - _LENGTH.size - footer_length
    if footer_length > _FOOTER_LIMIT or footer_start < 0:
        raise IntegrityError(f"the footer of a packfile cannot have {footer_length} bytes")
    footer = codec.decode(_exactly(read, footer_start, footer_length), _FOOTER.size)
    if len(footer) != _FOOTER.size:
        raise IntegrityError(f"the footer of a packfile is cut short: {len(footer)} bytes")
    timestamp, count, index_start, index_mac, flags = _FOOTER.unpack(footer)
    if index_start > footer_start:
        raise IntegrityError("the index of a packfile lies outside of it")
    records = codec.decode(_exactly(read, index_start, footer_start - index_start))
    if codec.mac(records) != index_mac:
        raise IntegrityError("the index of a packfile is not the one that its footer names")
    blobs = unpack_records(records)
    if len(blobs) != count:
        raise IntegrityError(f"the index of a packfile has {len(blobs)} records instead of {count}")
    if any(blob.offset + blob.length > index_start for blob in blobs):
        raise IntegrityError("a blob lies outside of its packfile")
    return Index(timestamp, blobs, flags)


def _exactly(read: Callable[[int, int], bytes], offset: int, length: int) -> bytes:
    data = read(offset, length)
    if len(data) != length:
        raise IntegrityError("a packfile is cut short")
    return data


def file_offset(offset: int) -> int:
    """Where in the stored file a blob begins."""
    return frames.HEADER_SIZE + offset
