"""The MD5s of a file and of its parts."""

from __future__ import annotations

import os
from hashlib import md5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.native.pure.content import Flag

_READ_AT_ONCE = 256 * 1024


def md5_parts(descriptor: int, size: int, part_size: int, cancel: Flag | None, /) -> tuple[bytes, int]:
    """The MD5s (RFC 1321) of the first `size` bytes of an open file: of all of them, then of each part.

    Returns the digests one after the other, 16 bytes each, and how many bytes were read: fewer than `size` where the
    file ends early or the first byte of `cancel` turns from zero, and the digests mean nothing then. The descriptor's
    offset neither matters nor moves.

    Raises OSError with the errno of the failed call, ValueError for a negative size and for a part size that is no
    multiple of 256 KiB.
    """
    if size < 0 or part_size <= 0 or part_size % _READ_AT_ONCE:
        raise ValueError("the size cannot be negative, and parts are multiples of 256 KiB")
    whole = md5(usedforsecurity=False)
    digests = []
    taken = 0
    for start in range(0, size, part_size):
        part = md5(usedforsecurity=False)
        end = min(start + part_size, size)
        while taken < end:
            data = (
                b""
                if cancel is not None and cancel[0]
                else os.pread(descriptor, min(end - taken, _READ_AT_ONCE), taken)
            )
            if not data:
                return bytes(16 * (1 + -(-size // part_size))), taken
            whole.update(data)
            part.update(data)
            taken += len(data)
        digests.append(part.digest())
    return b"".join((whole.digest(), *digests)), taken


def md5_each_part(descriptor: int, offset: int, size: int, part_size: int, cancel: Flag | None, /) -> bytes | None:
    """The MD5s (RFC 1321) of consecutive parts of an open file, which begin at `offset` and are `size` bytes together.

    Returns the digests one after the other, 16 bytes each; None where the file ends early or the first byte of
    `cancel` turns from zero. The descriptor's offset neither matters nor moves. In C, parts are hashed side by side.

    Raises OSError with the errno of the failed call, ValueError for negative numbers and for parts without a size.
    """
    if offset < 0 or size < 0 or part_size <= 0:
        raise ValueError("offset and size cannot be negative, and parts hold something")
    digests = []
    end = offset + size
    for start in range(offset, end, part_size):
        part = md5(usedforsecurity=False)
        position = start
        stop = min(start + part_size, end)
        while position < stop:
            if cancel is not None and cancel[0]:
                return None
            data = os.pread(descriptor, min(stop - position, _READ_AT_ONCE), position)
            if not data:
                return None
            part.update(data)
            position += len(data)
        digests.append(part.digest())
    return b"".join(digests)
