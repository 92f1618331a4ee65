"""One verb at work: its option values, the stores that it opened, what it was allowed to do and what failed."""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from plait.engine.accounting import Errors
from plait.engine.events import AttemptEnded, Failed, Level, Message
from plait.engine.listing import TreeListing
from plait.engine.selection import EntryFailed
from plait.engine.steps import Side
from plait.engine.workers import POLL
from plait.mirror.check import OneFile
from plait.mirror.mirroring import NOT_A_DIRECTORY, SINGLE_WITH_FILTERS, compile_selection
from plait.mirror.questions import Answer, QuitError
from plait.mirror.settings import SECOND
from plait.model.errors import (
    CancelledError,
    ConfigurationError,
    DirectoryNotFoundError,
    NoRetryError,
    PlaitError,
    Retry,
    StoreError,
)
from plait.model.items import Item, Kind, Page, order_bytes
from plait.model.values.sizes import show_size
from plait.stores.abilities import ListsLevels
from plait.stores.location import typed
from plait.stores.registry import open_location, open_source
from plait.stores.wrappers.base import offered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.engine.selection import Selection
    from plait.mirror.filters import Filters
    from plait.mirror.mirroring import Surroundings
    from plait.model.items import Stat
    from plait.model.options import Values
    from plait.stores.base import Store
    from plait.stores.location import Location
    from plait.stores.registry import Opened, Opening

LISTING_FAILED = "error listing: "
"""What stands before the reason why a location could not be listed, in the log."""


class Chosen:
    """A location that was opened for a verb, and which of its items count."""

    def __init__(self, opened: Opened, selection: Selection) -> None:
        self.opened = opened
        self.selection = selection

    @property
    def store(self) -> Store:
        """The store, rooted at the location or at the directory of its file."""
        return self.opened.store

    @property
    def text(self) -> str:
        """The location's name."""
        return self.opened.text


class Task:
    """What every verb is given; a context manager that closes the stores.

    `original`: words, and what is worth another attempt, are rclone's to the letter. `unlisted` are the directories
    that a listing could not tell of.
    """

    def __init__(self, values: Values, opening: Opening, around: Surroundings, *, original: bool = False) -> None:
        self.values = values
        self.original = original
        self.around = around
        self.errors = Errors()
        self.unlisted: set[str] = set()
        self._opening = opening
        self._closing = ExitStack()
        self._answers: dict[str, bool] = {}
        self._counted: list[PlaitError] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    # Opening

    @cached_property
    def filters(self) -> Filters:
        """The filter rules of the options. Raises FilterError."""
        return compile_selection(self.values, self.around)

    def directory(self, location: Location) -> Opened:
        """Opens a location that must be no file; whether it is there is not asked. Raises ConfigurationError."""
        opened = self._open(location)
        if opened.file is not None:
            raise ConfigurationError(NOT_A_DIRECTORY, key=typed(location))
        return opened

    def wrapped(self, store: Store) -> Store:
        """A store that another one gave, with what every store is opened with."""
        return self._opening.wrap(store)

    def either(self, location: Location) -> Opened:
        """Opens a location that may be one file; filters do not count."""
        return self._open(location)

    def chosen(self, location: Location, *, recursive: bool = True) -> Chosen:
        """Opens a location that may be one file, and says what of it counts.

        `recursive` False: its own items only, unless `--max-depth` says more. Raises ConfigurationError where filters
        are given for one file.
        """
        opened = self._open(location)
        if opened.file is None:
            return Chosen(opened, self.filters if recursive else AtDepth(self.filters, 1))
        if self.filters.active:
            raise ConfigurationError(
                f"{SINGLE_WITH_FILTERS}: {typed(location)}",
                hint="name the directory, or leave the filters out",
            )
        return Chosen(opened, OneFile(opened.file))

    def _open(self, location: Location) -> Opened:
        opened = open_source(location, replace(self._opening, notices=self.filters.includes_path))
        self._closing.callback(opened.store.close)
        return opened

    def root(self, location: Location) -> Opened:
        """Opens a location without a look at what it is."""
        opened = open_location(location, self._opening)
        self._closing.callback(opened.store.close)
        return opened

    # Listing

    def items(
        self,
        chosen: Chosen,
        prefix: str = "",
        words: str = LISTING_FAILED,
        subject: str = "",
        *,
        twice: bool = True,
        markers: bool = False,
    ) -> Iterator[Item]:
        """What counts of a location, in the total order; at the end, `Told` is raised of what cannot be listed.

        `words` begin what is told, of `subject`. `twice`: what ends the listing counts as two errors, as with rclone.
        `markers`: what only stands for a directory is an item, too.
        """
        listing = TreeListing(
            chosen.store,
            Side.SOURCE,
            selection=chosen.selection,
            events=self.around.events,
            any_name=not chosen.store.features.directories,
            markers=markers,
            cancelled=self.around.cancellation.cancelled,
        )
        failed: PlaitError | None = None
        if isinstance(chosen.selection, OneFile):
            yield Item(chosen.selection.name, chosen.store.stat(chosen.selection.name))
            return
        by_level = self.original and chosen.store.features.directories
        # rclone tells of what fails where it goes by directories, which it does not for a whole bucket.
        tells = self.original and (by_level or chosen.selection.max_depth is not None)
        try:
            for page in self._by_level(listing, chosen, prefix) if by_level else listing.pages(prefix):
                self.around.cancellation.raise_if_cancelled()
                if not isinstance(page, EntryFailed):
                    yield from page.items()
                if page.error is not None:
                    failed = page.error
                    self.unlisted.add(page.prefix[:-1] if isinstance(page, Page) else page.directory)
                    self.fail(failed, words + failed.message, page.error.key or subject)
        except CancelledError:
            raise
        except PlaitError as raised:
            error = self._worded(raised)
            if not tells:
                raise Told(error) from None
            self.fail(error, words + error.message, subject)
            raise Told(error, twice=twice) from None
        if failed is not None:
            raise Told(failed, twice=twice and self.original)

    @staticmethod
    def _by_level(listing: TreeListing, chosen: Chosen, prefix: str) -> Iterator[Page | EntryFailed]:
        """The directories one after the other, each by the names of its items, before what is below them, as rclone."""
        waiting = deque([prefix])
        while waiting:
            directory = waiting.popleft()
            held: list[tuple[str, Stat]] = []
            for page in listing.pages(directory, lambda _: False):
                if not isinstance(page, Page) or page.error is not None:
                    yield page
                    continue
                held += zip(page.names, map(page.stat, range(len(page))), strict=True)
            held.sort(key=lambda named: order_bytes(named[0]))
            yield Page.of(directory, held)
            deepest = chosen.selection.max_depth
            for name, stat in held:
                if stat.kind is Kind.DIRECTORY and (deepest is None or (directory + name).count("/") + 1 < deepest):
                    waiting.append(f"{directory}{name}/")

    def level(self, chosen: Chosen, words: str = LISTING_FAILED) -> Iterator[Item]:
        """What counts directly in a location, without a walk through what is below it where the store can do that."""
        store = offered(chosen.store, ListsLevels)
        selection = chosen.selection
        if store is None or selection.max_depth != 1 or selection.needs_stat or selection.exclude_if_present:
            yield from self.items(chosen, words=words)
            return
        try:
            for page in store.list_level():
                self.around.cancellation.raise_if_cancelled()
                yield from (item for item in page.items() if _counts(selection, item))
        except CancelledError:
            raise
        except PlaitError as raised:
            error = self._worded(raised)
            if not self.original:
                raise Told(error, twice=False) from None
            self.fail(error, words + error.message)
            raise Told(error) from None

    def _worded(self, error: PlaitError) -> PlaitError:
        """The error in rclone's words, where it is told to the letter."""
        missing = self.original and isinstance(error, DirectoryNotFoundError)
        return DirectoryNotFoundError("directory not found") if missing else error

    # What may be done

    def allows(self, what: str, subject: str, size: int | None = None) -> bool:
        """False where a dry run or a person is against doing `what` to `subject`, which is said. Raises QuitError."""
        if self.values.dry_run:
            self.skipped(what, subject, size, "--dry-run")
            return False
        if not self.values.interactive or self.around.ask is None:
            return True
        remembered = self._answers.get(what)
        if remembered is None:
            answer = self.around.ask(what, subject)
            if answer is Answer.QUIT:
                raise QuitError("quit")
            remembered = answer in {Answer.YES, Answer.DO_ALL}
            if answer in {Answer.SKIP_ALL, Answer.DO_ALL}:
                self._answers[what] = remembered
        if not remembered:
            self.skipped(what, subject, size, "--interactive")
        return remembered

    def skipped(self, what: str, subject: str, size: int | None, option: str) -> None:
        """Says that something is not done."""
        told = "" if size is None else f" (size {show_size(size)})"
        self.say(f"Skipped {what} as {option} is set{told}", subject, Level.NOTICE)

    def say(self, text: str, subject: str = "", level: Level = Level.INFO) -> None:
        """A line for the log."""
        self.around.events.emit(Message(level, text, subject))

    # Errors

    def fail(self, error: PlaitError, text: str | None = None, subject: str = "") -> None:
        """Counts an error and tells it."""
        if not self._knows(error):
            self._counted.append(error)
            self.errors.add(error)
        if text is None:
            self.around.events.emit(Failed(error, subject))
        else:
            self.around.events.emit(Message(Level.ERROR, text, subject, error))

    def adopt(self, errors: Errors) -> None:
        """Takes over what was counted, and told, elsewhere."""
        error = errors.deciding
        if error is not None:
            self.errors.count += errors.count - 1
            self.errors.add(error)

    def attempts(self, work: Callable[[], object], *, retries: bool = False, lead: str = "") -> PlaitError | None:
        """Does the work, again as often as options say while it fails and another attempt may help.

        Returns the error that decides, None where there was none; `lead` stands before its message. Cancellations and
        what must be refused before anything is touched are raised.
        """
        attempts = max(1, self.values.retries) if retries else 1
        pause = self.values.retries_sleep / SECOND
        number = 1
        while True:
            self.errors = Errors()
            self._counted.clear()
            self.unlisted.clear()
            error = self._attempt(work, lead)
            if not retries:
                return error
            again = number < attempts and self._may_retry(error) and not self.around.cancellation.cancelled()
            last = error
            if self.original and error is not None and not error.fatal and not isinstance(error, NoRetryError):
                # To rclone every error may be mended by another attempt.
                last = StoreError(error.message)
            self.around.events.emit(AttemptEnded(number, attempts, self.errors.count, last, again))
            if not again:
                return error
            self._wait(pause)
            number += 1

    def _may_retry(self, error: PlaitError | None) -> bool:
        if error is None or error.fatal:
            return False
        return not isinstance(error, NoRetryError) if self.original else error.retry is Retry.SOON

    def _attempt(self, work: Callable[[], object], lead: str) -> PlaitError | None:
        try:
            work()
        except (CancelledError, ConfigurationError):
            raise
        except Told as told:
            if told.twice or not self._knows(told.error):
                self.errors.add(told.error)
            return _led(told.error, lead if self.original else "")
        except PlaitError as error:
            if not self._knows(error):
                self._counted.append(error)
                self.errors.add(error)
            return error
        return self.errors.deciding

    def _knows(self, error: PlaitError) -> bool:
        return any(known is error for known in self._counted)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.around.cancellation.cancelled():
            time.sleep(min(left, POLL))
        self.around.cancellation.raise_if_cancelled()


class Told(PlaitError):  # noqa: N818  (no error of its own)
    """Carries an error that the log has told already to where the verb ends; `twice`: there it counts again."""

    def __init__(self, error: PlaitError, *, twice: bool = True) -> None:
        super().__init__(error.message, hint=error.hint, key=error.key)
        self.error = error
        self.twice = twice


class AtDepth:
    """A selection that descends no deeper than `depth`, where the options say nothing else."""

    def __init__(self, inner: Selection, depth: int) -> None:
        self.active = inner.active
        self.needs_stat = inner.needs_stat
        self.exclude_if_present = inner.exclude_if_present
        self.includes_file = inner.includes_file
        self.includes_directory = inner.includes_directory
        self.max_depth: int | None = depth if inner.max_depth is None else inner.max_depth


def _led(error: PlaitError, lead: str) -> PlaitError:
    return type(error)(lead + error.message, hint=error.hint, key=error.key) if lead else error


def _counts(selection: Selection, item: Item) -> bool:
    if not selection.active:
        return True
    if item.is_directory:
        return selection.includes_directory(item.key)
    return selection.includes_file(item.key, item.size, item.modified, item.stat.metadata)
