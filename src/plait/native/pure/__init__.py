"""What the C extension does, in Python: the twin that runs where there is no compiler, and the documentation of both.

One subject a module, as in the C files.
"""

from plait.native.pure.content import allocate, copy_range
from plait.native.pure.copy_files import copy_files
from plait.native.pure.entropy import entropy
from plait.native.pure.exchange import exchange
from plait.native.pure.fastcdc import cut_points
from plait.native.pure.find_records import find_records
from plait.native.pure.gcm_siv import open_stream, seal_stream
from plait.native.pure.md5_files import md5_files
from plait.native.pure.md5_parts import md5_each_part, md5_parts
from plait.native.pure.open_blobs import open_blob, open_blobs
from plait.native.pure.read_file import read_file
from plait.native.pure.read_files import read_files
from plait.native.pure.records import count_prefixes, location_records, locations, sort_records
from plait.native.pure.rename_files import rename_files
from plait.native.pure.same_files import same_files
from plait.native.pure.scan import scan, scan_below, scan_pages
from plait.native.pure.tree_shape import tree_shape
from plait.native.pure.wal_checksum import wal_checksum
from plait.native.pure.whirlpool import whirlpool
from plait.native.pure.write_file import write_file
from plait.native.pure.write_files import write_files

__all__ = [
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
