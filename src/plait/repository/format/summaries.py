"""Summaries: what is in a directory and below it, in numbers (format, section 10.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import msgspec

from plait.repository.format.wire import F64, I64, OMIT_EMPTY, U64

if TYPE_CHECKING:
    from plait.repository.format.entries import Entry

_Count = Annotated[U64, OMIT_EMPTY]
_Seconds = Annotated[I64, OMIT_EMPTY]
_Bits = Annotated[F64, OMIT_EMPTY]

_LOW_ENTROPY: Final = 2.0
_HIGH_ENTROPY: Final = 7.0
_BILLION: Final = 1_000_000_000


class Directory(msgspec.Struct, kw_only=True):
    """Of the children of a directory; times in seconds since the epoch, entropies in bits per byte."""

    directories: _Count = 0
    files: _Count = 0
    symlinks: _Count = 0
    devices: _Count = 0
    pipes: _Count = 0
    sockets: _Count = 0
    children: _Count = 0
    setuid: _Count = 0
    setgid: _Count = 0
    sticky: _Count = 0
    objects: _Count = 0
    chunks: _Count = 0
    min_size: _Count = 0
    max_size: _Count = 0
    avg_size: _Count = 0
    size: _Count = 0
    min_mod_time: _Seconds = 0
    max_mod_time: _Seconds = 0
    min_entropy: _Bits = 0.0
    max_entropy: _Bits = 0.0
    sum_entropy: _Bits = 0.0
    avg_entropy: _Bits = 0.0
    hi_entropy: _Count = 0
    lo_entropy: _Count = 0
    audio: _Count = msgspec.field(default=0, name="MIME_audio")
    video: _Count = msgspec.field(default=0, name="MIME_video")
    image: _Count = msgspec.field(default=0, name="MIME_image")
    text: _Count = msgspec.field(default=0, name="MIME_text")
    application: _Count = msgspec.field(default=0, name="MIME_application")
    other: _Count = msgspec.field(default=0, name="MIME_other")
    errors: _Count = 0


class Below(msgspec.Struct, kw_only=True):
    """Of everything deeper than the children; `errors` counts those of the directory itself too."""

    directories: _Count = 0
    files: _Count = 0
    symlinks: _Count = 0
    devices: _Count = 0
    pipes: _Count = 0
    sockets: _Count = 0
    children: _Count = 0
    setuid: _Count = 0
    setgid: _Count = 0
    sticky: _Count = 0
    objects: _Count = 0
    chunks: _Count = 0
    min_size: _Count = 0
    max_size: _Count = 0
    size: _Count = 0
    min_mod_time: _Seconds = 0
    max_mod_time: _Seconds = 0
    min_entropy: _Bits = 0.0
    max_entropy: _Bits = 0.0
    hi_entropy: _Count = 0
    lo_entropy: _Count = 0
    audio: _Count = msgspec.field(default=0, name="MIME_audio")
    video: _Count = msgspec.field(default=0, name="MIME_video")
    image: _Count = msgspec.field(default=0, name="MIME_image")
    text: _Count = msgspec.field(default=0, name="MIME_text")
    application: _Count = msgspec.field(default=0, name="MIME_application")
    other: _Count = msgspec.field(default=0, name="MIME_other")
    errors: U64 = 0


class Summary(msgspec.Struct):
    """Both."""

    directory: Annotated[Directory, OMIT_EMPTY] = msgspec.field(default_factory=Directory)
    below: Below = msgspec.field(default_factory=Below)


_MAIN_TYPES: Final = {name: name for name in ("audio", "video", "image", "text", "application")}
_SPECIAL: Final = 1 << 23 | 1 << 22 | 1 << 20
_NOT_REGULAR: Final = 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 31 | 1 << 21 | 1 << 19
_LEAST: Final = ("min_size", "min_mod_time", "min_entropy")
_GREATEST: Final = ("max_size", "max_mod_time", "max_entropy")
_SUMS: Final = tuple(name for name in Below.__struct_fields__ if name not in {*_LEAST, *_GREATEST})


class Child(NamedTuple):
    """What counts of a child that is no directory: `seconds` of its modification time, `chunks` 0 without content."""

    mode: int
    size: int
    seconds: int
    has_object: bool
    content_type: str
    entropy: float
    chunks: int


def add_child(summary: Summary, entry: Entry) -> None:
    """Counts a child that is no directory."""
    info = entry.file_info
    seconds = info.mod_time // _BILLION
    count(
        summary.directory,
        Child(info.mode, info.size, seconds, entry.has_content, entry.content_type, entry.entropy, entry.chunks),
    )


def count(directory: Directory, child: Child) -> None:
    """As `add_child`."""
    mode, size, seconds, has_object, content_type, entropy, chunks = child
    directory.children += 1
    if mode & _NOT_REGULAR:
        kind = _kind(mode)
        setattr(directory, kind, getattr(directory, kind) + 1)
        size = 0
    else:
        directory.files += 1
    if mode & _SPECIAL:
        directory.setuid += mode >> 23 & 1
        directory.setgid += mode >> 22 & 1
        directory.sticky += mode >> 20 & 1
    if has_object:
        directory.objects += 1
        directory.chunks += chunks
    directory.size += size
    directory.sum_entropy += entropy
    _take_extremes(directory, (size, seconds, entropy) * 2)
    if entropy <= _LOW_ENTROPY:
        directory.lo_entropy += 1
    elif entropy >= _HIGH_ENTROPY:
        directory.hi_entropy += 1
    if content_type:
        field = _MAIN_TYPES.get(content_type.partition("/")[0], "other")
        setattr(directory, field, getattr(directory, field) + 1)


def add_directory(summary: Summary, child: Summary) -> None:
    """Counts a child that is a directory, by its finished summary."""
    summary.directory.children += 1
    summary.directory.directories += 1
    below = summary.below
    for name in _SUMS:
        setattr(below, name, getattr(below, name) + getattr(child.below, name) + getattr(child.directory, name))
    for part in (child.below, child.directory):
        _take_extremes(below, tuple(getattr(part, name) for name in (*_LEAST, *_GREATEST)))


def finish(summary: Summary, errors: int) -> None:
    """Ends the counting; `errors` is the number of the directory's own paths that could not be read."""
    summary.below.errors += errors
    directory = summary.directory
    if directory.files:
        directory.avg_size = directory.size // directory.files
        directory.avg_entropy = directory.sum_entropy / directory.files


def _kind(mode: int) -> str:
    for bit, kind in ((27, "symlinks"), (26, "devices"), (25, "pipes"), (24, "sockets")):
        if mode >> bit & 1:
            return kind
    return "files"


def _take_extremes(part: Directory | Below, values: tuple[Any, ...]) -> None:
    """Takes size, time and entropy, least and greatest, as the original does: 0 stands for "none yet", always."""
    size, seconds, entropy, great_size, great_seconds, great_entropy = values
    if part.min_size == 0 or size < part.min_size:
        part.min_size = size
    if part.min_mod_time == 0 or seconds < part.min_mod_time:
        part.min_mod_time = seconds
    if part.min_entropy == 0 or entropy < part.min_entropy:
        part.min_entropy = entropy
    if part.max_size == 0 or great_size > part.max_size:
        part.max_size = great_size
    if part.max_mod_time == 0 or great_seconds > part.max_mod_time:
        part.max_mod_time = great_seconds
    if part.max_entropy == 0 or great_entropy > part.max_entropy:
        part.max_entropy = great_entropy
