"""The lines of `lsf`: the parts that `--format` asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.mirror.verbs.entries import time_layout
from plait.model.errors import StoreError
from plait.model.values.json_text import go_json
from plait.model.values.layouts import NAMED, show_layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.mirror.verbs.entries import Entry

LETTERS: Final = "ptshimeoTM"
"""Parts: path, modification time, size, hash, ID, MIME type, encrypted name, original ID, tier, metadata."""
_SECOND: Final = 1_000_000_000


class LineFormat:
    """Makes the line of an entry. Raises PlaitError for a letter that is none."""

    def __init__(
        self,
        letters: str,
        *,
        separator: str,
        csv: bool = False,
        slash: bool = True,
        absolute: bool = False,
        time_format: str = "",
        hash_name: str = "md5",
        precision: int | None = 1,
    ) -> None:
        for letter in letters:
            if letter not in LETTERS:
                raise StoreError(f"unknown format character '{letter}'")
        if "e" in letters:
            raise StoreError('error in ListJSON: the remote needs to be of type "crypt"')
        self._separator = separator
        self._csv = csv
        self._slash = slash
        self._absolute = absolute
        self._hash = hash_name
        self._time_format = f"2006-01-02 15:04:05{time_layout(precision)}" if time_format == "max" else time_format
        self._parts = [self._part(letter) for letter in letters]

    def __call__(self, entry: Entry) -> str:
        """The line of an entry, without its newline."""
        parts = [part(entry) for part in self._parts]
        if self._csv:
            comma = self._separator[:1] or ","
            return comma.join(_field(part, comma) for part in parts).rstrip("\n")
        return self._separator.join(parts)

    def _part(self, letter: str) -> Callable[[Entry], str]:
        return {
            "p": self._path,
            "t": self._time,
            "s": lambda entry: str(entry.size),
            "h": lambda entry: (entry.hashes or {}).get(self._hash, ""),
            "i": lambda entry: entry.identifier,
            "m": lambda entry: entry.content_type,
            "o": lambda entry: "" if entry.is_directory else entry.identifier,
            "T": lambda entry: entry.tier,
            "M": lambda entry: go_json(dict(sorted((entry.metadata or {}).items()))),
        }[letter]

    def _path(self, entry: Entry) -> str:
        lead = "/" if self._absolute and not entry.path.startswith("/") else ""
        return lead + entry.path + ("/" if entry.is_directory and self._slash else "")

    def _time(self, entry: Entry) -> str:
        modified = entry.modified or 0
        match self._time_format:
            case "unix":
                return str(modified // _SECOND)
            case "unixnano":
                return str(modified)
            case "":
                return show_layout(modified, "2006-01-02 15:04:05")
            case layout:
                return show_layout(modified, NAMED.get(layout, layout))


def _field(text: str, comma: str) -> str:
    r"""A field of a CSV line as Go writes it: quoted where it is `\.`, holds a quote, or begins with space."""
    quoted = text == r"\." or any(part in text for part in (comma, '"', "\r", "\n")) or text[:1].isspace()
    return '"' + text.replace('"', '""') + '"' if quoted else text
