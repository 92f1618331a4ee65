"""One request and the beginning of its answer over a socket."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from plait.native.pure.fastcdc import Bytes

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_WITHOUT_CONTENT: Final = re.compile(rb".{9}(?:1|204|304)", re.DOTALL)


def exchange(descriptor: int, data: Bytes, limit: int, has_body: bool, /) -> bytes:  # noqa: FBT001  (as in C)
    """Sends `data`, a whole request of HTTP/1.1 (RFC 9112), and gives the beginning of the answer.

    That is its headers and, with `has_body`, the content whose length they announce, up to `limit` bytes in all; fewer
    where the other side closes, or content does not come. What else came with them is there, too. Nothing is checked:
    what is no answer as it should be is given as it came.

    Raises OSError before the headers have ended, BlockingIOError where the socket's own time limit passed; ValueError
    for a limit that is not positive.
    """
    if limit <= 0:
        raise ValueError("an answer has a beginning")
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    answer = b""
    wanted = None
    while len(answer) < (limit if wanted is None else wanted):
        try:
            block = os.read(descriptor, limit - len(answer))
        except OSError:
            if wanted is None:
                raise
            break
        if not block:
            break
        answer += block
        head = answer.find(_END) + len(_END)
        if wanted is None and head >= len(_END):
            wanted = min(head + (_announced(answer[:head]) if has_body else 0), limit)
    return answer


def _announced(head: bytes) -> int:
    found = None if _WITHOUT_CONTENT.match(head) else _LENGTH.search(head)
    return 0 if found is None else int(found[1][:18])
