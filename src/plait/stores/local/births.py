"""When a file was made: what Linux tells through `statx` only (man 2 statx)."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_EMPTY_PATH: Final = 0x1000
_BIRTH: Final = 0x800
_SIZE: Final = 256
_MASK_AT, _SECONDS_AT, _NANOSECONDS_AT = 0, 80, 88


def birth_of(descriptor: int) -> int | None:
    """When an open file was made, in nanoseconds since the epoch; None where system or file system do not say."""
    statx = _statx()
    if statx is None:
        return None
    buffer = bytearray(_SIZE)
    import ctypes

    held = (ctypes.c_char * _SIZE).from_buffer(buffer)
    if statx(descriptor, b"", _EMPTY_PATH, _BIRTH, held) != 0:
        return None
    if not int.from_bytes(buffer[_MASK_AT : _MASK_AT + 4], sys.byteorder) & _BIRTH:
        return None
    seconds = int.from_bytes(buffer[_SECONDS_AT : _SECONDS_AT + 8], sys.byteorder, signed=True)
    return seconds * 10**9 + int.from_bytes(buffer[_NANOSECONDS_AT : _NANOSECONDS_AT + 4], sys.byteorder)


@cache
def _statx() -> Callable[..., Any] | None:
    if sys.platform != "linux":
        return None
    import ctypes

    found: Callable[..., Any] | None = getattr(ctypes.CDLL(None), "statx", None)
    return found
