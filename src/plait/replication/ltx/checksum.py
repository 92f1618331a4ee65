"""CRC-64 as LTX uses it: ISO 3309 in the flavour of Go's library, with the highest bit set to tell it from none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

FLAG: Final = 1 << 63
"""Set in every checksum that is stored; 0 stands for none."""

NOTHING: Final = 0
"""The CRC of no bytes: what a chain starts from."""


def crc(data: bytes, before: int = NOTHING) -> int:
    """The CRC of `data` behind bytes whose CRC is `before`."""
    import fastcrc

    return fastcrc.crc64.go_iso(data, before)


def page_checksum(number: int, data: bytes) -> int:
    """The checksum of one page of a database: of its number and its bytes."""
    return crc(data, crc(number.to_bytes(4, "big"))) | FLAG


def database_checksum(pages: Iterable[tuple[int, bytes]]) -> int:
    """The checksum of a database of these pages (number, bytes); the lock page is none."""
    result = FLAG
    for number, data in pages:
        result ^= page_checksum(number, data)
        result |= FLAG
    return result
