# What the C extension offers; the twins in plait.native.pure document it.

from collections.abc import Iterator, Sequence

from plait.native.pure.content import Flag
from plait.native.pure.copy_files import Outcome
from plait.native.pure.fastcdc import Bytes
from plait.native.pure.scan import Scan
from plait.native.pure.write_file import Numbers

SEALS: int

def allocate(descriptor: int, size: int, /) -> bool: ...
def copy_files(
    source: int,
    destination: int,
    names: Sequence[bytes],
    partials: Sequence[bytes],
    expected: Flag,
    options: int,
    mode: int,
    cancel: Flag | None,
    /,
) -> list[Outcome]: ...
def copy_range(source: int, destination: int, offset: int, length: int, sparse: bool, /) -> int: ...
def cut_points(
    data: Bytes, gear: bytes, sizes: tuple[int, int, int], masks: tuple[int, int], final: bool, /
) -> list[int]: ...
def entropy(data: Bytes, /) -> float: ...
def md5_each_part(descriptor: int, offset: int, size: int, part_size: int, cancel: Flag | None, /) -> bytes | None: ...
def md5_parts(descriptor: int, size: int, part_size: int, cancel: Flag | None, /) -> tuple[bytes, int]: ...
def open_blobs(
    key: Bytes | None,
    record_size: int,
    compressed: bool,
    stored: Bytes,
    spans: Bytes,
    place: bytearray | memoryview,
    /,
) -> bytes: ...
def open_stream(key: Bytes, stream: Bytes, record_size: int, /) -> bytes: ...
def scan(directory: int, /) -> Scan: ...
def scan_below(directory: int, names: Sequence[bytes], most: int, /) -> list[tuple[int, Scan] | None]: ...
def scan_pages(directory: int, rows: int, /) -> Iterator[Scan]: ...
def seal_stream(key: Bytes, secret: Bytes, plain: Bytes, record_size: int, /) -> bytes: ...
def tree_shape(ranks: Bytes, order: int, /) -> list[bytes]: ...
def wal_checksum(data: Bytes, big_endian: bool, seed: tuple[int, int], /) -> tuple[int, int]: ...
def whirlpool(chain: Bytes, data: Bytes, /) -> bytes: ...
def write_file(
    root: int,
    parents: Sequence[bytes],
    names: tuple[bytes, bytes],
    data: Bytes,
    mode: int,
    modified: int | None,
    /,
) -> Numbers | None: ...
def write_files(
    directory: int, names: Sequence[bytes], partials: Sequence[bytes], data: Bytes, rows: Bytes, /
) -> bytes: ...
