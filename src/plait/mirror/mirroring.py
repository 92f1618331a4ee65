"""Sync, copy and move: two opened trees, made alike as the options say.

A `Mirror` joins the parts: listings and filters, the merge, the planner, the carrier, the executor. What only a dry
run or a saved plan needs are its actions; what a run needs is `run`.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from plait.engine.accounting import Errors
from plait.engine.applying import ExpectingCarrier
from plait.engine.attempts import run_attempts
from plait.engine.events import EventStream, Failed, Level, Message
from plait.engine.executor import NOT_DELETING_DIRECTORIES, NOT_DELETING_FILES, Executor
from plait.engine.listing import TreeListing
from plait.engine.merge import merge
from plait.engine.planning import decide
from plait.engine.settings import ExecutionSettings, Result
from plait.engine.steps import Pair, Side
from plait.engine.transfer import Transfer
from plait.engine.workers import Cancellation
from plait.mirror import settings
from plait.mirror.carrier import MirrorCarrier
from plait.mirror.hashing import hashes_ahead
from plait.mirror.lookups import StoreLookups
from plait.mirror.metadata import Sides, metadata_rules
from plait.mirror.names import inside
from plait.mirror.overlap import OVERLAPPING, overlapping, root_of, same
from plait.mirror.planner import MirrorPlanner
from plait.mirror.questions import Confirmations
from plait.mirror.refinements import Refinements, check_combination
from plait.mirror.seeking import named_pages, sought
from plait.mirror.settings import SECOND, Mode
from plait.model.actions import Creations, Verb
from plait.model.closing import Closing
from plait.model.errors import (
    ConfigurationError,
    DirectoryNotFoundError,
    FatalError,
    FilterError,
    NoRetryError,
    ObjectNotFoundError,
    PlaitError,
)
from plait.model.items import Item, Kind
from plait.stores.abilities import Leftovers
from plait.stores.location import LocationKind, parse_location, typed
from plait.stores.registry import open_location, open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.engine.selection import EntryFailed, Selection
    from plait.engine.steps import Step
    from plait.mirror.filters import Filters
    from plait.mirror.keeping import Keeper
    from plait.mirror.overlap import Root
    from plait.mirror.questions import Answer
    from plait.model.actions import Action
    from plait.model.items import Page
    from plait.model.options import Values
    from plait.stores.base import Store
    from plait.stores.location import Location
    from plait.stores.registry import Opened, Opening


class NotDeletingError(PlaitError):
    """Nothing was deleted because there were errors."""


NO_COMMON_HASH = (
    "--checksum is in use but the source and destination have no hashes in common; falling back to --size-only"
)
NOT_A_DIRECTORY = "is a file not a directory"
SAME = "Nothing to do as source and destination are the same"
SINGLE_WITH_FILTERS = "can't limit to single files when using filters"
NOTHING = Result(done={}, skipped={}, failed={})


class Surroundings(msgspec.Struct, frozen=True):
    """What a verb has around it.

    `ask` puts a question of `--interactive` to a person: what is to be done, and to which key. `parse` reads the
    location in an option's value. `read_lines` reads a file of rules or names; `dump_filters` is given the compiled
    rules as text; `now` is the time that ages count from, in nanoseconds since the epoch, None for the clock.
    """

    events: EventStream = msgspec.field(default_factory=EventStream)
    cancellation: Cancellation = msgspec.field(default_factory=Cancellation)
    ask: Callable[[str, str], Answer] | None = None
    parse: Callable[[str], Location] = parse_location
    read_lines: Callable[[str], Iterable[str]] | None = None
    dump_filters: Callable[[str], None] | None = None
    now: int | None = None


class Mirror(Closing):
    """One sync, copy or move, from opening both sides to closing them; a context manager.

    Made from locations; raises what must be refused before anything is touched: ConfigurationError (contradicting
    options, a bad rule, a destination that is a file), FatalError (overlap, a bad --backup-dir).
    """

    def __init__(
        self,
        mode: Mode,
        source: Location,
        destination: Location,
        values: Values,
        opening: Opening,
        around: Surroundings,
    ) -> None:
        settings.check_values(mode, values)
        check_combination(mode, values)
        self.mode = mode
        self.values = values
        self.around = around
        self.selection = compile_selection(values, around)
        self._typed = (typed(source), typed(destination))
        self._closing = ExitStack()
        self._stores: dict[Root, Store] = {}
        chosen = replace(opening, notices=self.selection.includes_path)
        with ExitStack() as closing:
            self.source = self._open(closing, open_source(source, chosen))
            unchosen = opening if self._sees_all_of_destination() else chosen
            self.destination = self._open(closing, open_source(destination, unchosen))
            if self.destination.file is not None:
                name = destination.path if destination.kind is LocationKind.LOCAL else destination.text
                raise ConfigurationError(NOT_A_DIRECTORY, key=name)
            self.is_same = self._check_places()
            self._keeper = self._open_keeper(closing, opening)
            others = [
                self._open(closing, self._place(name, f'["{text}"]', text, opening, open_location))
                for name, texts in (("compare-dest", values.compare_dest), ("copy-dest", values.copy_dest))
                for text in texts
            ]
            self._refined = Refinements(mode, values, self.source, self.destination, others)
            self._closing = closing.pop_all()

    def close(self) -> None:
        """Closes all stores."""
        self._closing.close()

    def run(self) -> Result:
        """Does it all, in as many attempts as it takes."""
        if self.is_same:
            self.around.events.emit(Message(Level.ERROR, SAME, self.destination.text))
            return NOTHING
        self._warn()
        executor = Executor(self.carrier(), self.around.events, self._execution(), self.around.cancellation)

        def attempt(_: int) -> Result:
            self._announce()
            errors = Errors()
            new_runs = executor.takes_runs and not self._refined.by_file
            result = executor.run(self._decide(errors, new_runs=new_runs), errors)
            return self._with_gate(result, errors)

        pause = self.values.retries_sleep / SECOND
        result = run_attempts(attempt, max(1, self.values.retries), pause, self.around.events, self.around.cancellation)
        if not self.values.dry_run and not result.errors and not result.cancelled:
            # After a failure, they are what the next run goes on with.
            self._remove_leftovers()
        return result

    def _announce(self) -> None:
        """Says what rclone says of an attempt that has limits or an order of its own."""
        emit, values = self.around.events.emit, self.values
        if values.check_first:
            emit(Message(Level.INFO, "Running all checks before starting transfers", self.destination.text))
        if values.max_duration > 0:
            until = time.localtime(time.time() + values.max_duration / SECOND)
            moment = time.strftime("%Y/%m/%d %H:%M:%S", until)
            text = f"Transfer session {values.cutoff_mode} deadline: {moment}"
            emit(Message(Level.INFO, text, self.destination.text))

    def _warn(self) -> None:
        """Says what the options cannot have between these stores."""
        comparison = settings.comparison_settings(self.values, self.source.store, self.destination.store)
        if comparison.checksum and comparison.common_hash is None:
            self.around.events.emit(Message(Level.NOTICE, NO_COMMON_HASH, self.destination.text))
        if self.source.file is None:
            self._refined.warn(self.around.events.emit)

    def apply(self, actions: Iterable[Action]) -> Result:
        """Executes the actions of a saved plan, each only where both sides are still as planned."""
        carrier = ExpectingCarrier(self.carrier(), self.source.store, self.destination.store)
        executor = Executor(carrier, self.around.events, self._execution(), self.around.cancellation)
        return executor.run(actions, Errors())

    def _with_gate(self, result: Result, errors: Errors) -> Result:
        """What was not deleted because of errors is an error that may be mended, even if its reason is none."""
        if not isinstance(result.error, NoRetryError):
            return result
        words = ""
        if self.mode is Mode.SYNC and self._keeps_what_is_extra(errors):
            words = NOT_DELETING_FILES
        elif result.skipped.get(Verb.REMOVE_SOURCE_DIRECTORY) and not self.values.dry_run:
            words = NOT_DELETING_DIRECTORIES
        return msgspec.structs.replace(result, error=NotDeletingError(words), may_retry=True) if words else result

    def _keeps_what_is_extra(self, errors: Errors) -> bool:
        """True where a listing that failed kept a sync from deleting files."""
        if self.values.ignore_errors:
            return False
        early = self.values.delete_before or self.values.delete_during
        return errors.source_listing_failed if early else bool(errors.listings_failed)

    def actions(self, errors: Errors) -> Iterator[Action]:
        """The actions that make both sides alike, from fresh listings and in their order.

        What fails on the way goes into `errors`.
        """
        for action in self._decide(errors, ordered=True):
            if isinstance(action, Creations):
                raise TypeError("no runs were asked for")
            yield action

    def _decide(self, errors: Errors, *, ordered: bool = False, new_runs: bool = False) -> Iterator[Action | Creations]:
        source, destination = self.source.store, self.destination.store
        planner_settings = settings.planner_settings(self.mode, self.values, source, destination)
        if self._sees_all_of_destination():
            planner_settings = msgspec.structs.replace(planner_settings, max_depth=self.selection.max_depth)
        planner_settings = msgspec.structs.replace(planner_settings, renamed=self._refined.transforms)
        emit = self.around.events.emit
        common_hash, server = planner_settings.comparison.common_hash, self.values.use_server_modtime
        lookups = StoreLookups(source, destination, common_hash, emit, server=server)
        planner = MirrorPlanner(planner_settings, lookups, emit)
        steps = self._steps(runs=planner_settings.comparison.trusts_equal_columns, new_runs=new_runs)
        ahead = hashes_ahead(planner_settings.comparison, source, destination, emit, self.around.cancellation.cancelled)
        if ahead is not None and self.source.file is None:
            steps = ahead.steps(steps)
        return decide(
            steps,
            self._refined.planner(planner, emit, self.around.cancellation.cancelled),
            self.around.events,
            errors,
            self.around.cancellation,
            checkers=settings.checkers(self.values, source, destination),
            ordered=ordered,
        )

    def carrier(self) -> MirrorCarrier:
        """What carries out the actions, also those of a saved plan."""
        transfer = Transfer(
            self.source.store,
            self.destination.store,
            settings.transfer_settings(self.values, moves=self.mode is Mode.MOVE),
            cancelled=self.around.cancellation.cancelled,
        )
        emit = self.around.events.emit
        # A marker of --exclude-if-present at the destination alone hides what the source has there, too.
        hidden = self.selection.active or bool(self.selection.exclude_if_present) or self._refined.looks_away
        carrying = settings.carrier_settings(self.mode, self.values, hidden=hidden)
        sides = Sides(self.source.store, self._typed[0], self.destination.store, self._typed[1])
        rules = metadata_rules(self.values, sides, lambda text: emit(Message(Level.DEBUG, text)))
        carrying = msgspec.structs.replace(
            carrying, metadata=rules, copied_from=self._refined.copied_from(emit), unchecked=self._refined.looks_away
        )
        return MirrorCarrier(transfer, carrying, self._keeper, emit)

    def _steps(self, *, runs: bool, new_runs: bool) -> Iterable[Step]:
        if self.source.file is not None:
            return self._steps_of_file(self.source.file)
        source = self._listing(self.source.store, Side.SOURCE, self.selection)
        chosen = None if self._sees_all_of_destination() else self.selection
        destination = self._listing(self.destination.store, Side.DESTINATION, chosen)
        names = settings.matching_names(self.values, self.destination.store.features)
        refined = self._refined
        unlisted = refined.looks_up or refined.looks_away
        steps = merge(
            self._named if refined.looks_up and self._can_name() else source.pages,
            _nothing if unlisted else destination.pages,
            names=names,
            runs=runs,
            new_runs=new_runs,
            renamed=refined.transforms,
        )
        if not refined.looks_up or refined.looks_away:
            return steps
        place = refined.transforms.path if refined.transforms is not None else str
        checkers = settings.checkers(self.values, self.source.store, self.destination.store)
        return sought(steps, self.destination.store, place, checkers, self.around.cancellation.cancelled)

    def _named(self, prefix: str, _descend: Callable[[str], bool]) -> Iterator[Page | EntryFailed]:
        """The source's files that `--files-from` names, looked up instead of listed."""
        names = self.selection.files_from or ()
        return named_pages(self.source.store, names, prefix, self.around.cancellation.cancelled)

    def _can_name(self) -> bool:
        """True where the files are named in a way that is theirs at the store, too."""
        names = self.selection.files_from
        return names is not None and all(inside(name) == name for name in names)

    def _sees_all_of_destination(self) -> bool:
        """True where filters select at the source only."""
        return self.mode is Mode.SYNC and self.values.delete_excluded

    def _listing(self, store: Store, side: Side, selection: Selection | None) -> TreeListing:
        return TreeListing(
            store,
            side,
            selection=selection,
            events=self.around.events,
            missing_is_empty=side is Side.DESTINATION,
            any_name=not any(tree.store.features.directories for tree in (self.source, self.destination)),
            cancelled=self.around.cancellation.cancelled,
        )

    def _steps_of_file(self, name: str) -> Iterator[Step]:
        """A source that is one file: filters do not count, and nothing is deleted."""
        source = Item(name, self.source.store.stat(name))
        transforms = self._refined.transforms
        key = name if transforms is None else transforms.path(name)
        yield Pair(source, None if self._refined.looks_away else _found(self.destination.store, key))

    def _execution(self) -> ExecutionSettings:
        confirm = None
        if self.values.interactive and self.around.ask is not None:
            keeps = bool(self._keeper)
            confirm = Confirmations(self.around.ask, moves=self.mode is Mode.MOVE, keeps=keeps)
        execution = settings.execution_settings(self.mode, self.values, confirm, self.destination.text)
        return msgspec.structs.replace(execution, order=self._refined.order)

    def _open(self, closing: ExitStack, opened: Opened) -> Opened:
        closing.callback(opened.store.close)
        self._stores[root_of(opened)] = opened.store
        return opened

    def _open_keeper(self, closing: ExitStack, opening: Opening) -> Keeper | None:
        values = self.values
        if not values.backup_dir and not values.suffix:
            return None
        from plait.mirror.backups import BackupPlaces

        backup = None
        if values.backup_dir:
            backup = self._open(closing, self._backup_directory(opening))
        places = BackupPlaces(self.source, self.destination, backup)
        places.check(self._includes_directory, suffix=bool(values.suffix))
        return places.keeper(values, opening, closing, self.around.cancellation.cancelled)

    def _backup_directory(self, opening: Opening) -> Opened:
        text = self.values.backup_dir
        return self._place("backup-dir", f'"{text}"', text, opening, open_source)

    def _place(
        self, option: str, shown: str, text: str, opening: Opening, opener: Callable[[Location, Opening], Opened]
    ) -> Opened:
        """The place that an option names. Raises FatalError, in rclone's words, where it cannot be opened."""
        try:
            opened = opener(self.around.parse(text), opening)
        except ConfigurationError as error:
            # What could not be opened is named once.
            reason, hint = error.message.rpartition('": ')[2], error.hint
        else:
            if opened.file is None:
                return opened
            opened.store.close()
            reason, hint = NOT_A_DIRECTORY, None
        raise FatalError(f"failed to make fs for --{option} {shown}: {reason}", hint=hint)

    def _check_places(self) -> bool:
        """Refuses places that overlap; True where source and destination are the same and nothing is to be done."""
        source, destination = root_of(self.source), root_of(self.destination)
        if same(source, destination) and (self.source.file is not None or self.mode is not Mode.SYNC):
            return True
        if self.mode is Mode.COPY or self.source.file is not None:
            return False
        if overlapping(source, destination, self._includes_directory):
            raise FatalError(OVERLAPPING)
        return False

    def _includes_directory(self, outer: Root, path: str) -> bool:
        """True where the filters let a listing of `outer` enter the directory `path`."""
        if not self.selection.includes_directory(path):
            return False
        store = self._stores[outer]
        return not any(_exists(store, f"{path}/{name}") for name in self.selection.exclude_if_present)

    def _remove_leftovers(self) -> None:
        store = self.destination.store
        if not isinstance(store, Leftovers):
            return
        for deleted in store.remove_leftovers():
            if deleted.error is not None:
                self.around.events.emit(Failed(deleted.error, deleted.key))
            else:
                self.around.events.emit(Message(Level.INFO, "Removed left-over partial file", deleted.key))


def compile_selection(values: Values, around: Surroundings) -> Filters:
    """The filter rules of the options. Raises FilterError for a bad rule or a file that cannot be read."""
    from plait.mirror.filters import compile_filters, filter_options, read_lines

    now = time.time_ns() if around.now is None else around.now
    try:
        filters = compile_filters(filter_options(values), now, around.read_lines or read_lines)
    except ConfigurationError as error:
        raise FilterError(error.message, hint=error.hint) from None
    if around.dump_filters is not None:
        around.dump_filters(filters.dump())
    for warning in filters.warnings:
        around.events.emit(Message(Level.ERROR, warning))
    for remark in filters.remarks:
        around.events.emit(Message(Level.INFO, remark))
    return filters


def _nothing(_prefix: str, _descend: Callable[[str], bool]) -> Iterable[Page | EntryFailed]:
    """The listing of a destination that is not listed."""
    return ()


def _found(store: Store, key: str) -> Item | None:
    try:
        item = Item(key, store.stat(key))
    except (ObjectNotFoundError, DirectoryNotFoundError):
        return None
    return None if item.kind is Kind.DIRECTORY else item


def _exists(store: Store, key: str) -> bool:
    try:
        return store.stat(key).kind is not Kind.DIRECTORY
    except PlaitError:
        return False


def sync(
    source: Location, destination: Location, values: Values, opening: Opening, around: Surroundings | None = None
) -> Result:
    """Makes the destination identical to the source, changing the destination only."""
    return _run(Mode.SYNC, source, destination, values, opening, around)


def copy(
    source: Location, destination: Location, values: Values, opening: Opening, around: Surroundings | None = None
) -> Result:
    """Copies what the destination lacks or has otherwise; deletes nothing."""
    return _run(Mode.COPY, source, destination, values, opening, around)


def move(
    source: Location, destination: Location, values: Values, opening: Opening, around: Surroundings | None = None
) -> Result:
    """Copies, and deletes each file of the source once it has arrived."""
    return _run(Mode.MOVE, source, destination, values, opening, around)


def _run(
    mode: Mode,
    source: Location,
    destination: Location,
    values: Values,
    opening: Opening,
    around: Surroundings | None,
) -> Result:
    with Mirror(mode, source, destination, values, opening, around or Surroundings()) as mirror:
        return mirror.run()
