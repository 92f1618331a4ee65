"""What the functions of `plait.native` return, where that is more than a number."""

from typing import TypeAlias

Outcome: TypeAlias = tuple[int, int]
"""Where the copy of one file ended (`plait.native.stages`), and the errno."""
Scan: TypeAlias = tuple[list[str], bytes, bytes, bytes, bytes]
"""Names, kinds, sizes, modification times, details: one row an entry, columns of native int64 but for the kinds."""
