"""Snapshots as pages over HTTP: lists of directories, and files of which ranges can be asked for."""

from __future__ import annotations

import html
import posixpath
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote_from_bytes, unquote_to_bytes

from plait.model.errors import IntegrityError, ObjectNotFoundError, PlaitError
from plait.repository.http_servers import IDLE_SECONDS, QuietServer

if TYPE_CHECKING:
    from plait.repository.browsing import Browser, Node

_BLOCK: Final = 1 << 20
_BILLION: Final = 1_000_000_000
_LONGEST_NUMBER: Final = 18
_HEAD: Final = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n'
_TEXT: Final = "text/plain; charset=utf-8"
_PAGE: Final = "text/html; charset=utf-8"


class PageServer(QuietServer):
    """Serves what a browser shows at an address; `serve_forever` runs until `shutdown`. Raises OSError."""

    def __init__(self, address: tuple[str, int], browser: Browser) -> None:
        super().__init__(address, _Handler)
        self.browser = browser


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    @property
    def _browser(self) -> Browser:
        return cast("PageServer", self.server).browser

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        path = unquote_to_bytes(self.path.partition("?")[0]).decode("utf-8", "surrogateescape")
        try:
            node = self._browser.node(path)
            if node.is_directory:
                self._directory(path, node, body=body)
            else:
                self._file(node, body=body)
        except ObjectNotFoundError:
            self._short(404, "404 page not found", body=body)
        except IntegrityError as error:
            self._short(500, error.message, body=body)
        except PlaitError as error:
            self._short(502, error.message, body=body)

    def _directory(self, path: str, node: Node, *, body: bool) -> None:
        if not path.endswith("/"):
            self.send_response(301)
            self.send_header(
                "Location", quote_from_bytes(posixpath.basename(path).encode("utf-8", "surrogateescape")) + "/"
            )
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        lines = [_HEAD]
        for name, child in sorted(self._browser.children(path).items()):
            shown = name + "/" if child.is_directory else name
            link = quote_from_bytes(shown.encode("utf-8", "surrogateescape"))
            text = html.escape(shown.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
            lines.append(f'<a href="./{link}">{text}</a>\n')
        lines.append("</pre>\n")
        data = "".join(lines).encode()
        self._head(200, _PAGE, len(data), node)
        if body:
            self.wfile.write(data)

    def _file(self, node: Node, *, body: bool) -> None:
        content = self._browser.content(node)
        wanted = self._range(content.size)
        if wanted is not None and wanted[0] >= wanted[1]:
            self._short(416, "invalid range: failed to overlap", body=body, range_of=content.size)
            return
        start, end = wanted or (0, content.size)
        kind = (node.entry.content_type if node.entry is not None else "") or "application/octet-stream"
        # The first block is read before the answer begins, so that damage there still is an answer.
        first = content.read(start, min(_BLOCK, end - start)) if body and end > start else b""
        extent = f"bytes {start}-{end - 1}/{content.size}" if wanted is not None else None
        self._head(206 if wanted else 200, kind, end - start, node, extent)
        if not body:
            return
        self.wfile.write(first)
        position = start + len(first)
        while position < end:
            try:
                data = content.read(position, min(_BLOCK, end - position))
            except PlaitError:
                # The answer ends early, which the client sees by its length.
                self.close_connection = True
                return
            self.wfile.write(data)
            position += len(data)

    def _range(self, size: int) -> tuple[int, int] | None:
        """The half-open range that is asked for (RFC 9110, section 14); None for all, or for what is not understood."""
        text = self.headers.get("Range", "")
        first, dash, last = text.removeprefix("bytes=").partition("-")
        if not text.startswith("bytes=") or not dash or not all(_is_number(word) for word in (first, last) if word):
            return None
        if not first:
            return (max(0, size - int(last)), size) if last else None
        end = min(int(last) + 1, size) if last else size
        return int(first), end

    def _head(self, status: int, kind: str, length: int, node: Node, extent: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", _one_line(kind))
        self.send_header("Content-Length", str(length))
        self.send_header("X-Content-Type-Options", "nosniff")
        if not node.is_directory:
            self.send_header("Accept-Ranges", "bytes")
            # What is in a snapshot is of others: it must not run as a page of this address.
            self.send_header("Content-Security-Policy", "sandbox")
        if node.entry is not None:
            moment = min(max(node.entry.file_info.mod_time // _BILLION, 0), 1 << 33)
            self.send_header("Last-Modified", formatdate(moment, usegmt=True))
        if extent is not None:
            self.send_header("Content-Range", extent)
        self.end_headers()

    def _short(self, status: int, text: str, *, body: bool, range_of: int | None = None) -> None:
        data = f"{text}\n".encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", _TEXT)
        self.send_header("Content-Length", str(len(data)))
        if range_of is not None:
            self.send_header("Content-Range", f"bytes */{range_of}")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= _LONGEST_NUMBER


def _one_line(text: str) -> str:
    """A content type is text from the snapshot: nothing in it may begin another header."""
    return "".join(character for character in text if " " <= character <= "~")
