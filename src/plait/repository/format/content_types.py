"""What a content looks like: its media type, from its first bytes (format, section 10.9).

The original takes the type from a library's rules; these are the ones that ordinary files meet. Another answer than
the original's is harmless (the type only feeds an index and some counters); it costs that an equal file is stored as
another entry. The bytes are anybody's: everything looks at the first 3072 only.
"""

from __future__ import annotations

import json
import re
from typing import Final

SNIFFED: Final = 3072
_CHARSET_SNIFFED: Final = 1024

UNKNOWN: Final = "application/octet-stream"
_TEXT: Final = "text/plain"

_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"PK\x07\x08", "application/zip"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"\x00asm", "application/wasm"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (4, b"ftyp", "video/mp4"),
)
_BEGINNINGS: Final = tuple(magic for offset, magic, _ in _MAGIC if offset == 0)
_RIFF: Final = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_ELF: Final = {1: "application/x-object", 2: "application/x-executable", 3: "application/x-sharedlib"}
_INTERPRETERS: Final = (
    (b"node", "text/javascript"),
    (b"lua", "text/x-lua"),
    (b"perl", "text/x-perl"),
    (b"python", "text/x-python"),
    (b"ruby", "text/x-ruby"),
    (b"sh", "text/x-shellscript"),
)
_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\x00\x00\xfe\xff", "utf-32be"),
    (b"\xff\xfe\x00\x00", "utf-32le"),
    (b"\xfe\xff", "utf-16be"),
    (b"\xff\xfe", "utf-16le"),
)
_MARKS: Final = tuple(mark for mark, _ in _BYTE_ORDER_MARKS)
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_HTML: Final = re.compile(
    rb"<(?:!doctype html|!--|(?:html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p)[ >])",
    re.IGNORECASE,
)
_SVG: Final = re.compile(rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?<svg", re.DOTALL)
_WITH_CHARSET: Final = frozenset({_TEXT, "text/html", "text/xml"})


def content_type(beginning: bytes) -> str:
    """The media type of a content that begins so; more than the first 3072 bytes are not looked at."""
    head = beginning[:SNIFFED]
    if not head:
        return _TEXT
    binary = _binary_type(head)
    if binary is not None:
        return binary
    if not head.startswith(_MARKS) and _BINARY.search(head):
        return UNKNOWN
    kind = _text_type(head)
    charset = _charset(head[:_CHARSET_SNIFFED]) if kind in _WITH_CHARSET else None
    return kind if charset is None else f"{kind}; charset={charset}"


def _binary_type(head: bytes) -> str | None:
    if head.startswith(_BEGINNINGS) or head.startswith(b"ftyp", 4):
        return next(kind for offset, magic, kind in _MAGIC if head.startswith(magic, offset))
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"\x7fELF") and len(head) > 17:
        number = int.from_bytes(head[16:18], "little" if head[5] == 1 else "big")
        return _ELF.get(number, "application/x-elf")
    return None


def _text_type(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\t\n\x0c\r ")
    if _SVG.match(text):
        return "image/svg+xml"
    if _HTML.match(text):
        return "text/html"
    if text.startswith(b"<?xml"):
        return "text/xml"
    if text.startswith((b"<?php", b"<?\n", b"<?\r", b"<? ")):
        return "text/x-php"
    if text.startswith(b"#!"):
        first = text.partition(b"\n")[0]
        return next((kind for name, kind in _INTERPRETERS if name in first), _TEXT)
    return _data_type(head, text)


def _data_type(head: bytes, text: bytes) -> str:
    if text[:1] in {b"{", b"["}:
        whole = len(head) < SNIFFED
        if _is_json(text, whole=whole):
            return "application/json"
        lines = [line for line in text.split(b"\n") if line.strip()]
        if len(lines) >= 2 and all(_is_json(line, whole=True) for line in (lines if whole else lines[:-1])):
            return "application/x-ndjson"
    for separator, kind in ((b",", "text/csv"), (b"\t", "text/tab-separated-values")):
        if _is_table(head, separator):
            return kind
    return _TEXT


def _is_json(text: bytes, *, whole: bool) -> bool:
    """Whether it is an object or array; of one that goes on beyond what is seen, whether it began as one."""
    try:
        return isinstance(json.loads(text), dict | list)
    except UnicodeDecodeError:
        return False
    except RecursionError:
        return False
    except json.JSONDecodeError as error:
        return not whole and error.pos >= len(text.decode("utf-8", "replace").rstrip()) - 1


def _is_table(head: bytes, separator: bytes) -> bool:
    """Whether there are two lines or more, of as many fields each, at least two."""
    first = head.partition(b"\n")[0]
    if separator not in head or (separator not in first and first[:1] not in {b"", b"#", b"\r"}):
        return False
    lines = head.splitlines()
    if len(head) >= SNIFFED:
        del lines[-1]
    fields, seen = 0, 0
    for line in lines:
        if not line or line.startswith(b"#"):
            continue
        found = line.count(separator)
        if not found or (seen and found != fields):
            return False
        fields = found
        seen += 1
    return seen >= 2


def _charset(head: bytes) -> str | None:
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    if _is_utf8(head):
        return "utf-8"
    high = {byte for byte in head if byte >= 0x80}
    if any(byte < 0xA0 and byte != 0x85 for byte in high):
        return None
    return "windows-1252" if 0x85 in high else "iso-8859-1"


def _is_utf8(head: bytes) -> bool:
    """Whether it is UTF-8, but for a character that the end of what is seen cuts."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == _CHARSET_SNIFFED and error.reason == "unexpected end of data"
    return True
