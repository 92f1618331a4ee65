"""The etag of an object that was written in parts: the MD5 of the MD5s of its parts, and their number.

Amazon promises that of no etag, and objects encrypted with a key of one's own have another one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from plait.stores.content import part_size_for
from plait.stores.hashing import CombinedHash
from plait.stores.objects.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.model.items import Stat
    from plait.stores.objects.request import Client

_COMBINED: Final = re.compile(r"([0-9a-f]{32})-(\d{1,5})")
_USUAL: Final = tuple(mebibytes << 20 for mebibytes in (5, 8, 16, 50, 64, 10, 32, 100, 128))
"""Bytes of a part: rclone's, that of Amazon's own tools, MinIO's, s5cmd's; then round numbers that people set."""
_MOST_PARTS: Final = 10_000
_UNKNOWN: Final = (400, 405, 416, 501)
"""What servers answer that do not know the parts of an object."""


def combined_hash(client: Client, key: str, shown: str, stat: Stat, headers: Mapping[str, str]) -> CombinedHash | None:
    """What the etag of an object says, where the server tells how large its parts are, or they are of a usual size."""
    found = _COMBINED.fullmatch(stat.etag or "")
    if found is None or not stat.size:
        return None
    request = Request(
        method="HEAD",
        what="failed to read metadata",
        key=key,
        shown=shown,
        query=(("partNumber", "1"),),
        headers=headers,
        harmless=True,
        accepted=_UNKNOWN,
    )
    answer = client.call(request)
    length = answer.headers.get("content-length", "")
    first = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else 0
    told = first if answer.status not in _UNKNOWN and first and -(-stat.size // first) == int(found[2]) else None
    part_size = told or usual_part_size(stat.size, int(found[2]))
    return None if part_size is None else CombinedHash("md5", part_size, found[1])


def usual_part_size(size: int, count: int) -> int | None:
    """In parts of how many bytes `size` bytes were probably uploaded in `count` parts; None where no usual size fits.

    A wrong guess proves nothing, and the hash of the whole decides then.
    """
    grown = part_size_for(size, _USUAL[0], _MOST_PARTS)
    return next((part for part in (*_USUAL, grown) if -(-size // part) == count), None)
