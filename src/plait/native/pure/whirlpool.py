"""The compression function of Whirlpool (ISO/IEC 10118-3; Barreto and Rijmen, 2003)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from plait.native.pure.fastcdc import Bytes

_BLOCK: Final = 64
_ROUNDS: Final = 10
_ROW: Final = 8
_POLYNOMIAL: Final = 0x11D
_DIFFUSION: Final = (1, 1, 4, 1, 8, 5, 2, 9)
_E: Final = (0x1, 0xB, 0x9, 0xC, 0xD, 0x6, 0xF, 0x3, 0xE, 0x8, 0x7, 0x4, 0xA, 0x2, 0x5, 0x0)
_R: Final = (0x7, 0xC, 0xB, 0xD, 0xE, 0x4, 0x9, 0xF, 0x6, 0x3, 0x8, 0xA, 0x2, 0x5, 0x1, 0x0)
_ROWS = tuple[int, ...]


@cache
def _substitution() -> bytes:
    """The S-box, from its three small ones."""
    inverse = [_E.index(value) for value in range(16)]
    found = bytearray()
    for value in range(256):
        left, right = _E[value >> 4], inverse[value & 15]
        middle = _R[left ^ right]
        found.append(_E[left ^ middle] << 4 | inverse[right ^ middle])
    return bytes(found)


def _times(value: int, factor: int) -> int:
    """The product in the field of 256 elements."""
    product = 0
    while factor:
        if factor & 1:
            product ^= value
        value <<= 1
        if value > 0xFF:
            value ^= _POLYNOMIAL
        factor >>= 1
    return product


@cache
def _tables() -> tuple[_ROWS, ...]:
    """What a byte in each of the eight columns adds to a row: substitution and diffusion in one."""
    first = [int.from_bytes(bytes(_times(value, factor) for factor in _DIFFUSION)) for value in _substitution()]
    return tuple(
        tuple((row >> 8 * column | row << 64 - 8 * column) & (1 << 64) - 1 for row in first) for column in range(_ROW)
    )


@cache
def _constants() -> _ROWS:
    """What each round adds to the first row of its key."""
    box = _substitution()
    return tuple(int.from_bytes(box[_ROW * number : _ROW * (number + 1)]) for number in range(_ROUNDS))


def _mixed(rows: _ROWS, added: _ROWS) -> _ROWS:
    """Substitution, shifted columns and diffusion of all rows, and then the addition of a key."""
    t0, t1, t2, t3, t4, t5, t6, t7 = _tables()
    return tuple(
        t0[rows[row] >> 56]
        ^ t1[rows[row - 1] >> 48 & 0xFF]
        ^ t2[rows[row - 2] >> 40 & 0xFF]
        ^ t3[rows[row - 3] >> 32 & 0xFF]
        ^ t4[rows[row - 4] >> 24 & 0xFF]
        ^ t5[rows[row - 5] >> 16 & 0xFF]
        ^ t6[rows[row - 6] >> 8 & 0xFF]
        ^ t7[rows[row - 7] & 0xFF]
        ^ added[row]
        for row in range(_ROW)
    )


def whirlpool(chain: Bytes, data: Bytes, /) -> bytes:
    """The state of a hash, 64 bytes, that goes on from the state `chain` over the blocks of `data`.

    Raises ValueError where `chain` is not 64 bytes, or `data` not whole blocks of 64.
    """
    blocks = bytes(data)
    if len(bytes(chain)) != _BLOCK or len(blocks) % _BLOCK:
        raise ValueError("a state and blocks have 64 bytes each")
    rows = _rows_of(bytes(chain))
    for start in range(0, len(blocks), _BLOCK):
        rows = _compressed(rows, _rows_of(blocks[start : start + _BLOCK]))
    return b"".join(row.to_bytes(_ROW) for row in rows)


def _rows_of(block: bytes) -> _ROWS:
    return tuple(int.from_bytes(block[start : start + _ROW]) for start in range(0, _BLOCK, _ROW))


def _compressed(chain: _ROWS, message: _ROWS) -> _ROWS:
    key = chain
    state: _ROWS = tuple(a ^ b for a, b in zip(message, key, strict=True))
    for constant in _constants():
        key = _mixed(key, (constant, 0, 0, 0, 0, 0, 0, 0))
        state = _mixed(state, key)
    return tuple(a ^ b ^ c for a, b, c in zip(state, message, chain, strict=True))
