"""`--hash-filter K/N`: one of N parts of all files, told by a hash of their paths.

Source: rclone's manual, "--hash-filter": the first eight bytes, little-endian, of the MD5 of the path in lower case and
Unicode form C, modulo N.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from plait.model.errors import ConfigurationError
from plait.model.values.quoting import quote

_LIMIT = 2**64


class Partition(NamedTuple):
    """Part `part` of `parts`, counted from 0."""

    part: int
    parts: int

    def holds(self, path: str) -> bool:
        """True where the path belongs to this part."""
        import hashlib

        digest = hashlib.md5(_normalized(path), usedforsecurity=False).digest()
        return int.from_bytes(digest[:8], "little") % self.parts == self.part


def parse_partition(text: str) -> Partition:
    """Reads `K/N`, or `@/N` for a part taken by chance. K counts modulo N. Raises ConfigurationError."""
    part, slash, parts = text.partition("/")
    if not slash:
        raise ConfigurationError("filter: --hash-filter: no / found")
    count = _number(parts, "N")
    if count == 0:
        raise ConfigurationError("filter: --hash-filter: N must be greater than 0")
    from secrets import randbelow

    return Partition(randbelow(count) if part == "@" else _number(part, "K") % count, count)


def _number(text: str, name: str) -> int:
    if re.fullmatch("[0-9]+", text) is None or int(text) >= _LIMIT:
        problem = "value out of range" if text.isdecimal() and text.isascii() else "invalid syntax"
        raise ConfigurationError(
            f"filter: --hash-filter: can't parse {name}={quote(text)}: parsing {quote(text)}: {problem}"
        )
    return int(text)


def _normalized(path: str) -> bytes:
    if path.isascii():
        return path.lower().encode()
    from unicodedata import normalize

    # Lower case letter by letter, as in Go: no final sigma, no combining dot; bytes that are not UTF-8 are replaced.
    lower = "".join(letter.lower()[:1] for letter in normalize("NFC", path))
    return re.sub("[\udc80-\udcff]", "\ufffd", lower).encode()
