"""Names, contents and sources for tests: repeatable by seed, and as unfriendly as real ones."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.stores.base import Source

ODD_NAMES = (
    "space in name",
    " leading and trailing ",
    "quote'double\"back`tick",
    "percent%2Fslash%00",
    "plus+and&hash#question?",
    "semi;colon:comma,equals=",
    "star*[bracket]{brace}",
    "back\\slash",
    "tab\tnew\nline",
    "carriage\rreturn",
    "control\x01\x7f",
    "~tilde",
    "-dash",
    ".hidden",
    "...",
    "dot.",
    "caf\u00e9",
    "cafe\u0301",
    "\u0391\u03a9\u4e2d\u6587",
    "\U0001f600 astral",
    "\ufffdreplacement",
    "full\uff0fwidth",
    "control\u2400picture",
    "x" * 200,
)
"""Names that a careful store either keeps exactly or refuses."""

NOT_UTF8 = "not utf-8 \udcff\udcfe"
"""A name that only a store of bytes can hold."""

UNSAFE_KEYS = (
    *("..", "../escape", "a/../../escape", "/absolute", ".", "./here", "a//b", "a/", "nul\x00byte", ""),
    "lone surrogate \ud800",
)
"""Keys that no file system can hold exactly, and that an object store may."""

ORDERED_KEYS = (
    "A",
    "a",
    "a!b",
    "a-b/x",
    "a.b",
    "a/b",
    "a/b.c",
    "a/c/d",
    "a0",
    "b/a/a",
    "b/a0",
    "caf\u00e9",
    "z",
    "\u00e9",
    "\ufffd",
    "\U0001f600",
)
"""Keys in the total order, chosen so that orders by component, by code unit or without the slash give another one."""


def content(size: int, seed: int = 0) -> bytes:
    """Random bytes that a seed makes again."""
    return random.Random(seed).randbytes(size)


def source(data: bytes) -> io.BytesIO:
    """Content to write from bytes."""
    return io.BytesIO(data)


class Dribble:
    """Content that comes a few bytes at a time, as from a slow connection."""

    def __init__(self, data: bytes, most: int = 7) -> None:
        self._data = io.BytesIO(data)
        self._most = most

    def read(self, size: int = -1, /) -> bytes:
        """At most a few bytes."""
        return self._data.read(self._most if size < 0 else min(size, self._most))


class BrokenSourceError(Exception):
    """What `Broken` raises."""


class Broken:
    """Content whose reading fails after `after` bytes."""

    def __init__(self, data: bytes, after: int) -> None:
        self._data = io.BytesIO(data[:after])

    def read(self, size: int = -1, /) -> bytes:
        """Reads until the breaking point, then raises BrokenSourceError."""
        block = self._data.read(size)
        if not block and size:
            raise BrokenSourceError
        return block


def as_source(data: bytes | Source) -> Source:
    """Content from bytes, or as it is."""
    return source(data) if isinstance(data, bytes) else data
