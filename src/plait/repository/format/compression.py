"""Compressed streams: LZ4 frames and GZIP (format, section 6)."""

from __future__ import annotations

from enum import Enum
from functools import cache, partial
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import IntegrityError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lz4.frame import LZ4FrameDecompressor

_BOUNDED_STREAM: Final = 64 << 10
"""Bytes of an LZ4 stream that cannot hold more than 16 MiB, whatever they say: LZ4 expands by 255 at most."""


class Compression(Enum):
    """The algorithms that every version of the format reads."""

    LZ4 = "LZ4"
    GZIP = "GZIP"

    @classmethod
    def named(cls, algorithm: str) -> Compression:
        """The algorithm of this name. Raises NotSupportedError."""
        try:
            return cls(algorithm)
        except ValueError:
            raise NotSupportedError(f"the repository's compression is not known: {algorithm}") from None


def compress(compression: Compression, plain: bytes) -> bytes:
    """The compressed stream, all of it in one go: the first block of a state has to hold its first 32 bytes."""
    if compression is Compression.LZ4:
        return _lz4().compress(plain)
    import gzip

    return gzip.compress(plain, compresslevel=6, mtime=0)


class _Library(NamedTuple):
    """What is used of `lz4`: looked up once, as an import statement costs as much as a small stream does."""

    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], tuple[bytes, int]]
    decompressor: type[LZ4FrameDecompressor]


@cache
def _lz4() -> _Library:
    import lz4.frame

    compress = partial(
        lz4.frame.compress,
        block_size=lz4.frame.BLOCKSIZE_MAX4MB,
        block_linked=False,
        content_checksum=True,
        store_size=False,
    )
    decompress = partial(lz4.frame.decompress, return_bytes_read=True)
    return _Library(compress, decompress, lz4.frame.LZ4FrameDecompressor)


def decompress(compression: Compression, stream: bytes, limit: int) -> bytes:
    """The plaintext of a stream.

    Raises IntegrityError where it is damaged, cut short, followed by anything, or longer than `limit` bytes inside.
    """
    if compression is Compression.LZ4:
        plain, rest = _decompress_lz4(stream, limit)
    else:
        plain, rest = _decompress_gzip(stream, limit)
    if len(plain) > limit:
        raise IntegrityError(f"a compressed stream holds more than {limit} bytes")
    if rest:
        raise IntegrityError("bytes follow the end of a compressed stream")
    return plain


def _decompress_lz4(stream: bytes, limit: int) -> tuple[bytes, bytes]:
    library = _lz4()
    if len(stream) <= _BOUNDED_STREAM:
        try:
            whole, taken = library.decompress(stream)
        except RuntimeError:
            raise IntegrityError("a compressed stream is damaged") from None
        return whole, stream[taken:]
    decompressor = library.decompressor()
    try:
        plain: bytes = decompressor.decompress(stream, max_length=limit + 1)
    except RuntimeError:
        # The library has no type of its own for a damaged frame.
        raise IntegrityError("a compressed stream is damaged") from None
    if not decompressor.eof and len(plain) <= limit:
        raise IntegrityError("a compressed stream is cut short")
    return plain, decompressor.unused_data or b""


def _decompress_gzip(stream: bytes, limit: int) -> tuple[bytes, bytes]:
    import zlib

    decompressor = zlib.decompressobj(wbits=31)
    try:
        plain = decompressor.decompress(stream, limit + 1)
    except zlib.error:
        raise IntegrityError("a compressed stream is damaged") from None
    if not decompressor.eof and len(plain) <= limit:
        raise IntegrityError("a compressed stream is cut short")
    return plain, decompressor.unused_data
