"""Archives: a whole repository in one file, `.ptar` (format, section 1.3)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from plait.model.errors import IntegrityError, NotSupportedError
from plait.repository.format.resources import VERSION_1_0_0, version_text

MAGIC: Final = b"_PLATAR_"
_HEADER: Final = struct.Struct("<8sI")
_TRAILER: Final = struct.Struct("<6q")
HEADER_SIZE: Final = _HEADER.size
TRAILER_SIZE: Final = _TRAILER.size

PACKFILE_NAME: Final = bytes(range(16)) + bytes(16)
STATE_NAME: Final = bytes(reversed(range(16))) + bytes(16)
"""By these a reader calls the archive's only packfile and only state; the name in the state's records is random."""


class Extent(NamedTuple):
    """A part of the archive."""

    offset: int
    length: int


class Layout(NamedTuple):
    """Where in an archive its three framed files are."""

    configuration: Extent
    packfile: Extent
    state: Extent


def read_layout(size: int, head: bytes, tail: bytes) -> Layout:
    """The layout of an archive of `size` bytes, from its first HEADER_SIZE and its last TRAILER_SIZE.

    Raises IntegrityError where it is no archive, is cut short, or names parts outside of itself; NotSupportedError for
    a newer version.
    """
    if size < HEADER_SIZE + TRAILER_SIZE or len(head) != HEADER_SIZE or len(tail) != TRAILER_SIZE:
        raise IntegrityError(f"the archive is cut short: {size} bytes")
    magic, version = _HEADER.unpack(head)
    if magic != MAGIC:
        raise IntegrityError("the file does not begin as an archive does")
    if version > VERSION_1_0_0:
        raise NotSupportedError(f"the archive has version {version_text(version)}; 1.0.0 is the newest known")
    numbers = _TRAILER.unpack(tail)
    layout = Layout(*(Extent(*numbers[index : index + 2]) for index in (0, 2, 4)))
    for extent in layout:
        if extent.offset < HEADER_SIZE or extent.length < 0 or extent.offset + extent.length > size - TRAILER_SIZE:
            raise IntegrityError("the archive names a part that lies outside of it")
    return layout


def beginning() -> bytes:
    """The first bytes of an archive, before its CONFIG."""
    return _HEADER.pack(MAGIC, VERSION_1_0_0)


def ending(layout: Layout) -> bytes:
    """The last bytes of an archive, behind its state."""
    return _TRAILER.pack(*layout.configuration, *layout.packfile, *layout.state)


def write(configuration: bytes, packfile: bytes, state: bytes) -> bytes:
    """An archive of three framed files."""
    extents: list[Extent] = []
    offset = HEADER_SIZE
    for part in (configuration, packfile, state):
        extents.append(Extent(offset, len(part)))
        offset += len(part)
    return b"".join((beginning(), configuration, packfile, state, ending(Layout(*extents))))
