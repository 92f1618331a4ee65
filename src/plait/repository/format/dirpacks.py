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
    pending = b""
    for piece in content:
        data = pending + piece if pending else piece
        position = 0
        while position + _HEADER.size <= len(data):
            _, length = _HEADER.unpack_from(data, position)
            if not MAC_SIZE <= length <= _LONGEST_RECORD:
                raise IntegrityError(f"an entry in a directory's list cannot have {length} bytes")
            start = position + _HEADER.size
            end = start + length
            if end > len(data):
                break
            yield data[start : end - MAC_SIZE], data[end - MAC_SIZE : end]
            position = end
        pending = data[position:]
    if pending:
        raise IntegrityError("a directory's list of entries is cut short")


def _record(plain: bytes, mac: bytes, directory: str) -> Record:
    entry = entries.read(plain)
    if entry.parent_path != directory or entry.path == directory:
        raise IntegrityError(f"a directory's list holds an entry that is not of that directory: {entry.path!r}")
    return Record(entry, plain, mac)
