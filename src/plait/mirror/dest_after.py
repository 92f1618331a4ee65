"""`--dest-after`: what the destination will hold after a sync, copy or move, told file by file while it goes on."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from plait.engine.events import AttemptEnded, Compared, ComparedRun
from plait.mirror.lookups import hash_of, with_time
from plait.mirror.names import inside
from plait.mirror.settings import Mode
from plait.mirror.verbs.entries import Entry
from plait.mirror.verbs.formats import LineFormat
from plait.model.errors import PlaitError
from plait.model.items import Item, Kind, Stat, order_bytes

if TYPE_CHECKING:
    from plait.engine.events import Event
    from plait.mirror.mirroring import Mirror
    from plait.stores.base import Store

KINDS = (Compared, ComparedRun, AttemptEnded)
"""The events that it wants."""


class DestAfter:
    """Writes a line for each file, in no particular order; a subscriber of the event stream.

    A further attempt begins anew. What cannot be looked up of a file is left empty. Raises PlaitError where
    `--format` asks for what there is not.
    """

    def __init__(self, mirror: Mirror, file: IO[bytes]) -> None:
        values = mirror.values
        self._values = values
        self._file = file
        self._source = mirror.source.store
        self._destination = mirror.destination.store
        self._deletes = mirror.mode is Mode.SYNC
        self._hash = values.hash if "h" in values.format else None
        self._timed = "t" in values.format
        self._line = LineFormat(
            values.format,
            separator="," if values.csv and not values.was_given("separator") else values.separator,
            csv=values.csv,
            slash=values.dir_slash,
            absolute=values.absolute,
            time_format=values.timeformat,
            hash_name=values.hash,
            precision=self._destination.features.time_precision,
        )

    def __call__(self, event: Event) -> None:
        """Takes note of an event."""
        match event:
            case Compared():
                self._tell(event.verdict, event.source, event.destination)
            case ComparedRun():
                for item in event.page.items():
                    # Of equal files, only those of the destination are told; the source's are as they are.
                    same = Item(item.key, Stat(Kind.FILE, item.size, item.modified))
                    self._tell(event.verdict, same, None if event.verdict == "+" else item)
            case AttemptEnded(again=True) if self._file.seekable():
                self._file.seek(0)
                self._file.truncate()

    def _tell(self, verdict: str, source: Item | None, destination: Item | None) -> None:
        item, store = self._left(verdict, source, destination)
        if item is not None and not self._values.dirs_only:
            self._file.write(order_bytes(self._line(self._entry(item, store))) + b"\n")

    def _left(self, verdict: str, source: Item | None, destination: Item | None) -> tuple[Item | None, Store]:
        """What is there in the end, and the store that knows of it."""
        theirs = destination, self._destination
        if self._values.dry_run or source is None:
            gone = verdict == "-" and self._deletes and not self._values.dry_run
            return (None, self._destination) if gone else theirs
        if destination is None or self._is_carried(verdict):
            return source, self._source
        return theirs

    def _is_carried(self, verdict: str) -> bool:
        """True where a file on both sides becomes the source's."""
        values = self._values
        if values.ignore_existing or values.immutable:
            return False
        kept = values.size_only or values.checksum or values.ignore_size or values.update or values.no_update_modtime
        return verdict == "*" or values.ignore_times or (verdict == "=" and not kept)

    def _entry(self, item: Item, store: Store) -> Entry:
        hashes: dict[str, str] = {}
        modified = item.modified
        try:
            if self._hash is not None:
                value = hash_of(store, item, self._hash)
                hashes = {} if value is None else {self._hash: value}
            if self._timed:
                modified = with_time(store, item).modified
        except PlaitError:
            # The line is a prediction; that the file cannot be read is told where it is carried.
            hashes = {}
        size = -1 if item.size is None else item.size
        path = inside(item.key)
        return Entry(path=path, size=size, is_directory=False, modified=modified, hashes=hashes)
