"""Renaming many files from one directory to names in another that are free."""

from __future__ import annotations

import os
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING

from plait.native.pure.same_files import File, is_expected
from plait.native.pure.scan import refuse_negative, refuse_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.native.pure.content import Flag

_EXPECTED = Struct("=5q")


def rename_files(
    source: int, destination: int, names: Sequence[bytes], new_names: Sequence[bytes], expected: Flag, /
) -> bytes:
    """Renames the files `names` of the directory open as `source` to `new_names` in the one open as `destination`.

    `expected` holds five native int64 for each name: size in bytes, modification and change time in ns, inode, device,
    as `scan` gives them.

    Returns a byte for each name: 1 where the file has its new name, 0 where nothing was done, because it is not the
    expected one any more, the new name is taken, or the system refused. Links are not followed. Raises ValueError for
    names that are empty, `.`, `..` or hold `/` or NUL, for negative descriptors and for lengths that do not fit.
    """
    names, new_names = tuple(names), tuple(new_names)
    refuse_negative(source, destination)
    refuse_paths(names)
    refuse_paths(new_names)
    if len(new_names) != len(names) or len(expected) != len(names) * _EXPECTED.size:
        raise ValueError("there are one new name and five int64 of expected for each name")
    rows = zip(names, new_names, _EXPECTED.iter_unpack(expected), strict=True)
    return bytes(_rename(source, name, destination, new_name, File(*row)) for name, new_name, row in rows)


def _rename(source: int, name: bytes, destination: int, new_name: bytes, expected: File) -> bool:
    with suppress(OSError):
        if is_expected(os.stat(name, dir_fd=source, follow_symlinks=False), expected):
            os.link(name, new_name, src_dir_fd=source, dst_dir_fd=destination, follow_symlinks=False)
            try:
                os.unlink(name, dir_fd=source)
            except OSError:
                os.unlink(new_name, dir_fd=destination)
                return False
            return True
    return False
