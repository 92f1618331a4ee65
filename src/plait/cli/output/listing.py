"""The lines of `plait ls`: names, or the parts that `--long`, `--format`, `--csv` and `--json` ask for."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.cli.output.log import safe
from plait.cli.output.records import key_fields
from plait.model.errors import UsageError
from plait.model.items import Kind
from plait.model.values.times import show_rfc3339

if TYPE_CHECKING:
    from plait.mirror.listing import Listing
    from plait.model.items import Item
    from plait.model.options import Values

PARTS: Final = "psth"
"""Letters of `--format`: path, size, modification time, hash."""
SECOND: Final = 1_000_000_000
DEFAULT_TIME: Final = "%Y-%m-%d %H:%M:%S"


class ItemLines:
    """Makes the line of an item, with its newline; None where it is not asked for. Raises UsageError when made."""

    def __init__(self, values: Values, listing: Listing) -> None:
        if values.dirs_only and values.files_only:
            raise UsageError("--dirs-only and --files-only leave nothing to list")
        unknown = set(values.format) - set(PARTS)
        if unknown:
            raise UsageError(
                f"--format={values.format}: there is no part {min(unknown)!r}",
                hint="parts are p path, s size, t modification time, h hash",
            )
        self._values = values
        self._listing = listing
        self._encoder = msgspec.json.Encoder()
        self._plain = values.format == "p" and not values.csv and not values.long and not values.json

    def __call__(self, item: Item) -> bytes | None:
        """The line of one item."""
        directory = item.kind is Kind.DIRECTORY
        if (directory and self._values.files_only) or (not directory and self._values.dirs_only):
            return None
        if self._values.json:
            return self._encoder.encode(self._record(item)) + b"\n"
        if self._plain:
            line = self._path(item)
        elif self._values.long:
            line = f"{self._size(item):>12}  {self._time(item):<19}  {self._path(item)}"
        else:
            line = self._joined([self._part(letter, item) for letter in self._values.format])
        return line.encode("utf-8", "surrogateescape") + b"\n"

    def _part(self, letter: str, item: Item) -> str:
        match letter:
            case "p":
                return self._path(item)
            case "s":
                return self._size(item)
            case "t":
                return self._time(item)
            case _:
                return self._hash(item)

    def _joined(self, parts: list[str]) -> str:
        if not self._values.csv:
            return str(self._values.separator).join(parts)
        text = io.StringIO()
        delimiter = self._values.separator if self._values.was_given("separator") else ","
        csv.writer(text, delimiter=delimiter, lineterminator="").writerow(parts)
        return text.getvalue()

    def _path(self, item: Item) -> str:
        lead = "/" if self._values.absolute else ""
        return lead + item.key + ("/" if item.kind is Kind.DIRECTORY and self._values.dir_slash else "")

    @staticmethod
    def _size(item: Item) -> str:
        return "-1" if item.size is None or item.kind is Kind.DIRECTORY else str(item.size)

    def _time(self, item: Item) -> str:
        modified = self._modified(item)
        return "" if modified is None else show_time(modified, self._values.time_format)

    def _hash(self, item: Item) -> str:
        if item.kind is Kind.DIRECTORY:
            return ""
        return self._listing.hash(item, self._values.hash.lower()) or ""

    def _modified(self, item: Item) -> int | None:
        # A directory that only the keys below it imply has no time to look up.
        looked_up = item.modified is None and item.kind is not Kind.DIRECTORY
        return self._listing.time(item) if looked_up else item.modified

    def _record(self, item: Item) -> dict[str, Any]:
        record: dict[str, Any] = key_fields(item.key, "key") | {"kind": item.kind.name.lower()}
        if item.kind is not Kind.DIRECTORY and item.size is not None:
            record["size"] = item.size
        modified = self._modified(item)
        if modified is not None:
            record["modified"] = show_rfc3339(modified)
        if "h" in self._values.format and item.kind is not Kind.DIRECTORY:
            record["hashes"] = {self._values.hash.lower(): self._hash(item)}
        return record


def show_time(modified: int, layout: str) -> str:
    """A time in the local zone; `layout` is `RFC3339`, `unix`, `unixnano`, strftime's, or "" for the default.

    Raises UsageError for another layout.
    """
    match layout:
        case "RFC3339":
            return show_rfc3339(modified, local=True)
        case "unix":
            return str(modified // SECOND)
        case "unixnano":
            return str(modified)
    if layout and "%" not in layout:
        raise UsageError(
            f"--time-format={layout}: no such format", hint="use RFC3339, unix, unixnano, or a pattern such as %F %T"
        )
    return safe(time.strftime(layout or DEFAULT_TIME, time.localtime(modified // SECOND)))
