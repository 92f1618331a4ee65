"""Dirpacks: all entries of one directory in one content (format, section 10.6)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import IntegrityError
from plait.repository.format import entries
from plait.repository.format.resources import MAC_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.repository.format.entries import Entry

_HEADER: Final = struct.Struct("<BI")
_DIRECTORY: Final = 1
_OTHER: Final = 2

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


def unpack(content: bytes, directory: str) -> Iterator[Record]:
    """The children of a directory, from the content of its dirpack; whether `mac` is right is left to the caller.

    Raises IntegrityError where it is cut short, an entry is malformed, or belongs to another directory.
    """
    position = 0
    while position < len(content):
        if position + _HEADER.size > len(content):
            raise IntegrityError("a directory's list of entries is cut short")
        _, length = _HEADER.unpack_from(content, position)
        position += _HEADER.size
        end = position + length
        if length < MAC_SIZE or end > len(content):
            raise IntegrityError("an entry in a directory's list is cut short")
        plain = content[position : end - MAC_SIZE]
        entry = entries.read(plain)
        if entry.parent_path != directory or entry.path == directory:
            raise IntegrityError(f"a directory's list holds an entry that is not of that directory: {entry.path!r}")
        yield Record(entry, plain, content[end - MAC_SIZE : end])
        position = end
