"""The etag of an object that was written in parts: the MD5 of the MD5s of its parts, and their number.

Amazon promises that of no etag, and objects encrypted with a key of one's own have another one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from plait.stores.base import CombinedHash
from plait.stores.objects.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.model.items import Stat
    from plait.stores.objects.request import Client

_COMBINED: Final = re.compile(r"([0-9a-f]{32})-(\d{1,5})")
_UNKNOWN: Final = (400, 405, 416, 501)
"""What servers answer that do not know the parts of an object."""


def combined_hash(client: Client, key: str, shown: str, stat: Stat, headers: Mapping[str, str]) -> CombinedHash | None:
    """What the etag of an object says, where the server tells how large its parts are."""
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
    if answer.status in _UNKNOWN or not first or -(-stat.size // first) != int(found[2]):
        return None
    return CombinedHash("md5", first, found[1])
