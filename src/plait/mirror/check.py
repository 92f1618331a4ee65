"""Check: are the files of two trees the same? By size and hash, or byte by byte; nothing is changed.

Modification times are not compared, and directories only for what they hold.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from plait.engine.accounting import Errors
from plait.engine.events import Checking, Compared, ComparedRun, Failed, Level, Message
from plait.engine.listing import TreeListing
from plait.engine.merge import merge
from plait.engine.planning import decide
from plait.engine.protocols import Question
from plait.engine.steps import Duplicate, ListingFailed, Pair, Same, Side
from plait.mirror import settings
from plait.mirror.comparison import common_hash
from plait.mirror.lookups import hash_of, tell_duplicate
from plait.mirror.mirroring import SINGLE_WITH_FILTERS, Surroundings, compile_selection
from plait.mirror.seeking import sought
from plait.mirror.transforms import parse_transforms
from plait.model.errors import ConfigurationError, DirectoryNotFoundError, NoRetryError, PlaitError
from plait.model.items import Item, Kind, Stat
from plait.model.values.sizes import show_size
from plait.stores.hashing import ComparesPages
from plait.stores.location import typed
from plait.stores.registry import open_source
from plait.stores.wrappers.base import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from plait.engine.events import Event
    from plait.engine.selection import Selection
    from plait.engine.steps import Step
    from plait.model.actions import Action
    from plait.model.items import Page
    from plait.model.options import Values
    from plait.stores.base import Reader, Store
    from plait.stores.location import Location
    from plait.stores.registry import Opened, Opening

BLOCK = 1 << 18
CONTENTS_DIFFER = "contents differ"
RUN = 256
"""Files that are compared together."""
_DIRECTORY = Item("", Stat(Kind.DIRECTORY))


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


Difference = Callable[["Item", "Item"], "str | None"]
"""In what two files differ: "" where they are equal, None where that cannot be told beyond their sizes."""


Together = Callable[["Page", "Page"], "Sequence[bool | None]"]
"""Whether the contents of the rows of two pages are equal; None where that is to be found out one by one."""


class Runs(msgspec.Struct, frozen=True):
    """How runs of files are compared; `fail` is told of each error among them, and the key that it is about."""

    equal: Together
    fail: Callable[[PlaitError, str], None]


def check(
    source: Location,
    destination: Location,
    values: Values,
    opening: Opening,
    around: Surroundings | None = None,
    *,
    with_file: bool = True,
) -> CheckResult:
    """Compares two trees, or (`--checkfile`) the destination with a file of sums.

    A source that is missing is the error of the result. Raises ConfigurationError for a bad rule or location, also for
    a destination that is a file unless `with_file`, and DirectoryNotFoundError where the file of sums is missing.
    """
    around = around or Surroundings()
    errors = Errors()

    def fail(error: PlaitError, key: str) -> None:
        errors.add(error)
        around.events.emit(Failed(error, error.key or key))

    filters = compile_selection(values, around)
    selection: Selection = filters
    opening = replace(opening, notices=filters.includes_path)
    with ExitStack() as closing:
        ours, theirs = open_source(source, opening), open_source(destination, opening)
        closing.callback(ours.store.close)
        closing.callback(theirs.store.close)
        if theirs.file is not None and not with_file:
            raise ConfigurationError("is a file not a directory", key=typed(destination))
        if values.checkfile:
            from plait.mirror.sums import difference_of_sums, read_sums, steps_of_sums

            sums = read_sums(ours, around)
            selection = selection if theirs.file is None else OneFile(theirs.file)
            right = listing(theirs, Side.DESTINATION, selection, around)
            steps = steps_of_sums(sums, right, selection, values.checkfile)
            difference = difference_of_sums(theirs, values.checkfile, download=values.download)
            told = theirs.text if theirs.file is None else theirs.text.removesuffix(f"/{theirs.file}")
            checker = Checker("", told, difference, around.events.emit, one_way=values.one_way)
        else:
            if ours.file is not None:
                if filters.active:
                    raise ConfigurationError(f"{SINGLE_WITH_FILTERS}: {typed(source)}")
                selection = OneFile(ours.file)
            any_name = not any(opened.store.features.directories for opened in (ours, theirs))
            pages = [
                listing(opened, side, selection, around, any_name=any_name).pages
                for side, opened in zip(Side, (ours, theirs), strict=True)
            ]
            names = settings.matching_names(values, theirs.store.features)
            # Only rclone's face has these two, and the two that the checker is given, for a check.
            renamed = parse_transforms(getattr(values, "name_transform", ()))
            looks_up = getattr(values, "no_traverse", False)
            equal = None if renamed is not None or looks_up else _together(ours.store, theirs.store, values)
            runs = None if equal is None else Runs(equal, fail)
            right_pages = _nothing if looks_up else pages[1]
            steps = _without_source(
                merge(pages[0], right_pages, names=names, runs=runs is not None, renamed=renamed),
                merge(_nothing, right_pages, names=names),
            )
            if looks_up:
                place = str if renamed is None else renamed.path
                workers = settings.checkers(values, ours.store, theirs.store)
                steps = sought(steps, theirs.store, place, workers, around.cancellation.cancelled)
            difference = difference_of(ours.store, theirs.store, values)
            common = common_hash(ours.store.features, theirs.store.features)
            if common is not None and not values.download:
                around.events.emit(Message(Level.INFO, f"Using {common} for hash comparisons"))
            checker = Checker(
                ours.text,
                theirs.text,
                difference,
                around.events.emit,
                one_way=values.one_way,
                runs=runs,
                ignore_size=getattr(values, "ignore_size", False),
                dry_run=getattr(values, "dry_run", False),
            )
        checkers = settings.checkers(values, ours.store, theirs.store)
        for _ in decide(steps, checker, around.events, errors, around.cancellation, checkers=checkers, ordered=False):
            raise AssertionError("a check plans no action")
        return checker.result(errors)


def _without_source(steps: Iterator[Step], alone: Iterator[Step]) -> Iterator[Step]:
    """The steps; where the source is missing, that, and `alone`: those of the destination alone."""
    try:
        yield from steps
    except DirectoryNotFoundError as error:
        yield ListingFailed(Side.SOURCE, "", error)
        yield from alone


def _nothing(_prefix: str, _descend: Callable[[str], bool]) -> Iterable[Page]:
    """The listing of a source that is missing."""
    return ()


def listing(
    opened: Opened, side: Side, selection: Selection, around: Surroundings, *, any_name: bool = False
) -> TreeListing:
    """The listing of one side; a destination that is missing is empty. `any_name` is as `TreeListing` has it."""
    return TreeListing(
        opened.store,
        side,
        selection=selection,
        events=around.events,
        missing_is_empty=side is Side.DESTINATION,
        any_name=any_name,
        cancelled=around.cancellation.cancelled,
    )


def difference_of(source: Store, destination: Store, values: Values) -> Difference:
    """How two files are compared when their sizes are equal."""
    if values.size_only:
        return lambda _, __: ""
    if values.download:

        def by_content(ours: Item, theirs: Item) -> str:
            one, other = source.read(ours.key, expected=ours.stat), destination.read(theirs.key, expected=theirs.stat)
            return "" if same_content(one, other) else CONTENTS_DIFFER

        return by_content
    name = common_hash(source.features, destination.features)

    def by_hash(ours: Item, theirs: Item) -> str | None:
        left = None if name is None else hash_of(source, ours, name)
        right = None if name is None or left is None else hash_of(destination, theirs, name)
        if left is None or right is None:
            return None
        return "" if left == right else f"{name} differ"

    return by_hash


def _together(source: Store, destination: Store, values: Values) -> Together | None:
    """How many files are compared byte by byte at once, where the stores can do that and it is all that is asked."""
    one = unwrapped(source)
    alone = not values.download or values.size_only or getattr(values, "dry_run", False)
    if alone or not isinstance(one, ComparesPages) or not one.can_compare_with(destination):
        return None
    comparing = one
    return lambda ours, theirs: comparing.compare_pages(ours, destination, theirs)


class OneFile:
    """The selection of one file in the root."""

    active = True
    needs_stat = False
    max_depth = 1
    exclude_if_present: Sequence[str] = ()

    def __init__(self, name: str) -> None:
        self.name = name

    def includes_file(self, path: str, *_: object) -> bool:
        """True for the file itself."""
        return path == self.name

    def includes_directory(self, path: str) -> bool:
        """False for every directory."""
        del path
        return False


class Checker:
    """Compares pairs on workers and counts; a planner that plans nothing.

    `source` and `destination` are the locations in messages; a `source` of "" stands for a file of sums. `ignore_size`:
    only the difference decides, not the sizes. `dry_run`: pairs are told instead of compared, as by rclone. `runs` is
    for those that the merge yields.
    """

    def __init__(
        self,
        source: str,
        destination: str,
        difference: Difference,
        emit: Callable[[Event], None],
        *,
        one_way: bool,
        runs: Runs | None = None,
        ignore_size: bool = False,
        dry_run: bool = False,
    ) -> None:
        self._source = source
        self._destination = destination
        self._difference = difference
        self._one_way = one_way
        self._runs = runs
        self._ignore_size = ignore_size
        self._dry_run = dry_run
        self._emit = emit
        self._lock = Lock()
        self._found = CheckResult()

    def finish(self) -> Iterable[Action | Question]:
        """Nothing: each pair was decided by itself."""
        return ()

    def plan(self, step: Step) -> Iterable[Action | Question]:
        """Counts what stands on one side only; asks about the rest."""
        if isinstance(step, Duplicate):
            tell_duplicate(step, self._emit)
        if isinstance(step, Same):
            return self._plan_run(step)
        if not isinstance(step, Pair):
            return ()
        source, destination = step.source, step.destination
        if (source or destination or _DIRECTORY).kind is not Kind.FILE:
            return ()
        if source is None:
            if not self._one_way:
                self._count(missing_at_source=1, differences=1)
                self._tell("-", None, destination, f"file not in {self._source}" if self._source else "sum not found")
            return ()
        if destination is None:
            # rclone does not call a sum without its file a difference, but an error it is.
            self._count(missing_at_destination=1, differences=1 if self._source else 0)
            self._tell("+", source, None, f"file not in {self._destination}")
            return ()
        if self._dry_run:
            told = "" if source.size is None else f" (size {show_size(source.size)})"
            self._emit(Message(Level.NOTICE, f"Skipped check as --dry-run is set{told}", source.key))
            return ()
        return (Question(step, lambda: self._compare(source, destination)),)

    def result(self, errors: Errors) -> CheckResult:
        """The counts, told as a summary."""
        found = self._found
        error = errors.deciding
        partial = isinstance(error, NoRetryError)
        unequal = found.differences + (0 if self._source else found.missing_at_destination)
        # What of a source leads nowhere is told, and counted; that the trees differ is what matters.
        if (error is None or partial) and unequal:
            error = DifferenceError(f"{unequal} differences found")
        counted = errors.count + unequal
        lines = (
            (found.missing_at_destination, "files missing", self._destination),
            (found.missing_at_source, f"{'files' if self._source else 'hashes'} missing", self._source),
            (found.differences, "differences found", self._destination),
            (counted, "errors while checking", self._destination),
            (found.unhashed, "hashes could not be checked", self._destination),
            (found.matches, "matching files", self._destination),
        )
        for count, text, subject in lines:
            if count or text == "differences found":
                self._emit(Message(Level.NOTICE, f"{count} {text}", subject))
        if not self._source and errors.deciding is None and found.missing_at_destination:
            # rclone ends with the missing file, and counts it once more.
            error, counted = DifferenceError(f"file not in {self._destination}"), counted + 1
        return msgspec.structs.replace(found, errors=counted, error=error)

    def _compare(self, source: Item, destination: Item) -> Sequence[Action]:
        self._emit(Checking(destination.key, destination.size, done=False))
        try:
            known = not self._ignore_size and None not in {source.size, destination.size}
            sizes_differ = known and source.size != destination.size
            difference = "sizes differ" if sizes_differ else self._difference(source, destination)
        except PlaitError as error:
            self._emit(_compared("!", source, destination, error))
            raise
        finally:
            self._emit(Checking(destination.key, destination.size, done=True))
        if difference:
            self._count(differences=1)
            self._tell("*", source, destination, difference)
            return ()
        self._count(matches=1, unhashed=int(difference is None))
        self._emit(_compared("=", source, destination))
        return ()

    def _plan_run(self, run: Same) -> Iterable[Question]:
        """Questions about many files each, whose sizes and times are equal."""
        for start in range(0, len(run.source), RUN):
            stop = min(start + RUN, len(run.source))
            part = Same(run.source.slice(start, stop), run.destination.slice(start, stop))
            first = Pair(part.source.item(0), part.destination.item(0))
            yield Question(first, partial(self._compare_run, part))

    def _compare_run(self, run: Same) -> Sequence[Action]:
        if self._runs is None:
            raise AssertionError("no runs were asked for")
        answers = self._runs.equal(run.source, run.destination)
        matching = [row for row, answer in enumerate(answers) if answer]
        if matching:
            self._count(matches=len(matching))
            whole = len(matching) == len(answers)
            self._emit(ComparedRun(run.destination if whole else run.destination.rows(matching)))
        for row, answer in enumerate(answers):
            if answer:
                continue
            source, destination = run.source.item(row), run.destination.item(row)
            if answer is False:
                self._count(differences=1)
                self._tell("*", source, destination, CONTENTS_DIFFER)
                continue
            try:
                self._compare(source, destination)
            except PlaitError as error:
                if error.fatal:
                    raise
                self._runs.fail(error, source.key)
        return ()

    def _tell(self, verdict: str, source: Item | None, destination: Item | None, text: str) -> None:
        item = source or destination
        self._emit(Message(Level.ERROR, text, "" if item is None else item.key))
        self._emit(_compared(verdict, source, destination))

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


def _compared(verdict: str, source: Item | None, destination: Item | None, error: PlaitError | None = None) -> Compared:
    """The event of a comparison. Where names match that are not equal, the reports of a check have the source's."""
    if source is not None and destination is not None and source.key != destination.key:
        destination = Item(source.key, destination.stat)
    return Compared(verdict, source, destination, error)
