"""The executor: carries out a stream of actions while the listing that they come from still goes on.

Transfers start at once. Deletions, removals of directories and directory times wait: nothing is deleted before the
source was listed completely and without an error, and with `DeleteWhen.AFTER` nothing if anything failed anywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from threading import Lock, Timer
from typing import TYPE_CHECKING

from plait.engine.attempts import run_attempts
from plait.engine.batches import ALONE, Batches, divided
from plait.engine.events import (
    Carried,
    Event,
    EventStream,
    Failed,
    Finished,
    FinishedRun,
    Level,
    Message,
    Planned,
    PlannedRun,
    Started,
)
from plait.engine.limits import Limits, duration_error
from plait.engine.ordering import Ordered
from plait.engine.protocols import CarriesRuns
from plait.engine.settings import Cutoff, DeleteWhen, ExecutionSettings, Result
from plait.engine.spill import Spill
from plait.engine.workers import Cancellation, Workers
from plait.model.actions import Action, Created, Creations, Outcome, Status, Verb
from plait.model.errors import CancelledError, PlaitError, StoreError, TransferLimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from plait.engine.accounting import Errors
    from plait.engine.protocols import Carrier

__all__ = ["Cutoff", "DeleteWhen", "ExecutionSettings", "Executor", "Result", "run_attempts"]

DRY_RUN = "dry run"
REFUSED = "refused"
GATE_CLOSED = "there were errors"
LIMIT_REACHED = "a limit of deletions was reached"
NOT_WANTED = "deletions are off"
"""`Outcome.detail` of what was skipped, and why."""

CHECKS_FINISHED = "Checks finished, now starting transfers"
NOT_DELETING_FILES = "not deleting files as there were IO errors"
NOT_DELETING_DIRECTORIES = "not deleting directories as there were IO errors"

_DELETIONS = frozenset({Verb.DELETE, Verb.DELETE_SOURCE})
_WITH_CONTENT = frozenset({Verb.CREATE, Verb.REPLACE})
_FEWEST_TOGETHER, _MOST_TOGETHER = 100, 1000
"""Bounds of a group of actions that cost a request each, or one together."""
_LEVEL_IN_MEMORY = 1000


class Executor:
    """Executes plans with one carrier; what it counts against limits is counted over all its attempts."""

    def __init__(
        self, carrier: Carrier, events: EventStream, settings: ExecutionSettings, cancellation: Cancellation
    ) -> None:
        self._carrier = carrier
        self._events = events
        self._settings = settings
        self._cancellation = cancellation
        self._limits = Limits(settings)
        self._attempt: _Attempt | None = None
        if settings.max_transfer is not None:
            events.subscribe(self._watch)

    @property
    def takes_runs(self) -> bool:
        """True where new files may come as `Creations`: the carrier takes them, no setting is about single files."""
        settings = self._settings
        return (
            isinstance(self._carrier, CarriesRuns)
            and self._carrier.takes_runs
            and not (settings.dry_run or settings.check_first or settings.delete_when is DeleteWhen.BEFORE)
            and (settings.confirm, settings.max_transfer, settings.max_duration, settings.order) == (None,) * 4
        )

    def run(self, actions: Iterable[Action | Creations], errors: Errors) -> Result:
        """Executes one attempt.

        `actions` is consumed as it comes (`planning.decide`, or a plan file); when it ends, the listing is complete,
        and `errors` holds what failed on the way. An error raised by `actions` ends the attempt without deletions.
        Directory actions may come in any order: they are executed deepest first.

        Raises only what is no `PlaitError`: a defect of the planner, the carrier or a subscriber.
        """
        self._attempt = _Attempt(self._carrier, self._events, self._settings, self._limits, self._cancellation, errors)
        return self._attempt.run(actions)

    def _watch(self, event: Event) -> None:
        if isinstance(event, Carried) and self._attempt is not None:
            error = self._limits.carry(event.size)
            if error is not None:
                self._attempt.abort(error)


class _Attempt:
    """One execution of a plan.

    `_abort` ends what is under way, too; `_stop`, its child, only lets nothing begin.
    """

    def __init__(
        self,
        carrier: Carrier,
        events: EventStream,
        settings: ExecutionSettings,
        limits: Limits,
        cancellation: Cancellation,
        errors: Errors,
    ) -> None:
        self._carrier = carrier
        self._runs = carrier if isinstance(carrier, CarriesRuns) else None
        self._events = events
        self._settings = settings
        self._limits = limits
        self._cancellation = cancellation
        self._errors = errors
        self._abort = Cancellation(cancellation)
        self._stop = Cancellation(self._abort)
        # What is ordered or counted one by one is not handed over together.
        self._batched = carrier.batched and settings.order is None and settings.max_transfer is None
        self._concurrency = carrier.concurrency if settings.transfers is None else settings.transfers
        self._transfers = self._transferring_crew(settings)
        self._batches = Batches(lambda actions: self._transfers.submit(actions, len(actions)))
        self._late = Spill()
        self._deletions = Spill()
        self._removals: dict[int, Spill] = {}
        self._emptied: dict[int, Spill] = {}
        self._times: dict[int, Spill] = {}
        self._respellings: dict[int, Spill] = {}
        self._complete = False
        self._limit_told = False
        self._refused: tuple[Action, PlaitError] | None = None
        self._lock = Lock()
        self._counts: dict[Status, dict[str, int]] = {status: {} for status in Status}
        self._carried = 0
        self._deleted_size = 0

    def run(self, actions: Iterable[Action | Creations]) -> Result:
        """Executes everything and says what was done."""
        settings = self._settings
        seconds = self._limits.seconds_left
        timer = None if seconds is None else Timer(seconds, self._end_of_time)
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            self._plan(actions)
            if settings.delete_when is DeleteWhen.BEFORE:
                compared = self._errors.count
                self._delete()
                self._remove(self._removals, compared)
            if settings.check_first:
                self._events.emit(Message(Level.INFO, CHECKS_FINISHED, settings.subject))
            for action in self._late:
                if self._stop.cancelled() or self._refused is not None:
                    break
                self._start(action)
            self._batches.flush()
            self._transfers.release()
            if settings.delete_when is DeleteWhen.DURING:
                self._delete()
            self._transfers.finish()
            self._end_refused()
            if settings.delete_when in {DeleteWhen.AFTER, DeleteWhen.NEVER}:
                self._delete()
            if settings.delete_when is not DeleteWhen.BEFORE:
                self._remove(self._removals)
            self._set_times_and_spellings()
            self._remove_emptied()
        except BaseException:
            self._abort.cancel()
            raise
        finally:
            if timer is not None:
                timer.cancel()
            for spill in (self._late, self._deletions, *self._spilled()):
                spill.close()
        return self._result()

    def _end_of_time(self) -> None:
        error = duration_error()
        self._tell_limit(error)
        self.abort(error)

    def abort(self, error: PlaitError) -> None:
        """Ends the attempt, and what is under way with it."""
        self._abort.cancel(error)

    # Planning

    def _plan(self, actions: Iterable[Action | Creations]) -> None:
        """Reads the plan; starts what may start and sets the rest aside."""
        try:
            for action in actions:
                if self._stop.cancelled() or self._refused is not None:
                    return
                if isinstance(action, Creations):
                    self._start_run(action)
                else:
                    self._events.emit(Planned(action))
                    self._sort_in(action)
            self._complete = not self._stop.cancelled() and self._refused is None
        except PlaitError as error:
            if isinstance(error, CancelledError):
                self.abort(error)
            elif error is not self._errors.fatal:
                self._errors.add(error)
                self._events.emit(Failed(error, error.key or ""))
            if error.fatal:
                self.abort(error)
        finally:
            if isinstance(actions, Generator):
                actions.close()

    def _sort_in(self, action: Action) -> None:
        verb = action.verb
        if verb is Verb.DELETE:
            self._deletions.append(action)
        elif verb is Verb.REMOVE_DIRECTORY:
            _level(self._removals, action).append(action)
        elif verb is Verb.REMOVE_SOURCE_DIRECTORY:
            _level(self._emptied, action).append(action)
        elif verb is Verb.TOUCH_DIRECTORY:
            _level(self._times, action).append(action)
        elif verb is Verb.RESPELL:
            _level(self._respellings, action).append(action)
        elif self._settings.check_first or self._settings.delete_when is DeleteWhen.BEFORE:
            self._late.append(action)
        else:
            self._start(action)

    # Execution

    def _start(self, action: Action) -> None:
        """Hands a transfer to the workers."""
        if not self._admits(action):
            return
        if self._settings.confirm is not None:
            # What a person said yes to is done before the next question: quitting there must not take it back.
            self._carry((action,))
        elif self._batched:
            self._batches.add(action)
        else:
            self._transfers.submit((action,))

    def _start_run(self, creations: Creations) -> None:
        """Hands new files to the workers, as far as possible together."""
        self._events.emit(PlannedRun(creations))
        for part in divided(creations):
            if isinstance(part, Creations):
                self._transfers.submit(part, len(part))
            else:
                self._batches.add(part)

    def _delete(self) -> None:
        """Deletes what only the destination has, if the gate is open."""
        settings, errors = self._settings, self._errors
        if self._cancellation.cancelled():
            return
        if settings.delete_when is DeleteWhen.NEVER:
            self._skip(self._deletions, NOT_WANTED)
            return
        failed = errors.count > 0 if settings.delete_when is DeleteWhen.AFTER else errors.source_listing_failed
        if self._stop.cancelled() or not self._complete or (failed and not settings.ignore_errors):
            if errors.count or self._limit_told:
                self._events.emit(Message(Level.ERROR, NOT_DELETING_FILES, settings.subject))
            self._skip(self._deletions, GATE_CLOSED)
            return
        self._together(self._deletions, "deletion")

    def _remove(self, removals: dict[int, Spill], passed: int = 0) -> None:
        """Removes directories that are no longer wanted, deepest first, if the gate is open.

        The first `passed` errors do not close it, unless one of them is that a listing failed.
        """
        settings, errors = self._settings, self._errors
        if self._cancellation.cancelled():
            return
        failed = errors.count > passed or bool(errors.listings_failed)
        closed = self._stop.cancelled() or not self._complete or (failed and not settings.ignore_errors)
        never = settings.delete_when is DeleteWhen.NEVER
        if closed:
            if (errors.count or self._limit_told) and (removals or not never):
                self._events.emit(Message(Level.ERROR, NOT_DELETING_DIRECTORIES, settings.subject))
            for level in removals.values():
                self._skip(level, GATE_CLOSED)
            return
        if never and removals is self._removals:
            for level in removals.values():
                self._skip(level, NOT_WANTED)
            return
        for depth in sorted(removals, reverse=True):
            self._together(removals[depth], "directory")

    def _remove_emptied(self) -> None:
        """Removes directories of the source: last, for their metadata may be read until then."""
        if self._emptied:
            self._remove(self._emptied)

    def _set_times_and_spellings(self) -> None:
        """Executes what renames and times come last: a name that changes also changes the time of what holds it."""
        for depth in sorted({*self._times, *self._respellings}, reverse=True):
            for levels in (self._times, self._respellings):
                if depth in levels:
                    self._together(levels[depth], "directory")

    def _spilled(self) -> Iterable[Spill]:
        for levels in (self._removals, self._emptied, self._times, self._respellings):
            yield from levels.values()

    def _together(self, actions: Iterable[Action], name: str) -> None:
        """Executes actions that do not depend on each other, and waits for them."""
        crew = self._crew(name)
        batched = self._carrier.batched
        batches = Batches(lambda batch: crew.submit(batch, len(batch)))
        group: list[Action] = []
        count = len(actions) if isinstance(actions, Spill) else 0
        size = min(max(count // self._concurrency, _FEWEST_TOGETHER), _MOST_TOGETHER)
        left = iter(actions)
        for action in left:
            if self._stop.cancelled():
                break
            if not self._admits(action):
                if self._refused is not None:
                    break
                continue
            if self._settings.confirm is not None:
                self._carry((action,))
            elif batched:
                batches.add(action)
            else:
                if group and (len(group) >= size or group[0].verb is not action.verb):
                    crew.submit(group, len(group))
                    group = []
                group.append(action)
        batches.flush()
        if group:
            crew.submit(group, len(group))
        crew.finish()
        if self._refused is not None:
            self._end_refused()
            self._skip(left, LIMIT_REACHED)

    def _transferring_crew(self, settings: ExecutionSettings) -> Workers[Sequence[Action] | Creations]:
        order = settings.order
        if order is None:
            return self._crew("transfer")
        key = order.key
        queue = Ordered[tuple["Sequence[Action] | Creations", int]](
            lambda queued: key(_first(queued[0])), descending=order.descending, share=order.share
        )
        # What waits for all comparisons is ordered as a whole.
        backlog = sys.maxsize if settings.check_first else settings.max_backlog
        return Workers(
            self._execute, self._concurrency, backlog, self._stop, "transfer", ordered=queue, held=settings.check_first
        )

    def _crew(self, name: str) -> Workers[Sequence[Action] | Creations]:
        return Workers(self._execute, self._concurrency, self._settings.max_backlog, self._stop, name)

    def _admits(self, action: Action) -> bool:
        """True where the action is to be carried out: no limit, dry run or person is against it."""
        if action.verb in _DELETIONS:
            error = self._limits.delete(action)
            if error is not None:
                self._refused = action, error
                return False
        if self._settings.dry_run:
            self._account(Outcome(action, Status.SKIPPED, DRY_RUN))
            return False
        if self._settings.confirm is not None and not self._confirm(self._settings.confirm, action):
            if not self._abort.cancelled():
                self._account(Outcome(action, Status.SKIPPED, REFUSED))
            return False
        return True

    def _confirm(self, confirm: Callable[[Action], bool], action: Action) -> bool:
        try:
            return confirm(action)
        except PlaitError as error:
            self.abort(error)
            return False

    def _end_refused(self) -> None:
        """Ends the run with the deletion that a limit forbade; those before it have happened."""
        if self._refused is not None:
            action, error = self._refused
            self._refused = None
            self._account(Outcome(action, Status.FAILED, error=error))

    def _execute(self, work: Sequence[Action] | Creations) -> None:
        """Executes a batch or a run on a worker."""
        if isinstance(work, Creations):
            self._carry_run(work)
        else:
            self._carry(work)

    def _carry_run(self, creations: Creations) -> None:
        if self._runs is None:
            raise TypeError("this carrier takes no runs")
        self._events.emit(Started(_first(creations)))
        created, left = self._runs.carry_run(creations, self._abort.cancelled)
        if created is not None:
            self._account_run(created)
        if left:
            self._carry(left)

    def _carry(self, actions: Sequence[Action]) -> None:
        actions = self._begin(actions)
        left = {action.key: action for action in actions}
        for position, action in enumerate(actions):
            if not position or action.size >= ALONE:
                self._events.emit(Started(action))
        error: PlaitError = StoreError("the carrier did not say what became of it")
        try:
            for outcome in self._carrier.carry(actions, self._abort.cancelled):
                left.pop(outcome.action.key, None)
                self._account(outcome)
        except PlaitError as raised:
            error = raised
            if isinstance(error, CancelledError):
                self.abort(error)
        if not self._abort.cancelled():
            for action in left.values():
                self._account(Outcome(action, Status.FAILED, error=error))
                if error.fatal:
                    break

    def _begin(self, actions: Sequence[Action]) -> Sequence[Action]:
        """The actions that the limits let begin; the first that they do not stops the attempt."""
        if actions[0].verb not in _WITH_CONTENT:
            return actions
        for position, action in enumerate(actions):
            error = self._limits.begin(action)
            if error is not None:
                self._tell_limit(error)
                self._stop.cancel(error)
                return actions[:position]
        return actions

    def _tell_limit(self, error: PlaitError) -> None:
        """Says, once, that a limit ends the transfers."""
        with self._lock:
            told, self._limit_told = self._limit_told, True
        if told:
            return
        if isinstance(error, TransferLimitError) and self._settings.cutoff is not Cutoff.HARD:
            self._events.emit(Message(Level.NOTICE, f"{error.message} - stopping transfers"))
        elif isinstance(error, TransferLimitError):
            self._events.emit(Message(Level.ERROR, f"Cancelling sync due to fatal error: {error.message}"))
        else:
            self._events.emit(Message(Level.ERROR, error.message, self._settings.subject))

    # Accounts

    def _skip(self, actions: Iterable[Action], why: str) -> None:
        for action in actions:
            self._account(Outcome(action, Status.SKIPPED, why))

    def _account(self, outcome: Outcome) -> None:
        error, verb = outcome.error, outcome.action.verb
        interrupted = isinstance(error, CancelledError)
        with self._lock:
            self._carried += outcome.carried
            if not interrupted:
                counts = self._counts[outcome.status]
                counts[verb] = counts.get(verb, 0) + 1
            if verb in _DELETIONS and outcome.status is Status.DONE:
                self._deleted_size += outcome.action.size
        if error is not None and not interrupted and outcome.status is Status.FAILED:
            self._errors.add(error)
            if error.fatal:
                self.abort(error)
        self._events.emit(Finished(outcome))

    def _account_run(self, created: Created) -> None:
        creations = created.creations
        with self._lock:
            self._carried += creations.size
            done = self._counts[Status.DONE]
            done[Verb.CREATE] = done.get(Verb.CREATE, 0) + len(creations)
        self._events.emit(FinishedRun(created))

    def _result(self) -> Result:
        errors, reason = self._errors, self._stop.reason
        cancelled = isinstance(reason, CancelledError)
        if reason is not None and not cancelled and reason is not errors.fatal:
            errors.add(reason)
        return Result(
            done=self._counts[Status.DONE],
            skipped=self._counts[Status.SKIPPED],
            failed=self._counts[Status.FAILED],
            carried=self._carried,
            deleted_size=self._deleted_size,
            errors=errors.count,
            error=errors.fatal or reason or errors.deciding,
            may_retry=reason is None and errors.may_retry,
            cancelled=cancelled,
            complete=self._complete,
        )


def _first(work: Sequence[Action] | Creations) -> Action:
    return work.action(0) if isinstance(work, Creations) else work[0]


def _level(levels: dict[int, Spill], action: Action) -> Spill:
    """The sequence of the directories at the depth of this one."""
    depth = action.key.count("/")
    level = levels.get(depth)
    if level is None:
        level = levels[depth] = Spill(_LEVEL_IN_MEMORY)
    return level
