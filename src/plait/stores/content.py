"""Reading content that is to be written: exactly as many bytes as were announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.closing import Closing
from plait.model.errors import IntegrityError, SourceChangedError
from plait.model.items import order_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.model.items import Stat
    from plait.stores.base import Source

BLOCK = 1 << 20


def blocks(content: Source, size: int | None, key: str, block: int = BLOCK) -> Iterator[bytes]:
    """All of `content` in blocks of at most `block` bytes.

    Raises IntegrityError when it ends before or goes on after `size` bytes; None means until the end. Never yields more
    than `size` bytes.
    """
    if size is None:
        while data := content.read(block):
            yield data
        return
    left = size
    while left:
        data = content.read(min(block, left))
        if not data:
            raise IntegrityError(
                f"corrupted on transfer: sizes differ: expected {size}, content ended at {size - left}", key=key
            )
        left -= len(data)
        if left < 0:
            raise IntegrityError(f"corrupted on transfer: sizes differ: expected {size}, got more", key=key)
        yield data
    if content.read(1):
        raise IntegrityError(f"corrupted on transfer: sizes differ: expected {size}, content goes on", key=key)


def part_size_for(size: int, least: int, most_parts: int) -> int:
    """Bytes of every part but the last: at least `least`, and a whole number of MiB so that `most_parts` suffice."""
    needed = -(-size // most_parts) if most_parts else 0
    return max(least, -(-needed // (1 << 20)) << 20)


class BytesReader(Closing):
    """Content that is in memory."""

    def __init__(self, content: bytes, stat: Stat) -> None:
        self._content = memoryview(content)
        self._position = 0
        self.stat = stat

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; all that is left for -1."""
        end = len(self._content) if size < 0 else self._position + size
        data = bytes(self._content[self._position : end])
        self._position += len(data)
        return data

    def close(self) -> None:
        """Nothing to free."""


def is_key(text: str) -> bool:
    """True for what can be a key: text, and (escaped by surrogates) bytes that are none; no other surrogates."""
    if text.isascii():
        return True
    try:
        order_bytes(text)
    except UnicodeEncodeError:
        return False
    return True


def check_expected(expected: Stat | None, found: Stat, key: str) -> None:
    """Raises SourceChangedError where size, time or etag are known to differ from those expected.

    What only one side knows says nothing. The wording is rclone's.
    """
    if expected is None:
        return
    if None not in {expected.size, found.size} and expected.size != found.size:
        changed = f"size changed from {expected.size} to {found.size}"
    elif None not in {expected.modified, found.modified} and expected.modified != found.modified:
        changed = f"mod time changed from {_moment(expected.modified)} to {_moment(found.modified)}"
    elif None not in {expected.etag, found.etag} and expected.etag != found.etag:
        changed = f"etag changed from {expected.etag} to {found.etag}"
    else:
        return
    raise SourceChangedError(f"can't copy - source file is being updated ({changed})", key=key)


def _moment(nanoseconds: int | None) -> str:
    from datetime import datetime

    seconds, fraction = divmod(nanoseconds or 0, 10**9)
    try:
        moment = datetime.fromtimestamp(seconds).astimezone()
    except (OverflowError, ValueError, OSError):
        return f"{seconds}.{fraction:09d} s"
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{digits} {moment:%z %Z}"
