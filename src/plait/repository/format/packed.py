"""Entries and objects as bytes, packed and looked into without making structs of them.

A backup does this for every path. The bytes are those of `wire.encode`; `glance` answers None for an entry that is not
of the shape written today, which is then decoded by `entries.read`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.repository.format import msgpack
from plait.repository.format.resources import MAC_SIZE, NO_MAC, VERSION_1_0_0

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.repository.format.entries import FileInfo

_VERSION: Final = b"\xa7version" + struct.pack(">BI", 0xCE, VERSION_1_0_0)
_ENTRY_BEGINNING: Final = _VERSION + b"\xabparent_path"
_INFO: Final = b"\xa9file_info"
_INFO_BEGINNING: Final = b"\x8c\xa4name"
_SIZE_AND_MODE: Final = struct.Struct(">6sq6sI9s")
_SIZE_KEY: Final = b"\xa4size\xd3"
_MODE_KEY: Final = b"\xa4mode\xce"
_TIME_KEY: Final = b"\xa8mod_time"
_NUMBERS: Final = struct.Struct(">5sQ5sQ5sQ5sQ7sH9s")
_DEVICE_KEY: Final = b"\xa3dev\xcf"
_INODE_KEY: Final = b"\xa3ino\xcf"
_USER_KEY: Final = b"\xa3uid\xcf"
_GROUP_KEY: Final = b"\xa3gid\xcf"
_LINKS_KEY: Final = b"\xa5nlink\xcd"
_USER_NAME: Final = b"\xa8username"
_GROUP_NAME: Final = b"\xa9groupname"
_FLAGS: Final = b"\xa5flags" + struct.pack(">BI", 0xCE, 0)
_SUMMARY: Final = b"\xa7summary\xc0"
_TARGET: Final = b"\xaesymlink_target"
_OBJECT: Final = b"\xa6object\xc4\x20"
_CONTENT_TYPE: Final = b"\xaccontent_type"
_ENTROPY: Final = b"\xa7entropy"
_CHUNKS: Final = b"\xa6chunks"
_ATTRIBUTES: Final = b"\xb3extended_attributes"
_DOUBLE: Final = struct.Struct(">Bd")
_LONG: Final = struct.Struct(">BQ")
_AT_LEAST: Final = 5
"""Fields of an entry that are always there."""

_OBJECT_BEGINNING: Final = _VERSION + b"\xaacontentMAC\xc4\x20"
_CHUNK_LIST: Final = b"\xa6chunks"
_CHUNK: Final = struct.Struct(f">{len(_VERSION) + 14}s32s8sI9sd11s")
_CHUNK_BEGINNING: Final = b"\x85" + _OBJECT_BEGINNING
_LENGTH_KEY: Final = b"\xa6length\xce"
_ENTROPY_KEY: Final = b"\xa7entropy\xcb"

text = msgpack.pack_text


class Piece(NamedTuple):
    """A chunk of a content: its identifier, bytes, and bits of entropy per byte."""

    mac: bytes
    length: int
    entropy: float


class Glance(NamedTuple):
    """What a backup wants to know of an entry. `info`: the packed `FileInfo`. `seconds`: of its modification time.
    `object`: zeros where it has no content.
    """

    name: str
    info: bytes
    mode: int
    size: int
    seconds: int
    object: bytes
    content_type: str
    entropy: float
    chunks: int
    attributes: tuple[str, ...]


class Shape(NamedTuple):
    """The part of a `Glance` that says what kind of path an entry is of."""

    name: str
    mode: int
    size: int
    object: bytes


def info(found: FileInfo) -> bytes:
    """The bytes of a `FileInfo`."""
    return b"".join(
        (
            _INFO_BEGINNING,
            text(found.name),
            _SIZE_AND_MODE.pack(_SIZE_KEY, found.size, _MODE_KEY, found.mode, _TIME_KEY),
            msgpack.pack_time(found.mod_time),
            _NUMBERS.pack(
                _DEVICE_KEY, found.device, _INODE_KEY, found.inode, _USER_KEY, found.uid, _GROUP_KEY, found.gid,
                _LINKS_KEY, found.links, _USER_NAME,
            ),
            text(found.user),
            _GROUP_NAME,
            text(found.group),
            _FLAGS,
        )
    )  # fmt: skip


def entry(
    parent: bytes,
    info: bytes,
    *,
    target: str = "",
    mac: bytes = NO_MAC,
    content_type: str = "",
    entropy: float = 0.0,
    chunks: int = 0,
    attributes: Sequence[str] = (),
) -> bytes:
    """The bytes of an `Entry`; `parent` is its parent's path, packed by `text`, `mac` that of its object."""
    parts = [b"", _ENTRY_BEGINNING, parent, _INFO, info, _SUMMARY]
    count = _AT_LEAST
    if target:
        parts += (_TARGET, text(target))
        count += 1
    parts += (_OBJECT, mac)
    if content_type:
        parts += (_CONTENT_TYPE, text(content_type))
        count += 1
    if entropy:
        parts += (_ENTROPY, _DOUBLE.pack(0xCB, entropy))
        count += 1
    if chunks:
        parts += (_CHUNKS, _LONG.pack(0xCF, chunks))
        count += 1
    if attributes:
        parts += (_ATTRIBUTES, msgpack.pack_array_size(len(attributes)), *map(text, attributes))
        count += 1
    parts[0] = msgpack.pack_map_size(count)
    return b"".join(parts)


def content(mac: bytes, pieces: Sequence[Piece], content_type: str, entropy: float) -> bytes:
    """The bytes of an `Object`; `mac` identifies the whole content."""
    parts = [b"", _OBJECT_BEGINNING, mac, _CHUNK_LIST, msgpack.pack_array_size(len(pieces))]
    count = 4
    parts += [
        _CHUNK.pack(_CHUNK_BEGINNING, piece.mac, _LENGTH_KEY, piece.length, _ENTROPY_KEY, piece.entropy, _FLAGS)
        for piece in pieces
    ]
    if content_type:
        parts += (_CONTENT_TYPE, text(content_type))
        count += 1
    if entropy:
        parts += (_ENTROPY, _DOUBLE.pack(0xCB, entropy))
        count += 1
    parts.append(_FLAGS)
    parts[0] = msgpack.pack_map_size(count)
    return b"".join(parts)


def glance(plain: bytes) -> Glance | None:
    """What an entry says; None where it is not of the shape written today. Raises IntegrityError where it is cut."""
    if not plain.startswith(_ENTRY_BEGINNING, 1):
        return None
    _, at = msgpack.read_bytes(plain, 1 + len(_ENTRY_BEGINNING))
    start = at + len(_INFO)
    if not plain.startswith(_INFO + _INFO_BEGINNING, at):
        return None
    name, at = msgpack.read_text(plain, start + len(_INFO_BEGINNING))
    if len(plain) < at + _SIZE_AND_MODE.size:
        return None
    size_key, size, mode_key, mode, time_key = _SIZE_AND_MODE.unpack_from(plain, at)
    time, at = msgpack.read_time(plain, at + _SIZE_AND_MODE.size)
    if (size_key, mode_key, time_key) != (_SIZE_KEY, _MODE_KEY, _TIME_KEY) or len(plain) < at + _NUMBERS.size:
        return None
    keys = _NUMBERS.unpack_from(plain, at)
    if keys[::2] != (_DEVICE_KEY, _INODE_KEY, _USER_KEY, _GROUP_KEY, _LINKS_KEY, _USER_NAME)[: len(keys[::2])]:
        return None
    _, at = msgpack.read_bytes(plain, at + _NUMBERS.size)
    if not plain.startswith(_GROUP_NAME, at):
        return None
    _, at = msgpack.read_bytes(plain, at + len(_GROUP_NAME))
    if not plain.startswith(_FLAGS + _SUMMARY, at):
        return None
    end = at + len(_FLAGS)
    return _rest(plain, end + len(_SUMMARY), (name, plain[start:end], mode, size, time // 1_000_000_000))


def beginning(parent: str) -> bytes:
    """What the entries of a directory have before their names, but for their first byte."""
    return _ENTRY_BEGINNING + text(parent) + _INFO + _INFO_BEGINNING


def shape(plain: bytes, beginning: bytes) -> Shape | None:
    """What an entry says of its path, of one that is known to be what was written; None where it is unusual."""
    if not plain.startswith(beginning, 1):
        return None
    name, at = msgpack.read_text(plain, 1 + len(beginning))
    if len(plain) < at + _SIZE_AND_MODE.size:
        return None
    size_key, size, mode_key, mode, _ = _SIZE_AND_MODE.unpack_from(plain, at)
    start = plain.find(_OBJECT, at) + len(_OBJECT)
    if (size_key, mode_key) != (_SIZE_KEY, _MODE_KEY) or start < len(_OBJECT) or len(plain) < start + MAC_SIZE:
        return None
    # One of two may be a part of a text.
    return None if plain.find(_OBJECT, start) >= 0 else Shape(name, mode, size, plain[start : start + MAC_SIZE])


def _rest(plain: bytes, at: int, known: tuple[str, bytes, int, int, int]) -> Glance | None:
    if plain.startswith(_TARGET, at):
        _, at = msgpack.read_bytes(plain, at + len(_TARGET))
    if not plain.startswith(_OBJECT, at):
        return None
    at += len(_OBJECT) + MAC_SIZE
    mac = plain[at - MAC_SIZE : at]
    content_type, entropy, chunks = "", 0.0, 0
    attributes: list[str] = []
    if plain.startswith(_CONTENT_TYPE, at):
        content_type, at = msgpack.read_text(plain, at + len(_CONTENT_TYPE))
    if plain.startswith(_ENTROPY, at):
        entropy, at = msgpack.read_float(plain, at + len(_ENTROPY))
    if plain.startswith(_CHUNKS, at):
        chunks, at = msgpack.read_int(plain, at + len(_CHUNKS))
    if plain.startswith(_ATTRIBUTES, at):
        size, at = msgpack.read_array_size(plain, at + len(_ATTRIBUTES), 1)
        for _ in range(size):
            name, at = msgpack.read_text(plain, at)
            attributes.append(name)
    if at != len(plain):
        return None
    return Glance(*known, mac, content_type, entropy, chunks, tuple(attributes))
