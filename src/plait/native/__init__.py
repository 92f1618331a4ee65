"""The few loops that pay in C, and the same in Python: reading directories, copying files, cutting content into
chunks, the checksum of a write-ahead log, the MD5s of a file and its parts, the shape of a B-tree, a hash that no
library has (Whirlpool), the encryption of a repository, of which OpenSSL has a slow form only, and
the way of small blobs from a packfile to files.

The C extension `plait.native._native` is optional when the package is built; where it is missing, or was made for
another system, `plait.native.pure` does the same with the same results. `IMPLEMENTATION` says which one runs: `"c"` or
`"python"`. The functions of both are documented in `plait.native.pure`. Those in C do their work without the GIL, so
that several threads may work at once, each on directories of its own. The descriptors of directories are only used to
find names below them: their offset neither matters nor moves.

The numbers that `copy_files` takes and gives are in `plait.native.stages`.

Imports nothing else of Plait.
"""

from typing import Literal

from plait.native.results import Outcome, Scan

IMPLEMENTATION: Literal["c", "python"]

try:
    from plait.native._native import (
        SEALS,
        allocate,
        copy_files,
        copy_range,
        count_prefixes,
        cut_points,
        entropy,
        exchange,
        find_records,
        location_records,
        locations,
        md5_each_part,
        md5_files,
        md5_parts,
        open_blob,
        open_blobs,
        open_stream,
        read_file,
        read_files,
        rename_files,
        same_files,
        scan,
        scan_below,
        scan_pages,
        seal_stream,
        sort_records,
        tree_shape,
        wal_checksum,
        whirlpool,
        write_file,
        write_files,
    )
except ImportError:
    from plait.native.pure import (
        allocate,
        copy_files,
        copy_range,
        count_prefixes,
        cut_points,
        entropy,
        exchange,
        find_records,
        location_records,
        locations,
        md5_each_part,
        md5_files,
        md5_parts,
        open_blob,
        open_blobs,
        open_stream,
        read_file,
        read_files,
        rename_files,
        same_files,
        scan,
        scan_below,
        scan_pages,
        seal_stream,
        sort_records,
        tree_shape,
        wal_checksum,
        whirlpool,
        write_file,
        write_files,
    )

    IMPLEMENTATION = "python"
else:
    IMPLEMENTATION = "c"
    if not SEALS:
        # The processor has no instructions for it.
        from plait.native.pure import open_blob, open_blobs, open_stream, seal_stream

__all__ = [
    "IMPLEMENTATION",
    "Outcome",
    "Scan",
    "allocate",
    "copy_files",
    "copy_range",
    "count_prefixes",
    "cut_points",
    "entropy",
    "exchange",
    "find_records",
    "location_records",
    "locations",
    "md5_each_part",
    "md5_files",
    "md5_parts",
    "open_blob",
    "open_blobs",
    "open_stream",
    "read_file",
    "read_files",
    "rename_files",
    "same_files",
    "scan",
    "scan_below",
    "scan_pages",
    "seal_stream",
    "sort_records",
    "tree_shape",
    "wal_checksum",
    "whirlpool",
    "write_file",
    "write_files",
]
