"""Entries: what a snapshot knows of a path, of its extended attributes, and of what could not be read.

Format, sections 10.5 and 10.8.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from plait.model.errors import IntegrityError
from plait.repository.format import msgpack, wire
from plait.repository.format.headers import Classification
from plait.repository.format.resources import NO_MAC, VERSION_1_0_0
from plait.repository.format.summaries import Summary
from plait.repository.format.wire import F64, I64, OMIT_EMPTY, U8, U16, U32, U64, Bytes, Mac, Text, Time

MODE_DIRECTORY: Final = 1 << 31
MODE_SYMLINK: Final = 1 << 27
MODE_DEVICE: Final = 1 << 26
MODE_FIFO: Final = 1 << 25
MODE_SOCKET: Final = 1 << 24
MODE_SETUID: Final = 1 << 23
MODE_SETGID: Final = 1 << 22
MODE_CHARACTER_DEVICE: Final = 1 << 21
MODE_STICKY: Final = 1 << 20
MODE_IRREGULAR: Final = 1 << 19
MODE_PERMISSIONS: Final = 0o777
_NOT_REGULAR: Final = (
    MODE_DIRECTORY | MODE_SYMLINK | MODE_DEVICE | MODE_FIFO | MODE_SOCKET | MODE_CHARACTER_DEVICE | MODE_IRREGULAR
)

_NUMBER: Final = struct.Struct(">Bq")
_PARENTS: Final = 64

NOT_REGULAR_CONTENT_TYPE: Final = "application/x-not-regular-file"


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the source's file system said. `mode` is Go's FileMode (the MODE_ bits), `mod_time` in nanoseconds."""

    name: Text
    size: I64 = 0
    mode: U32
    mod_time: Time
    device: U64 = msgspec.field(default=0, name="dev")
    inode: U64 = msgspec.field(default=0, name="ino")
    uid: U64 = 0
    gid: U64 = 0
    links: U16 = msgspec.field(default=1, name="nlink")
    user: Text = msgspec.field(default="", name="username")
    group: Text = msgspec.field(default="", name="groupname")
    flags: U32 = 0

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return bool(self.mode & MODE_DIRECTORY)

    @property
    def is_regular(self) -> bool:
        """Whether it is a regular file: of no other kind."""
        return not self.mode & _NOT_REGULAR


class CustomMetadata(msgspec.Struct, frozen=True):
    """A pair that no known program writes."""

    key: Text
    value: Bytes


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A path of a snapshot. `object` is zeros where it has no content; `summary` is only in directories of 1.0."""

    version: U32 = VERSION_1_0_0
    parent_path: Text
    file_info: FileInfo
    summary: Summary | None = None
    symlink_target: Annotated[Text, OMIT_EMPTY] = ""
    object: Mac = NO_MAC
    content_type: Annotated[Text, OMIT_EMPTY] = ""
    entropy: Annotated[F64, OMIT_EMPTY] = 0.0
    chunks: Annotated[U64, OMIT_EMPTY] = 0
    alternate_data_streams: Annotated[tuple[Text, ...], OMIT_EMPTY] = ()
    security_descriptor: Annotated[Bytes, OMIT_EMPTY] = b""
    file_attributes: Annotated[U32, OMIT_EMPTY] = 0
    extended_attributes: Annotated[tuple[Text, ...], OMIT_EMPTY] = ()
    classifications: Annotated[tuple[Classification, ...], OMIT_EMPTY] = ()
    custom_metadata: Annotated[tuple[CustomMetadata, ...], OMIT_EMPTY] = ()
    tags: Annotated[tuple[Text, ...], OMIT_EMPTY] = ()

    @property
    def path(self) -> str:
        """The absolute path."""
        name, parent = self.file_info.name, self.parent_path
        if name.startswith("/"):
            return name
        return parent + name if parent.endswith("/") else f"{parent}/{name}"

    @property
    def has_content(self) -> bool:
        """Whether `object` names an object."""
        return self.object != NO_MAC


class XattrEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An extended attribute of a path; its value is the content of `object`."""

    version: U32 = VERSION_1_0_0
    path: Text
    name: Text
    size: I64
    type: U8 = 0
    object: Mac

    @property
    def key(self) -> str:
        """Its key in the tree of attributes."""
        separators = {0: ":", 1: "@", 2: "%"}
        return f"{self.path}{self.name}{separators.get(self.type, '#')}"


class ErrorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A path that could not be read, and why, in the original's words."""

    version: U32 = VERSION_1_0_0
    path: Text = msgspec.field(name="name")
    error: Text


def read(data: bytes) -> Entry:
    """An entry. Raises IntegrityError where it is malformed, or its path is none that a tree can have."""
    entry = _decode(data)
    name, parent = entry.file_info.name, entry.parent_path
    if name == "/" and parent in {"/", ""}:
        return entry
    if name in {"", ".", ".."} or "/" in name:
        raise IntegrityError(f"an entry of a snapshot has an impossible name: {name!r}")
    if not _is_clean(parent):
        raise IntegrityError(f"an entry of a snapshot has an impossible parent: {parent!r}")
    return entry


@lru_cache(_PARENTS)
def _is_clean(parent: str) -> bool:
    """Whether a path is absolute, and each of its parts a name; children of one directory come one after the other."""
    return parent == "/" or (
        parent.startswith("/") and not any(part in {"", ".", ".."} for part in parent[1:].split("/"))
    )


_TIME_KEY: Final = b"\xa8mod_time"
_TIME_FORMS: Final = {b"\xd6\xff": 6, b"\xd7\xff": 10, b"\xc7\x0c": 15}
"""Beginnings of timestamps, and how long they are."""


def _decode(data: bytes) -> Entry:
    """An entry, the usual way where its only timestamp can be put as the number that it stands for."""
    start = data.find(_TIME_KEY) + len(_TIME_KEY)
    size = _TIME_FORMS.get(data[start : start + 2])
    if size is None or data.find(_TIME_KEY, start) >= 0:
        return wire.decode(data, Entry)
    try:
        time, _ = msgpack.read_time(data, start)
        number = _NUMBER.pack(0xD3, time)
    except (IntegrityError, struct.error):
        return wire.decode(data, Entry)
    try:
        return wire.decode_usual(data[:start] + number + data[start + size :], Entry)
    except IntegrityError:
        return wire.decode(data, Entry)
