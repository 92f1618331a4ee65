"""Dirpacks: all entries of one directory in one content (format, section 10.6)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import IntegrityError
from plait.repository.format import entries
from plait.repository.format.resources import MAC_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.repository.format.entries import Entry

_HEADER: Final = struct.Struct("<BI")
_DIRECTORY: Final = 1
_OTHER: Final = 2

_LONGEST_RECORD: Final = 1 << 20
"""Bytes; a name and the names of its attributes take a hundred thousand at most."""

CONTENT_TYPE: Final = "application/octet-stream"
"""Of the object of a dirpack, whatever is in it; its entropies are 0."""


class Record(NamedTuple):
    """A child of the directory: its entry, the entry's plain bytes, and the identifier that the dirpack gives it."""

    entry: Entry
    plain: bytes
    mac: bytes


def pack(plain: bytes, mac: bytes, *, is_directory: bool) -> bytes:
    """One child, from the plain bytes of its entry and their identifier."""
    kind = _DIRECTORY if is_directory else _OTHER
    return _HEADER.pack(kind, len(plain) + MAC_SIZE) + plain + mac


def unpack(content: Iterable[bytes], directory: str) -> Iterator[Record]:
    """The children of a directory, from the content of its dirpack in pieces; whether `mac` is right is not checked.

    Raises IntegrityError where it is cut short, an entry is malformed or belongs to another directory, and what taking
    the pieces raises. Holds one piece and one entry at a time.
    """
    return (_record(plain, mac, directory) for plain, mac in split(content))


def split(content: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The children of a directory: the plain bytes of each entry, and its identifier, neither of them checked.

    Raises IntegrityError where the content is cut short, and what taking the pieces raises.
    """
    pending = bytearray()
    for piece in content:
        pending += piece
        position = 0
        while (end := _end_of_record(pending, position)) <= len(pending):
            middle = end - MAC_SIZE
            yield bytes(pending[position + _HEADER.size : middle]), bytes(pending[middle:end])
            position = end
        del pending[:position]
    if pending:
        raise IntegrityError("a directory's list of entries is cut short")


def _end_of_record(pending: bytearray, position: int) -> int:
    """Where the record ends that begins at a position; beyond the end of what is there if that is not known yet."""
    if position + _HEADER.size > len(pending):
        return len(pending) + 1
    _, length = _HEADER.unpack_from(pending, position)
    if not MAC_SIZE <= length <= _LONGEST_RECORD:
        raise IntegrityError(f"an entry in a directory's list cannot have {length} bytes")
    end: int = position + _HEADER.size + length
    return end


def _record(plain: bytes, mac: bytes, directory: str) -> Record:
    entry = entries.read(plain)
    if entry.parent_path != directory or entry.path == directory:
        raise IntegrityError(f"a directory's list holds an entry that is not of that directory: {entry.path!r}")
    return Record(entry, plain, mac)
