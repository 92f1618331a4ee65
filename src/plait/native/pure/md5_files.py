"""The MD5s of many small files of one directory."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from plait.native.pure.same_files import File, read_expected
from plait.native.pure.scan import refuse_negative, refuse_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.native.pure.content import Flag

_LARGEST = 1024 * 1024
_EXPECTED = Struct("=5q")
_NONE = b"\1" + bytes(16)


def md5_files(directory: int, names: Sequence[bytes], expected: Flag, /) -> bytes:
    """Hashes the files of these names in the directory open as `directory`.

    `expected` holds five native int64 for each name: size in bytes, modification and change time in ns, inode, device,
    as `scan` gives them.

    Returns 17 bytes for each name: 0 and the digest; 1 and zeros where only a look at this file alone can tell, because
    it is larger than 1 MiB, not the expected one any more, or cannot be read. Links are not followed. Raises ValueError
    for names that are empty, `.`, `..` or hold `/` or NUL, for a negative descriptor and for lengths that do not fit.
    """
    names = tuple(names)
    refuse_negative(directory)
    refuse_paths(names)
    if len(expected) != len(names) * _EXPECTED.size:
        raise ValueError("expected holds five int64 for each name")
    rows = zip(names, _EXPECTED.iter_unpack(expected), strict=True)
    return b"".join(_answer(directory, name, File(*row)) for name, row in rows)


def _answer(directory: int, name: bytes, expected: File) -> bytes:
    from hashlib import md5

    data = read_expected(directory, name, expected, _LARGEST)
    return _NONE if data is None else b"\0" + md5(data, usedforsecurity=False).digest()
