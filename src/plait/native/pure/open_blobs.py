"""Opening blobs of a repository, one or many: through `lz4`, `blake3`, and OpenSSL as in `gcm_siv`."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from plait.native.pure.gcm_siv import open_stream

if TYPE_CHECKING:
    from plait.native.pure.fastcdc import Bytes

DAMAGED: Final = -1
NO_ROOM: Final = -2
VERIFIED: Final = 1024
"""Bytes inside of a blob up to which it is verified."""
_SPAN: Final = 3 * 8
_MAC: Final = 32
_EXPANSION: Final = 255
"""What LZ4 makes of a byte at most."""


def open_blobs(  # noqa: PLR0917  (positional in C)
    key: Bytes | None,
    record_size: int,
    compressed: bool,  # noqa: FBT001  (positional in C)
    stored: Bytes,
    spans: Bytes,
    place: bytearray | memoryview,
    secret: Bytes | None,
    identifiers: Bytes,
    /,
) -> bytes:
    """Decrypts and decompresses blobs into `place`, each where the one before it ended, and verifies small ones.

    `key`, `record_size`: as `open_stream` takes them; None where nothing is encrypted. `compressed`: they are LZ4
    frames. `spans`: of each blob three uint64, its offset in `stored`, its length there, and how long it may be inside.
    `secret`: the key of 32 bytes with which `identifiers`, 32 bytes for each blob, are BLAKE3s of what is inside; those
    of at most 1,024 bytes are verified, the others are not. None: none is.

    Returns an int64 for each: how long it is inside; -1 where it is damaged, longer, or not all there; -2 where there
    is no room for it any more, and for all after it. (What would not have fitted may be damaged, too.) The bytes behind
    the last of them may have changed.

    Raises ValueError where the lengths of the arguments cannot be.
    """
    import blake3

    _refuse_key(key, record_size)
    raw = bytes(spans)
    if len(raw) % _SPAN:
        raise ValueError("spans hold three uint64 for each blob")
    macs = bytes(identifiers)
    if secret is not None and (len(secret) != _MAC or len(macs) != len(raw) // _SPAN * _MAC):
        raise ValueError("the secret has 32 bytes, and so has each identifier")
    numbers = array("Q", raw)
    view, target = memoryview(stored), memoryview(place)
    lengths = array("q")
    at = 0
    full = False
    for index, (offset, length, limit) in enumerate(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)):
        outcome = NO_ROOM
        if not full:
            outcome = DAMAGED
            if offset + length <= len(view):
                blob = view[offset : offset + length]
                outcome = _open_one(key, record_size, blob, target[at:], limit, compressed=compressed)
            full = outcome == NO_ROOM
            if secret is not None and 0 <= outcome <= VERIFIED:
                expected = macs[_MAC * index : _MAC * (index + 1)]
                if blake3.blake3(target[at : at + outcome], key=bytes(secret)).digest() != expected:
                    outcome = DAMAGED
        lengths.append(outcome)
        at += max(outcome, 0)
    return lengths.tobytes()


def open_blob(
    key: Bytes | None,
    record_size: int,
    compressed: bool,  # noqa: FBT001  (positional in C)
    stored: Bytes,
    limit: int,
    /,
) -> bytes | None:
    """Decrypts and decompresses one blob, as `open_blobs`; None where it is damaged, or longer than `limit` inside.

    Raises ValueError where the lengths of the arguments cannot be.
    """
    _refuse_key(key, record_size)
    if limit < 0:
        raise ValueError("a limit cannot be negative")
    stream = _decrypted(key, record_size, memoryview(stored))
    if stream is None:
        return None
    plain = _decompressed(stream, limit) if compressed else bytes(stream)
    return None if plain is None or len(plain) > limit else plain


def _refuse_key(key: Bytes | None, record_size: int) -> None:
    if key is not None and (len(key) != 32 or record_size < 1):
        raise ValueError("the key has to have 32 bytes, and records some")


def _open_one(
    key: Bytes | None, record_size: int, blob: memoryview, target: memoryview, limit: int, *, compressed: bool
) -> int:
    stream = _decrypted(key, record_size, blob)
    if stream is None:
        return DAMAGED
    longest = min(_EXPANSION * len(stream) if compressed else len(stream), limit)
    trouble = DAMAGED if longest <= len(target) else NO_ROOM
    plain = _decompressed(stream, longest) if compressed else stream
    if plain is None or len(plain) > min(longest, len(target)):
        return trouble
    target[: len(plain)] = plain
    return len(plain)


def _decrypted(key: Bytes | None, record_size: int, blob: memoryview) -> memoryview | None:
    try:
        return blob if key is None else memoryview(open_stream(key, blob, record_size))
    except ValueError:
        return None


def _decompressed(frame: memoryview, longest: int) -> bytes | None:
    import lz4.frame

    decompressor = lz4.frame.LZ4FrameDecompressor()
    try:
        plain: bytes = decompressor.decompress(frame, max_length=longest + 1)
    except RuntimeError:
        # The library has no type of its own for a damaged frame.
        return None
    return plain if decompressor.eof and not decompressor.unused_data else None
