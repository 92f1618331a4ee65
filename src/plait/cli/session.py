"""What surrounds a command that works on stores: log, events, signals, statistics and what is said at the end."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from plait.cli.directories import state_directory
from plait.cli.guard import say_error, say_lines
from plait.cli.logs import open_log
from plait.cli.opening import location
from plait.cli.output.drawing import DRAWING_SECONDS, Drawing
from plait.cli.output.lines import Lines, failed_deletions, original_words
from plait.cli.output.plan import totals_line
from plait.cli.output.questions import NoAnswerError, Questions
from plait.cli.output.records import OutputClosedError, Records
from plait.cli.output.summary import counts, summary_line, summary_record
from plait.cli.output.ticker import PROGRESS_SECONDS, Block, Display, LoggedFigures, Ticker, interval, stats_level
from plait.cli.remote_options import with_remote_options
from plait.cli.remotes import configuration_path, configured_remotes
from plait.cli.signals import Signals
from plait.cli.trees import tree_opener
from plait.engine.events import EventStream, Failed, Level
from plait.engine.statistics import Statistics
from plait.engine.workers import Cancellation
from plait.mirror.mirroring import Surroundings
from plait.mirror.opening import opening
from plait.mirror.planner import UNEQUAL
from plait.mirror.reports import Reports
from plait.model.errors import (
    CancelledError,
    ConfigurationError,
    DirectoryNotFoundError,
    FatalError,
    NothingTransferredError,
    NotSupportedError,
    PlaitError,
    SecretError,
    UsageError,
)
from plait.stores.interrupting import Interruptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from plait.cli.forms import Invocation
    from plait.cli.recording import Recording
    from plait.engine.planfile import Totals
    from plait.engine.settings import Result
    from plait.model.options import Values
    from plait.stores.location import Location
    from plait.stores.registry import Opening, Remotes
    from plait.stores.wrappers.limits import Limiter


LONG_SECONDS: Final = 10
"""How long a run must take to be worth a word on what would make it faster."""


_BEFORE_ANYTHING: Final = (ConfigurationError, UsageError, SecretError, NotSupportedError, NoAnswerError)
"""After these, rclone shows no statistics."""


class Session:
    """The surroundings of one command; a context manager.

    `writes`: the command has the options of carrying; `measures`: it shows statistics.
    """

    def __init__(self, invocation: Invocation, *, writes: bool, measures: bool = False) -> None:
        self.invocation = invocation
        self.values: Values = invocation.values
        self.face = invocation.face
        self.log = open_log(self.values)
        self.events = EventStream()
        self.cancellation = Cancellation()
        self._interruptions = Interruptions()
        self._limiters: list[Limiter] = []
        self._closing = ExitStack()
        self._showing = ExitStack()
        self._writes = writes
        self._measures = measures or writes
        self._configured: Remotes | None = None
        moves = invocation.command in {"move", "moveto"}
        keeps = writes and bool(self.values.backup_dir or self.values.suffix)
        self._lines = Lines(self.log, moves=moves, keeps=keeps, transfers=writes, rclone=self.face == "rclone")
        self.events.subscribe(self._lines, *self._lines.kinds())
        self._statistics: Statistics | None = None
        self._records = Records(self.cancellation) if self.face == "plait" and self.values.json else None
        if self._records is not None:
            self.events.subscribe(self._records, *Records.KINDS)
        self._summarised = False
        self._shown: Display
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        display, seconds = self._display()
        self._shown = display
        self._closing.enter_context(
            Signals(self.cancellation, display.abandon, self._interruptions.interrupt, self._toggle_limits)
        )
        if seconds is not None:
            self._statistics = Statistics()
            self.events.subscribe(self._statistics, *self._statistics.kinds)
            self._showing.enter_context(Ticker(display, self._statistics.snapshot, seconds))
        reports = Reports.open(self.values, sys.stdout.buffer) if self._reports() else None
        if reports is not None:
            self.events.subscribe(self._closing.enter_context(reports), *Reports.KINDS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self.face == "rclone" and isinstance(error, FatalError):
            self.log.write(Level.ERROR, "Fatal error received - not attempting retries")
            if self._statistics is not None:
                self._statistics(Failed(error))
        elif self.face == "rclone" and isinstance(error, _BEFORE_ANYTHING):
            self._shown.abandon()
        self._showing.close()
        self._closing.close()
        reason = self.cancellation.reason
        if self._measures and isinstance(error, PlaitError) and not isinstance(error, OutputClosedError):
            self._summarise({}, 1, error)
        if isinstance(error, CancelledError) and reason is not None:
            # What was cancelled knows only that it was, not by which signal.
            raise reason from None

    @property
    def around(self) -> Surroundings:
        """What the strands are given."""
        return Surroundings(
            events=self.events,
            cancellation=self.cancellation,
            ask=Questions(self.events, self.face) if self._asks() else None,
            parse=lambda text: location(text, self.face),
            dump_filters=print if self._dumps() else None,
        )

    def carry_one(self) -> None:
        """What the command carries is one file."""
        self._lines.carry_one()
        if self._statistics is not None:
            self._statistics.carry_one()

    def opening(self) -> Opening:
        """How locations are opened."""
        made = opening(
            self.values,
            self._remotes(),
            events=self.events,
            cancellation=self.cancellation,
            writes=self._writes,
            interruptions=self._interruptions,
            limited_by=self._limiters.append,
            state=state_directory(self.invocation.environment),
        )
        return dataclasses.replace(made, trees=tree_opener(self.invocation.environment))

    def location(self, word: str) -> Location:
        """The location that a word names, as `locations` has it."""
        [place] = self.locations((word,))
        return place

    def described(self, place: Location) -> Location:
        """The location with the text by which the log of the face names it."""
        if self.face != "rclone":
            return place
        from plait.cli.fronts.rclone_remotes import with_description

        return with_description(place, self._remotes())

    def locations(self, words: Sequence[str] | None = None) -> list[Location]:
        """The locations that words name (all), on the rclone front with the texts by which its log names them."""
        found = [location(word, self.face) for word in (self.invocation.words if words is None else words)]
        self.values = with_remote_options(self.values, found, self._remotes())
        if self.face != "rclone":
            return found
        from plait.cli.fronts.rclone_remotes import with_description

        described = [with_description(place, self._remotes()) for place in found]
        self._lines.source = described[0].text if described else ""
        if self.log.as_json and len(described) > 1:
            from plait.cli.fronts.rclone_origins import Origins, side_of

            self.log.origin = Origins(*(side_of(place, self._remotes()) for place in described[:2]))
        return described

    def recorded(self, locations: Sequence[str]) -> Recording | Unrecorded:
        """The record of a run between `locations`, as they are shown; a context manager.

        A dry run does nothing that is worth a record, and rclone keeps none.
        """
        if self.face == "rclone" or self.values.dry_run or self.values.no_record:
            return Unrecorded()
        from plait.cli.recording import Recording

        return Recording(self.invocation.command, locations, self.events, self.invocation.environment)

    def deciding(self, result: Result) -> PlaitError | None:
        """The error that decides how a transfer ends; of one that a signal ended, which signal it was."""
        return self.cancellation.reason or result.error if result.cancelled else result.error

    def finish(self, result: Result, error: PlaitError | None, source: Location) -> None:
        """Says what a transfer did, and which error decided."""
        if self.face == "plait":
            self._showing.close()
        if self.face == "plait" and self._records is None and not self.values.quiet and not _idle(result, error):
            line = summary_line(self.invocation.command, result, self._seconds(), dry_run=self.values.dry_run)
            print(line, file=sys.stderr)
            self._tell_of_fallback()
        if self.face == "plait" and isinstance(error, DirectoryNotFoundError):
            error = located(error, source)
        self.end(counts(result), result.errors, error)

    def planned(self, totals: Totals) -> None:
        """Says what a plan amounts to."""
        self._showing.close()
        if self._records is not None:
            self._records.write({"event": "planned", "totals": msgspec.to_builtins(totals)})
        elif not self.values.quiet:
            print(f"{self.invocation.command}: {totals_line(totals)}", file=sys.stderr)

    def end(self, found: Mapping[str, Any], errors: int, error: PlaitError | None) -> None:
        """Says which error decided; under `--json` also `found` and the exit code."""
        if self.face == "rclone" and self._lines.forbidden and isinstance(error, FatalError):
            # Rclone counts each deletion that it tried in vain, and the sync that ended with them.
            errors, error = errors + self._lines.forbidden, FatalError(failed_deletions(self._lines.forbidden))
        if self._statistics is not None and error is not None:
            # What a check finds wrong are its errors, which no event tells of.
            for _ in range(errors - self._statistics.snapshot().errors):
                self._statistics(Failed(error))
        self._showing.close()
        if self.face == "rclone":
            self._end_as_rclone(errors, error)
            return
        self._summarise(found, errors, error)
        if isinstance(error, OutputClosedError):
            raise BrokenPipeError
        if error is not None and error.exit_code:
            say_error(error, errors)

    def _summarise(self, found: Mapping[str, Any], errors: int, error: PlaitError | None) -> None:
        """Writes the last record of `--json`, once."""
        if self._records is not None and not self._summarised:
            self._summarised = True
            self._records.write(summary_record(self.invocation.command, found, errors, error, self._seconds()))

    def _end_as_rclone(self, errors: int, error: PlaitError | None) -> None:
        if isinstance(error, NoAnswerError):
            self.log.critical(error.message)
        elif error is not None and not isinstance(error, CancelledError | NothingTransferredError):
            many = f" with {errors} errors: last error was" if errors > 1 else ""
            self.log.write(
                Level.NOTICE,
                f"Failed to {self.invocation.command}{many}: {original_words(error).removeprefix(UNEQUAL)}",
            )

    def _remotes(self) -> Remotes:
        if self._configured is None:
            self._configured = self._configured_remotes()
        return self._configured

    def _configured_remotes(self) -> Remotes:
        environment = self.invocation.environment
        remotes = configured_remotes(self.values, environment, may_be_missing=self.face == "rclone")
        if self.face != "rclone":
            return remotes
        from plait.cli.fronts.rclone_remotes import TellingRemotes

        path = configuration_path(self.values, environment)
        # Rclone reads its configuration also where no remote is meant, and ends where it cannot.
        remotes.names()
        return TellingRemotes(remotes, self.invocation.words, path, self.log)

    def _toggle_limits(self) -> None:
        """Lifts the limits of bandwidth, or puts them in force again."""
        for limiter in self._limiters:
            if limiter.now.sent or limiter.now.received:
                said = "enabled" if limiter.toggle() else "disabled"
                rates = limiter.now if said == "enabled" else "off"
                self.log.write(Level.NOTICE, f"Bandwidth limit {said} by user (now {rates})")

    def _tell_of_fallback(self) -> None:
        """Says, after a run that took a while, that it need not have."""
        from plait.native import IMPLEMENTATION

        if IMPLEMENTATION == "python" and self._seconds() > LONG_SECONDS:
            say_lines("note", "the native functions ran as Python; built with a C compiler they are faster")

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _display(self) -> tuple[Display, float | None]:
        """What shows statistics, and how often (0: at the end); None for a listing, which is its own output."""
        values, level = self.values, stats_level(self.values)
        logged = LoggedFigures(self.log, values, level, last=self.face == "rclone")
        if not self._measures:
            return logged, None
        if self._draws():
            return Drawing(self.log, self.invocation.command), DRAWING_SECONDS
        seconds = interval(values)
        if values.progress:
            given = values.was_given("stats") and seconds
            return Block(self.log, values, logged if seconds else None), given or PROGRESS_SECONDS
        return logged, seconds if self.log.wants(level) and (seconds or self.face == "rclone") else None

    def _draws(self) -> bool:
        """True where a person looks at Plait's own face."""
        values = self.values
        if self.face == "rclone" or values.quiet or values.json or self._asks():
            return False
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def _asks(self) -> bool:
        return self.values.options.named("interactive") is not None and bool(self.values.interactive)

    def _dumps(self) -> bool:
        return self.values.options.named("dump") is not None and "filters" in self.values.dump

    def _reports(self) -> bool:
        return self.values.options.named("combined") is not None


class Unrecorded:
    """Stands for the recording of a run that is not recorded."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def finish(self, result: Result | None, error: PlaitError | None, code: int) -> None:
        """Does nothing."""


def _idle(result: Result, error: PlaitError | None) -> bool:
    """True where an error is all that there is to tell."""
    return error is not None and not (result.done or result.skipped or result.failed)


def located(error: DirectoryNotFoundError, place: Location) -> DirectoryNotFoundError:
    """The same error, with the location that is not there."""
    return DirectoryNotFoundError(f"{place.text}: {error.message}", hint=error.hint, key=error.key)


@contextmanager
def naming(place: Location, face: str) -> Iterator[None]:
    """Lets the error that something is missing name the location, on Plait's own face."""
    try:
        yield
    except DirectoryNotFoundError as error:
        if face != "plait":
            raise
        raise located(error, place) from None
