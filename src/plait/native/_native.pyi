# What the C extension offers; the twins in plait.native.pure document it.

from collections.abc import Iterator, Sequence

from plait.native.pure.content import Flag
from plait.native.pure.copy_files import Outcome
from plait.native.pure.fastcdc import Bytes
from plait.native.pure.scan import Scan

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
def md5_parts(descriptor: int, size: int, part_size: int, cancel: Flag | None, /) -> tuple[bytes, int]: ...
def scan(directory: int, /) -> Scan: ...
def scan_pages(directory: int, rows: int, /) -> Iterator[Scan]: ...
def wal_checksum(data: Bytes, big_endian: bool, seed: tuple[int, int], /) -> tuple[int, int]: ...
