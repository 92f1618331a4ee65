"""What is shown of requests and answers, with what proves who asks masked unless it is asked for.

Source: rclone 1.75, `--dump`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.stores.network import Trace

LARGEST_SHOWN: Final = 1 << 20
"""Bytes of a body that are shown."""
REQUEST_LINE: Final = ">" * 40
RESPONSE_LINE: Final = "<" * 40
_SECRET = re.compile(
    rb"^((?:proxy-|x-amz-)?(?:authorization|security-token"
    rb"|(?:copy-source-)?server-side-encryption-customer-key(?:-md5)?)): [^\r\n]*",
    re.IGNORECASE | re.MULTILINE,
)


def show_request(trace: Trace, head: bytes, body: Sequence[bytes], *, streamed: bool, number: int) -> None:
    """Shows a request; a body that is streamed is not at hand and left out."""
    trace.show(REQUEST_LINE)
    trace.show(f"HTTP REQUEST (req {number:#x})")
    text = _readable(_masked(trace, head))
    if trace.requests and not streamed:
        text += _bounded(b"".join(body)).decode("utf-8", "replace")
    trace.show(text)
    trace.show(REQUEST_LINE)


def show_response(trace: Trace, status: int, headers: Mapping[str, str], *, number: int) -> None:
    """Shows what comes before the body of an answer."""
    trace.show(RESPONSE_LINE)
    trace.show(f"HTTP RESPONSE (req {number:#x})")
    head = "\r\n".join((f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""))
    trace.show(_readable(_masked(trace, head.encode("utf-8", "surrogateescape"))))
    trace.show(RESPONSE_LINE)


def _masked(trace: Trace, head: bytes) -> bytes:
    return head if trace.secrets else _SECRET.sub(rb"\1: XXXX", head)


def _bounded(body: bytes) -> bytes:
    return body if len(body) <= LARGEST_SHOWN else body[:LARGEST_SHOWN] + b"..."


def _readable(head: bytes) -> str:
    """The head of a message with names of headers as they are usually spelled."""
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    return "\n".join((first, *(_titled(line) for line in lines)))


def _titled(line: str) -> str:
    name, colon, value = line.partition(":")
    return "-".join(word.capitalize() for word in name.split("-")) + colon + value
