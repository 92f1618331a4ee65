"""One page in an LTX file: its number, its form, and its bytes, compressed.

    number (4) | flags (2) | length (4, block form only) | payload

The block form is what Litestream 0.5.17 writes: a raw LZ4 block of the length before it. In the frame form, which
earlier releases wrote, the payload is one LZ4 frame, whose own marks say where it ends. Six zero bytes end the
pages.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError

if TYPE_CHECKING:
    from plait.replication.ltx.source import Source

PAGE_HEADER_SIZE: Final = 6
END_OF_PAGES: Final = bytes(PAGE_HEADER_SIZE)

_PAGE_HEADER: Final = struct.Struct(">IH")
_LENGTH: Final = struct.Struct(">I")
_BLOCK_HEAD: Final = struct.Struct(">IHI")
_HAS_LENGTH: Final = 0x1

_LZ4_MAGIC: Final = 0x184D2204
_LZ4_STORED: Final = 1 << 31
"""In the length of an LZ4 frame's block: its bytes stand as they are."""


class Form(Enum):
    """How the payload of a page stands in a file."""

    BLOCK = "block"
    FRAME = "frame"


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A page as it was read.

    `head` are the bytes before the payload, which the checksum of the file covers; `size` is what the page takes in
    the file.
    """

    number: int
    data: bytes
    head: bytes
    size: int


def greatest_block(page_size: int) -> int:
    """The most bytes that a page may have as an LZ4 block."""
    return page_size + page_size // 255 + 16


def encode_frame(number: int, data: bytes, form: Form = Form.BLOCK) -> tuple[bytes, bytes]:
    """The head and the payload of a page."""
    if form is Form.FRAME:
        import lz4.frame

        return _PAGE_HEADER.pack(number, 0), lz4.frame.compress(
            data, block_linked=False, content_checksum=True, store_size=False
        )
    import lz4.block

    payload = lz4.block.compress(data, store_size=False)
    return _PAGE_HEADER.pack(number, _HAS_LENGTH) + _LENGTH.pack(len(payload)), payload


def read_frame(source: Source, page_size: int) -> Frame | None:
    """The next page; None where the pages end. Raises IntegrityError where it is malformed."""
    begin = source.position
    head = source.exactly(PAGE_HEADER_SIZE)
    if head == END_OF_PAGES:
        return None
    number, flags = _PAGE_HEADER.unpack(head)
    if number == 0:
        raise IntegrityError("a page has the number 0")
    if flags == _HAS_LENGTH:
        length = source.exactly(_LENGTH.size)
        size = int.from_bytes(length, "big")
        data = _read_block(source, size, page_size, number)
        return Frame(number, data, head + length, source.position - begin)
    if flags == 0:
        data = _read_lz4_frame(source, page_size, number)
        return Frame(number, data, head, source.position - begin)
    raise IntegrityError(f"page {number} has a form that is not known: flags {flags:#x}")


def take_blocks(source: Source, page_size: int, most: int) -> list[Frame]:
    """Up to `most` pages in the block form that are held whole already; the same as `read_frame` gives, at a third of
    its cost. The list ends before a page of any other kind, and before one that is malformed, which `read_frame` names.
    """
    import lz4.block

    held, first = source.held()
    unpack, decompress, bound = _BLOCK_HEAD.unpack_from, lz4.block.decompress, greatest_block(page_size)
    frames: list[Frame] = []
    position, end = first, len(held)
    while end - position >= _BLOCK_HEAD.size and len(frames) < most:
        number, flags, size = unpack(held, position)
        start = position + _BLOCK_HEAD.size
        if number == 0 or flags != _HAS_LENGTH or not 0 < size <= bound or start + size > end:
            break
        try:
            data = decompress(held[start : start + size], page_size)
        except lz4.block.LZ4BlockError:
            break
        if len(data) != page_size:
            break
        frames.append(Frame(number, data, held[position:start], start + size - position))
        position = start + size
    source.skip(position - first)
    return frames


def _read_block(source: Source, length: int, page_size: int, number: int) -> bytes:
    import lz4.block

    if not 0 < length <= greatest_block(page_size):
        raise IntegrityError(f"page {number} has an impossible length: {length}")
    payload = source.exactly(length)
    try:
        data: bytes = lz4.block.decompress(payload, uncompressed_size=page_size)
    except lz4.block.LZ4BlockError as error:
        raise IntegrityError(f"page {number} does not decompress") from error
    return _of_size(data, page_size, number)


def _read_lz4_frame(source: Source, page_size: int, number: int) -> bytes:
    import lz4.frame

    payload = _take_lz4_frame(source, page_size, number)
    decompressor = lz4.frame.LZ4FrameDecompressor()
    try:
        # One byte more than a page shows a frame that holds too much, without inflating the rest of it.
        data: bytes = decompressor.decompress(payload, max_length=page_size + 1)
    except RuntimeError as error:
        raise IntegrityError(f"page {number} does not decompress") from error
    _of_size(data, page_size, number)
    if not decompressor.eof:
        raise IntegrityError(f"page {number} is not a whole LZ4 frame")
    return data


def _take_lz4_frame(source: Source, page_size: int, number: int) -> bytes:
    """The bytes of one LZ4 frame, found by its own lengths. Source: the LZ4 frame format, version 1.6.2."""
    head = source.exactly(6)
    magic, flags = struct.unpack_from("<IB", head)
    if magic != _LZ4_MAGIC:
        raise IntegrityError(f"page {number} is no LZ4 frame")
    has_block_checksum, has_size, has_checksum, has_dictionary = (flags & bit for bit in (0x10, 0x08, 0x04, 0x01))
    parts = [head, source.exactly((8 if has_size else 0) + (4 if has_dictionary else 0) + 1)]
    left = 2 * greatest_block(page_size)
    while True:
        length = source.exactly(4)
        parts.append(length)
        (size,) = struct.unpack("<I", length)
        if size == 0:
            break
        size = (size & ~_LZ4_STORED) + (4 if has_block_checksum else 0)
        left -= size + len(length)
        if left < 0:
            raise IntegrityError(f"page {number} has an impossible length")
        parts.append(source.exactly(size))
    if has_checksum:
        parts.append(source.exactly(4))
    return b"".join(parts)


def _of_size(data: bytes, page_size: int, number: int) -> bytes:
    if len(data) != page_size:
        raise IntegrityError(f"page {number} does not have the size of a page: {len(data)} instead of {page_size}")
    return data
