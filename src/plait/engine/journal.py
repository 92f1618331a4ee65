"""The journal of a run: one line for each thing that was done or failed (`docs/formats/journal.md`).

Lines are appended by a thread of the journal's own, a few times a second, so that a run pays for a list append only.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from threading import Condition, Lock, Thread
from typing import IO, TYPE_CHECKING

import msgspec

from plait.engine.events import Finished, FinishedRun
from plait.engine.records import key_fields, key_of
from plait.model.actions import Created, Outcome, Status, Verb
from plait.model.errors import ConfigurationError, IntegrityError, from_os_error
from plait.model.items import UNKNOWN_SIZE, UNKNOWN_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path

    from plait.engine.events import Event
    from plait.engine.runs import Run
    from plait.model.items import Item

FORMAT = "plait journal"
MAJOR, MINOR = 1, 0
PART_SIZE = 64 << 20
"""Bytes after which a journal goes on in another file."""
_INTERVAL = 0.5
_MOST_WAITING = 2000


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of each part."""

    format: str = FORMAT
    version: str = f"{MAJOR}.{MINOR}"
    run: str
    part: int


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one action. Times in nanoseconds since the epoch, sizes in bytes.

    `size` and `modified` are of what stands under the key now, `old_size` and `old_modified` of what stood there
    before. `kept` is where that is kept, as a location's text.
    """

    at: int
    verb: Verb
    status: Status = Status.DONE
    key: str | None = None
    key_b64: str | None = None
    origin: str | None = None
    origin_b64: str | None = None
    size: int | None = None
    modified: int | None = None
    old_size: int | None = None
    old_modified: int | None = None
    kept: str | None = None
    kept_b64: str | None = None
    detail: str = ""
    error: str | None = None

    @property
    def name(self) -> str:
        """The key, whatever its bytes."""
        return key_of(self.key, self.key_b64) or ""

    @property
    def renamed_from(self) -> str | None:
        """The key that a rename started from."""
        return key_of(self.origin, self.origin_b64)

    @property
    def kept_at(self) -> str | None:
        """Where the old item is kept."""
        return key_of(self.kept, self.kept_b64)


class Journal:
    """Appends what the events of a run tell. Subscribe the object itself; close it when the run has ended.

    A run that is killed loses what it did in its last half second. Raises the catalogue's error for an `OSError` when
    it is made and when it is closed; an error in between is kept until then.
    """

    def __init__(self, directory: Path, run: Run, part_size: int = PART_SIZE) -> None:
        if run.journal is None:
            raise ValueError("this run keeps no journal")
        self._directory = directory
        self._run = run.id
        self._name = run.journal
        self._part_size = part_size
        self._encoder = msgspec.json.Encoder()
        self._waiting: list[tuple[int, Outcome | Created]] = []
        self._waiting_entries = 0
        self._changed = Condition()
        self._writing = Lock()
        self._closed = False
        self._error: OSError | None = None
        self._part = 0
        self._size = 0
        self._file: IO[bytes] | None = None
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._next_part()
        except OSError as error:
            raise from_os_error(error, "failed to write the journal") from error
        self._thread = Thread(target=self._write_on, name="journal", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Notes an outcome."""
        if isinstance(event, FinishedRun):
            self._note(event.created, len(event.created.creations))
        elif isinstance(event, Finished) and event.outcome.status is not Status.SKIPPED:
            self._note(event.outcome, 1)

    def _note(self, what: Outcome | Created, entries: int) -> None:
        with self._changed:
            self._waiting.append((time.time_ns(), what))
            self._waiting_entries += entries
            full = self._waiting_entries >= _MOST_WAITING
        if full:
            self._write()

    def close(self) -> None:
        """Writes what is left."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        self._write()
        if self._file is not None:
            self._file.close()
        if self._error is not None:
            raise from_os_error(self._error, "failed to write the journal") from self._error

    def _write_on(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                self._changed.wait(_INTERVAL)
            self._write()

    def _write(self) -> None:
        with self._writing:
            with self._changed:
                waiting, self._waiting, self._waiting_entries = self._waiting, [], 0
            if not waiting or self._error is not None:
                return
            try:
                self._append(waiting)
            except OSError as error:
                self._error = error

    def _append(self, waiting: list[tuple[int, Outcome | Created]]) -> None:
        if self._file is None or self._size >= self._part_size:
            self._next_part()
        lines = self._encoder.encode_lines([entry for at, what in waiting for entry in _entries(at, what)])
        if self._file is not None:
            self._file.write(lines)
            self._file.flush()
        self._size += len(lines)

    def _next_part(self) -> None:
        if self._file is not None:
            self._file.close()
        self._part += 1
        path = self._directory / _part_name(self._name, self._part)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._size = self._file.write(self._encoder.encode(Header(run=self._run, part=self._part)) + b"\n")
        self._file.flush()


def read_journal(directory: Path, name: str) -> Iterator[Entry]:
    """The entries of a journal, from its first part to its last, one at a time.

    A last line that was torn by a crash is left out. Raises ObjectNotFoundError where there is no such journal,
    ConfigurationError for a newer format, IntegrityError for a line inside that cannot be read.
    """
    decoder = msgspec.json.Decoder(Entry)
    part = 1
    while True:
        path = directory / _part_name(name, part)
        try:
            file = path.open("rb")
        except FileNotFoundError as error:
            if part == 1:
                raise from_os_error(error, f"failed to read the journal {name}") from error
            return
        except OSError as error:
            raise from_os_error(error, f"failed to read the journal {name}") from error
        with file:
            _check_header(file.readline(), path)
            for number, line in enumerate(file, 2):
                if not line.endswith(b"\n"):
                    break
                try:
                    entry = decoder.decode(line)
                except msgspec.MsgspecError as error:
                    raise IntegrityError(f"line {number} of the journal {path} cannot be read: {error}") from error
                yield entry
        part += 1


def drop_old_journals(directory: Path, most_bytes: int, keep: Callable[[], Container[str]]) -> list[str]:
    """Deletes whole journals, oldest name first, until all take at most `most_bytes`; returns their names.

    Those that `keep` names (of runs that go on) stay, whatever they take; it is asked where any are too many.
    """
    sizes: dict[str, int] = {}
    parts: dict[str, list[str]] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            stem, _, rest = entry.name.partition(".")
            if not rest.endswith("jsonl"):
                continue
            name = stem + ".jsonl"
            # Another process may be doing the same.
            with suppress(FileNotFoundError):
                sizes[name] = sizes.get(name, 0) + entry.stat().st_size
            parts.setdefault(name, []).append(entry.name)
    total, dropped = sum(sizes.values()), []
    if total <= most_bytes:
        return []
    kept = keep()
    for name in sorted(sizes):
        if total <= most_bytes:
            break
        if name not in kept:
            for part in parts[name]:
                (directory / part).unlink(missing_ok=True)
            total -= sizes[name]
            dropped.append(name)
    return dropped


def _part_name(name: str, part: int) -> str:
    stem = name.removesuffix(".jsonl")
    return name if part == 1 else f"{stem}.{part}.jsonl"


def _check_header(line: bytes, path: Path) -> None:
    if not line.endswith(b"\n"):
        # A crash between the making of the file and its first write.
        return
    try:
        header = msgspec.json.decode(line, type=Header)
        major = int(header.version.partition(".")[0])
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigurationError(f"{path} is no journal") from error
    if header.format != FORMAT:
        raise ConfigurationError(f"{path} is no journal")
    if major > MAJOR:
        raise ConfigurationError(f"the journal {path} has format {header.version}, this program reads {MAJOR}.x")


def _entries(at: int, what: Outcome | Created) -> Iterator[Entry]:
    if isinstance(what, Outcome):
        yield _entry(at, what)
        return
    files, prefix, detail = what.creations.files, what.creations.prefix, what.detail
    verb, done = Verb.CREATE, Status.DONE
    all_text = key_fields(prefix + "".join(files.names))[1] is None
    columns = zip(files.names, memoryview(files.sizes).cast("q"), memoryview(files.modified).cast("q"), strict=True)
    for name, size, modified in columns:
        key, key_b64 = (prefix + name, None) if all_text else key_fields(prefix + name)
        known_size = None if size == UNKNOWN_SIZE else size
        known_time = None if modified == UNKNOWN_TIME else modified
        # By position, as this is done for each new file: names would cost as much again.
        yield Entry(at, verb, done, key, key_b64, None, None, known_size, known_time, None, None, None, None, detail)


def _entry(at: int, outcome: Outcome) -> Entry:
    action = outcome.action
    key, key_b64 = key_fields(action.key)
    origin, origin_b64 = (None, None) if action.origin is None else key_fields(action.origin)
    kept, kept_b64 = (None, None) if outcome.kept is None else key_fields(outcome.kept)
    new, old = _sides(action.verb, action.source, action.destination)
    return Entry(
        at,
        action.verb,
        outcome.status,
        key,
        key_b64,
        origin,
        origin_b64,
        None if new is None else new.size,
        None if new is None else new.modified,
        None if old is None else old.size,
        None if old is None else old.modified,
        kept,
        kept_b64,
        outcome.detail,
        None if outcome.error is None else str(outcome.error).encode("utf-8", "backslashreplace").decode("utf-8"),
    )


def _sides(verb: Verb, source: Item | None, destination: Item | None) -> tuple[Item | None, Item | None]:
    """What stands under the key afterwards, and what stood there before."""
    if verb in {Verb.DELETE_SOURCE, Verb.REMOVE_SOURCE_DIRECTORY}:
        return None, source
    if verb in {Verb.DELETE, Verb.REMOVE_DIRECTORY}:
        return None, destination
    return source, destination
