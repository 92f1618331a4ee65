"""MessagePack items as Go's library writes them, and a tolerant reading of any (format, section 2.2).

Only items: which of them make up a struct is the subject of `wire`. Reading works on a `bytes` and a position, gives
the value and the position behind it, and raises IntegrityError where the bytes end early or are another kind of item.
"""

from __future__ import annotations

import struct
from typing import Final

from plait.model.errors import IntegrityError

_U8: Final = struct.Struct(">B")
_U16: Final = struct.Struct(">H")
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")
_I8: Final = struct.Struct(">b")
_I16: Final = struct.Struct(">h")
_I32: Final = struct.Struct(">i")
_I64: Final = struct.Struct(">q")
_F32: Final = struct.Struct(">f")
_F64: Final = struct.Struct(">d")

_NUMBERS: Final = {
    0xCA: _F32, 0xCB: _F64, 0xCC: _U8, 0xCD: _U16, 0xCE: _U32, 0xCF: _U64,
    0xD0: _I8, 0xD1: _I16, 0xD2: _I32, 0xD3: _I64,
}  # fmt: skip
_BYTES: Final = {0xC4: _U8, 0xC5: _U16, 0xC6: _U32, 0xD9: _U8, 0xDA: _U16, 0xDB: _U32}
_EXTENSIONS: Final = {0xC7: _U8, 0xC8: _U16, 0xC9: _U32}
_ARRAYS: Final = {0xDC: _U16, 0xDD: _U32}
_MAPS: Final = {0xDE: _U16, 0xDF: _U32}
_TIMESTAMP: Final = 0xFF

NIL: Final = b"\xc0"
_NIL: Final = 0xC0
_BILLION: Final = 1_000_000_000

ZERO_TIME: Final = -62_135_596_800 * _BILLION
"""Go's time.Time{} in nanoseconds since the epoch: the first second of the year 1."""


def pack_int(value: int) -> bytes:
    """The smallest form, as Go's plain `int` gets; non-negative numbers take the unsigned codes."""
    if -32 <= value < 128:
        return _U8.pack(value & 0xFF)
    if value >= 0:
        codes: tuple[tuple[int, struct.Struct], ...] = ((0xCC, _U8), (0xCD, _U16), (0xCE, _U32), (0xCF, _U64))
    else:
        codes = ((0xD0, _I8), (0xD1, _I16), (0xD2, _I32), (0xD3, _I64))
    for code, form in codes[:-1]:
        bits = form.size * 8 - (value < 0)
        if -(1 << bits) <= value < 1 << bits:
            return _U8.pack(code) + form.pack(value)
    code, form = codes[-1]
    return _U8.pack(code) + form.pack(value)


def pack_text(value: str) -> bytes:
    """A string; lone surrogates stand for the bytes that are not UTF-8, as in file names."""
    return pack_raw(value.encode("utf-8", "surrogateescape"))


def pack_raw(raw: bytes) -> bytes:
    """A string, from its bytes."""
    size = len(raw)
    if size < 32:
        return _U8.pack(0xA0 | size) + raw
    return _sized(raw, (0xD9, 0xDA, 0xDB))


def pack_bytes(value: bytes) -> bytes:
    """A binary."""
    return _sized(value, (0xC4, 0xC5, 0xC6))


def _sized(raw: bytes, codes: tuple[int, int, int]) -> bytes:
    size = len(raw)
    if size < 1 << 8:
        return bytes((codes[0], size)) + raw
    if size < 1 << 16:
        return _U8.pack(codes[1]) + _U16.pack(size) + raw
    return _U8.pack(codes[2]) + _U32.pack(size) + raw


def pack_array_size(size: int) -> bytes:
    """The beginning of an array."""
    return _counted(size, 0x90, 0xDC)


def pack_map_size(size: int) -> bytes:
    """The beginning of a map of so many pairs."""
    return _counted(size, 0x80, 0xDE)


def _counted(size: int, short: int, long: int) -> bytes:
    if size < 16:
        return _U8.pack(short | size)
    if size < 1 << 16:
        return _U8.pack(long) + _U16.pack(size)
    return _U8.pack(long + 1) + _U32.pack(size)


def pack_time(nanoseconds: int) -> bytes:
    """A timestamp in its shortest form, from nanoseconds since the epoch."""
    seconds, rest = divmod(nanoseconds, _BILLION)
    if 0 <= seconds < 1 << 34:
        if rest == 0 and seconds < 1 << 32:
            return b"\xd6\xff" + _U32.pack(seconds)
        return b"\xd7\xff" + _U64.pack(rest << 34 | seconds)
    return b"\xc7\x0c\xff" + _U32.pack(rest) + _I64.pack(seconds)


def is_nil(data: bytes, position: int) -> bool:
    """Whether the next item is nil."""
    return position < len(data) and data[position] == _NIL


def read_int(data: bytes, position: int) -> tuple[int, int]:
    """An integer of any width; nil is 0."""
    code = _code(data, position)
    if code < 0x80:
        return code, position + 1
    if code >= 0xE0:
        return code - 0x100, position + 1
    if code == _NIL:
        return 0, position + 1
    form = _NUMBERS.get(code)
    if form is None or code < 0xCC:
        raise IntegrityError(f"an integer was expected at byte {position}")
    return _unpack(form, data, position + 1)


def read_float(data: bytes, position: int) -> tuple[float, int]:
    """A float of either width, or an integer; nil is 0."""
    code = _code(data, position)
    if code in {0xCA, 0xCB}:
        value, position = _unpack(_NUMBERS[code], data, position + 1)
        return float(value), position
    number, position = read_int(data, position)
    return float(number), position


def read_bool(data: bytes, position: int) -> tuple[bool, int]:
    """A truth value; nil is False."""
    code = _code(data, position)
    if code not in {_NIL, 0xC2, 0xC3}:
        raise IntegrityError(f"a truth value was expected at byte {position}")
    return code == 0xC3, position + 1


def read_bytes(data: bytes, position: int) -> tuple[bytes, int]:
    """A binary or the bytes of a string; nil is empty."""
    code = _code(data, position)
    if 0xA0 <= code < 0xC0:
        size, start = code & 0x1F, position + 1
    elif code == _NIL:
        return b"", position + 1
    elif code in _BYTES:
        size, start = _unpack(_BYTES[code], data, position + 1)
    else:
        raise IntegrityError(f"a string or binary was expected at byte {position}")
    end = start + size
    if end > len(data):
        raise IntegrityError(f"the string at byte {position} is cut short")
    return data[start:end], end


def read_text(data: bytes, position: int) -> tuple[str, int]:
    """A string, or a binary taken as one; bytes that are not UTF-8 become lone surrogates; nil is empty."""
    if position < len(data) and 0xA0 <= data[position] < 0xC0:
        # By far the most frequent: shorter than 32 bytes.
        start = position + 1
        end = start + (data[position] & 0x1F)
        if end <= len(data):
            return data[start:end].decode("utf-8", "surrogateescape"), end
    raw, position = read_bytes(data, position)
    return raw.decode("utf-8", "surrogateescape"), position


def read_time(data: bytes, position: int) -> tuple[int, int]:
    """A timestamp as nanoseconds since the epoch; nil is Go's zero time."""
    if is_nil(data, position):
        return ZERO_TIME, position + 1
    kind, start, end = _extension(data, position)
    if kind != _TIMESTAMP or end - start not in {4, 8, 12}:
        raise IntegrityError(f"a timestamp was expected at byte {position}")
    if end - start == 4:
        return _U32.unpack_from(data, start)[0] * _BILLION, end
    if end - start == 8:
        both = _U64.unpack_from(data, start)[0]
        return (both & (1 << 34) - 1) * _BILLION + (both >> 34), end
    return _I64.unpack_from(data, start + 4)[0] * _BILLION + _U32.unpack_from(data, start)[0], end


def read_array_size(data: bytes, position: int, least: int) -> tuple[int, int]:
    """The number of items of an array, each of which takes at least `least` bytes; nil is not accepted.

    A number that the bytes left cannot hold raises IntegrityError, so that memory may be taken for it.
    """
    code = _code(data, position)
    if 0x90 <= code < 0xA0:
        size, position = code & 0x0F, position + 1
    elif code in _ARRAYS:
        size, position = _unpack(_ARRAYS[code], data, position + 1)
    else:
        raise IntegrityError(f"an array was expected at byte {position}")
    if size * least > len(data) - position:
        raise IntegrityError(f"an array of {size} items does not fit in {len(data) - position} bytes")
    return size, position


def read_map_size(data: bytes, position: int) -> tuple[int, int]:
    """The number of pairs of a map, bounded as in `read_array_size`."""
    code = _code(data, position)
    if 0x80 <= code < 0x90:
        size, position = code & 0x0F, position + 1
    elif code in _MAPS:
        size, position = _unpack(_MAPS[code], data, position + 1)
    else:
        raise IntegrityError(f"a map was expected at byte {position}")
    if size * 2 > len(data) - position:
        raise IntegrityError(f"a map of {size} pairs does not fit in {len(data) - position} bytes")
    return size, position


def skip(data: bytes, position: int) -> int:
    """The position behind an item of any kind and depth."""
    pending = 1
    while pending:
        pending -= 1
        code = _code(data, position)
        if 0x80 <= code < 0x90 or code in _MAPS:
            size, position = read_map_size(data, position)
            pending += 2 * size
        elif 0x90 <= code < 0xA0 or code in _ARRAYS:
            size, position = read_array_size(data, position, 1)
            pending += size
        elif 0xA0 <= code < 0xC0 or code in _BYTES:
            _, position = read_bytes(data, position)
        elif code in _NUMBERS:
            _, position = _unpack(_NUMBERS[code], data, position + 1)
        elif code in _EXTENSIONS or 0xD4 <= code <= 0xD8:
            _, _, position = _extension(data, position)
        elif code == 0xC1:
            raise IntegrityError(f"byte {position} begins no item")
        else:
            position += 1
        if pending > len(data) - position:
            raise IntegrityError("the items are cut short")
    return position


def _code(data: bytes, position: int) -> int:
    if position >= len(data):
        raise IntegrityError("the items are cut short")
    return data[position]


def _unpack(form: struct.Struct, data: bytes, position: int) -> tuple[int, int]:
    end = position + form.size
    if end > len(data):
        raise IntegrityError("the items are cut short")
    return form.unpack_from(data, position)[0], end


def _extension(data: bytes, position: int) -> tuple[int, int, int]:
    """Type code, beginning and end of the content of an extension."""
    code = _code(data, position)
    if 0xD4 <= code <= 0xD8:
        size, start = 1 << code - 0xD4, position + 1
    elif code in _EXTENSIONS:
        size, start = _unpack(_EXTENSIONS[code], data, position + 1)
    else:
        raise IntegrityError(f"an extension was expected at byte {position}")
    end = start + 1 + size
    if end > len(data):
        raise IntegrityError(f"the extension at byte {position} is cut short")
    return data[start], start + 1, end
