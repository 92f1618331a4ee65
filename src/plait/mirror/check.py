"""Check: are the files of two trees the same? By size and hash, or byte by byte; nothing is changed.

Modification times are not compared, and directories only for what they hold.
"""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from plait.engine.accounting import Errors
from plait.engine.events import Checking, Compared, Level, Message
from plait.engine.listing import TreeListing
from plait.engine.merge import merge
from plait.engine.planning import decide
from plait.engine.protocols import Question
from plait.engine.steps import Pair, Side
from plait.mirror import settings
from plait.mirror.comparison import common_hash
from plait.mirror.lookups import hash_of
from plait.mirror.mirroring import Surroundings, compile_selection
from plait.model.errors import PlaitError
from plait.model.items import Kind
from plait.stores.registry import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from plait.engine.events import Event
    from plait.engine.selection import Selection
    from plait.engine.steps import Step
    from plait.model.actions import Action
    from plait.model.items import Item
    from plait.model.options import Values
    from plait.stores.base import Reader
    from plait.stores.location import Location
    from plait.stores.registry import Opened, Opening

BLOCK = 1 << 18


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found.

    `differences` counts files that differ or are missing on a side. `unhashed` counts equal sizes without a common
    hash. `errors` counts what could not be compared or listed; `error` is the one that decides, None where there was
    none.
    """

    matches: int = 0
    differences: int = 0
    missing_at_source: int = 0
    missing_at_destination: int = 0
    unhashed: int = 0
    errors: int = 0
    error: PlaitError | None = None

    @property
    def is_equal(self) -> bool:
        """True where everything is there and right, as far as it can be told."""
        return self.error is None and self.differences == 0


class DifferenceError(PlaitError):
    """A check found differences."""


def check(
    source: Location, destination: Location, values: Values, opening: Opening, around: Surroundings | None = None
) -> CheckResult:
    """Compares two trees.

    Raises ConfigurationError for a bad rule or location, DirectoryNotFoundError where the source is missing.
    """
    around = around or Surroundings()
    selection: Selection = compile_selection(values, around)
    with ExitStack() as closing:
        ours = open_source(source, opening)
        closing.callback(ours.store.close)
        theirs = open_source(destination, opening)
        closing.callback(theirs.store.close)
        if ours.file is not None:
            selection = OneFile(ours.file)
        listings = [
            TreeListing(
                opened.store,
                side,
                selection=selection,
                events=around.events,
                missing_is_empty=side is Side.DESTINATION,
                cancelled=around.cancellation.cancelled,
            )
            for side, opened in ((Side.SOURCE, ours), (Side.DESTINATION, theirs))
        ]
        names = settings.matching_names(values, theirs.store.features)
        steps = merge(listings[0].pages, listings[1].pages, names=names)
        checker = Checker(ours, theirs, values, around.events.emit)
        errors = Errors()
        checkers = settings.checkers(values, ours.store, theirs.store)
        for _ in decide(steps, checker, around.events, errors, around.cancellation, checkers=checkers, ordered=False):
            raise AssertionError("a check plans no action")
        return checker.result(errors)


class OneFile:
    """The selection of one file in the root."""

    active = True
    needs_stat = False
    max_depth = 1
    exclude_if_present: Sequence[str] = ()

    def __init__(self, name: str) -> None:
        self._name = name

    def includes_file(self, path: str, *_: object) -> bool:
        """True for the file itself."""
        return path == self._name

    def includes_directory(self, path: str) -> bool:
        """False for every directory."""
        del path
        return False


class Checker:
    """Compares pairs on workers and counts; a planner that plans nothing."""

    def __init__(self, source: Opened, destination: Opened, values: Values, emit: Callable[[Event], None]) -> None:
        self._source = source
        self._destination = destination
        self._size_only = values.size_only
        self._download = values.download
        self._one_way = values.one_way
        self._hash = common_hash(source.store.features, destination.store.features)
        self._emit = emit
        self._lock = Lock()
        self._found = CheckResult()

    def plan(self, step: Step) -> Iterable[Action | Question]:
        """Counts what stands on one side only; asks about the rest."""
        if not isinstance(step, Pair):
            return ()
        source, destination = step.source, step.destination
        if (source or destination) is not None and Kind.FILE not in {
            None if item is None else item.kind for item in (source, destination)
        }:
            return ()
        if source is None and destination is not None:
            if not self._one_way:
                self._count(missing_at_source=1, differences=1)
                self._tell("-", None, destination, f"file not in {self._source.text}")
            return ()
        if destination is None and source is not None:
            self._count(missing_at_destination=1, differences=1)
            self._tell("+", source, None, f"file not in {self._destination.text}")
            return ()
        return (Question(step, lambda: self._compare(step)),)

    def result(self, errors: Errors) -> CheckResult:
        """The counts, told as a summary."""
        found = self._found
        error = errors.deciding
        if error is None and found.differences:
            error = DifferenceError(f"{found.differences} differences found")
        counted = errors.count + found.differences
        lines = (
            (found.missing_at_destination, "files missing", self._destination.text),
            (found.missing_at_source, "files missing", self._source.text),
            (found.differences, "differences found", self._destination.text),
            (counted, "errors while checking", self._destination.text),
            (found.unhashed, "hashes could not be checked", self._destination.text),
            (found.matches, "matching files", self._destination.text),
        )
        for count, text, subject in lines:
            if count or text == "differences found":
                self._emit(Message(Level.NOTICE, f"{count} {text}", subject))
        return msgspec.structs.replace(found, errors=counted, error=error)

    def _compare(self, pair: Pair) -> Sequence[Action]:
        source, destination = pair.source, pair.destination
        if source is None or destination is None:
            raise AssertionError("only matched pairs are compared")
        self._emit(Checking(source.key, source.size, done=False))
        try:
            difference = self._difference(source, destination)
        except PlaitError as error:
            self._emit(Compared("!", source, destination, error))
            raise
        finally:
            self._emit(Checking(source.key, source.size, done=True))
        if difference:
            self._count(differences=1)
            self._tell("*", source, destination, difference)
        else:
            self._count(matches=1)
            self._emit(Compared("=", source, destination))
        return ()

    def _difference(self, source: Item, destination: Item) -> str:
        """In what two files differ, "" where they are equal."""
        if None not in {source.size, destination.size} and source.size != destination.size:
            return "sizes differ"
        if self._size_only:
            return ""
        if self._download:
            equal = same_content(
                self._source.store.read(source.key, expected=source.stat),
                self._destination.store.read(destination.key, expected=destination.stat),
            )
            return "" if equal else "contents differ"
        if self._hash is None:
            self._count(unhashed=1)
            return ""
        ours = hash_of(self._source.store, source, self._hash)
        theirs = None if ours is None else hash_of(self._destination.store, destination, self._hash)
        if ours is None or theirs is None:
            self._count(unhashed=1)
            return ""
        return "" if ours == theirs else f"{self._hash} differ"

    def _tell(self, verdict: str, source: Item | None, destination: Item | None, text: str) -> None:
        item = source or destination
        self._emit(Message(Level.ERROR, text, "" if item is None else item.key))
        self._emit(Compared(verdict, source, destination))

    def _count(self, **more: int) -> None:
        with self._lock:
            changes = {name: getattr(self._found, name) + count for name, count in more.items()}
            self._found = msgspec.structs.replace(self._found, **changes)


def same_content(one: Reader, other: Reader) -> bool:
    """Compares two contents byte by byte, and closes both readers."""
    with one, other:
        while True:
            ours, theirs = _filled(one), _filled(other)
            if ours != theirs:
                return False
            if not ours:
                return True


def _filled(reader: Reader) -> bytes:
    """A whole block, less only at the end."""
    blocks: list[bytes] = []
    wanted = BLOCK
    while wanted and (block := reader.read(wanted)):
        blocks.append(block)
        wanted -= len(block)
    return b"".join(blocks)
