"""The mirror's planner: steps of the merge in, actions out.

It does no I/O. What the listings do not tell becomes a `Question`, whose answer asks the `Lookups` on a worker. What
was found about each pair is told to the event stream, from which the reports are made.
"""

from __future__ import annotations

from threading import Condition
from typing import TYPE_CHECKING

import msgspec

from plait.engine.events import Compared, ComparedRun, Level, Message
from plait.engine.protocols import Question
from plait.engine.steps import Duplicate, Leave, New, Pair, Same
from plait.mirror.comparison import (
    CANNOT_SET_TIME,
    TIMESTAMP_MISMATCH,
    ComparisonSettings,
    Decision,
    HashAnswer,
    Need,
    Verdict,
    compare,
)
from plait.mirror.lookups import look_up, tell_duplicate
from plait.model.actions import Action, Creations, Verb
from plait.model.errors import NoRetryError, PlaitError
from plait.model.items import Item, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from plait.engine.events import Event
    from plait.engine.steps import Step
    from plait.mirror.lookups import Lookups

NOT_THERE = "not in destination"
NO_FILE = "Can't transfer non file/directory"
UNEQUAL = "Source and destination exist but do not match: "
IMMUTABLE = f"{UNEQUAL}immutable file modified"


class PlannerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted, and what both stores can do.

    `deletes`: what only the destination has is deleted (sync). `moves`: the source's files go (move);
    `empties_source`: its directories too. `directories`: the destination has directories of its own;
    `create_empty`: also those without a selected file are made. `directory_times`: they get the source's times;
    `compare_directory_times`: also where nothing in them changes. `max_depth`: the source is listed to this depth, but
    the destination to its end; what lies below a directory that both have there is not known to be extra.
    `times_in_listing`: both listings carry modification times. `renamed`: the name at the destination of a name of the
    source, and whether it is a directory's.
    """

    comparison: ComparisonSettings
    deletes: bool = False
    moves: bool = False
    empties_source: bool = False
    directories: bool = True
    create_empty: bool = False
    directory_times: bool = True
    compare_directory_times: bool = True
    max_depth: int | None = None
    times_in_listing: bool = True
    renamed: Callable[[str, bool], str] | None = None


class _Directory:
    """An open directory of the merge.

    `key` is its place at the destination. `has_files`: a selected file of the source lies in it or below.
    `changed`: the plan changes its entries at the destination. `left_alone`: what only the destination has there is no
    business of the mirror. `open_questions` are comparisons still under way.
    """

    __slots__ = ("changed", "has_files", "key", "left_alone", "open_questions", "settled")

    def __init__(self, key: str, *, left_alone: bool = False) -> None:
        self.key = key
        self.left_alone = left_alone
        self.has_files = False
        self.changed = False
        self.open_questions = 0
        self.settled: Condition | None = None


class MirrorPlanner:
    """Plans sync, copy and move. Steps come from one thread; answers run on any."""

    def __init__(self, settings: PlannerSettings, lookups: Lookups, emit: Callable[[Event], None]) -> None:
        self.settings = settings
        self._lookups = lookups
        self._emit = emit
        self._open = [_Directory("")]

    @staticmethod
    def finish() -> Iterable[Action | Question]:
        """Nothing: each step was decided by itself."""
        return ()

    def plan(self, step: Step) -> Iterable[Action | Creations | Question]:
        """The actions that a step calls for."""
        match step:
            case Pair():
                return self._plan_pair(step)
            case Same():
                return self._plan_same(step)
            case New():
                return self._plan_run(step)
            case Leave():
                return self._plan_leave(step)
            case Duplicate():
                tell_duplicate(step, self._emit)
        return ()

    def _plan_pair(self, pair: Pair) -> Iterable[Action | Question]:
        source, destination = pair.source, pair.destination
        either = source or destination
        if either is None or either.is_directory:
            return self._enter(source, destination)
        if source is not None and source.kind is not Kind.FILE:
            self._leave_out(source)
            source = None
        if destination is not None and destination.kind is not Kind.FILE:
            self._leave_out(destination)
            destination = None
        directory = self._open[-1]
        if source is None:
            return () if destination is None else self._plan_extra(directory, destination)
        directory.has_files = True
        if destination is None:
            return self._plan_new(directory, source)
        return self._plan_matched(directory, source, destination)

    def _enter(self, source: Item | None, destination: Item | None) -> Iterable[Action]:
        if destination is not None:
            key = destination.key
        else:
            key = "" if source is None else self._place(self._open[-1], source)
        left_alone = self._open[-1].left_alone
        depth = self.settings.max_depth
        if depth is not None and source is not None and destination is not None:
            left_alone |= key.count("/") + 1 >= depth
        self._open.append(_Directory(key, left_alone=left_alone))
        if source is not None and destination is None and self.settings.create_empty and self.settings.directories:
            return (Action(Verb.MAKE_DIRECTORY, key, source, None, "source has it"),)
        return ()

    def _plan_extra(self, directory: _Directory, destination: Item) -> Iterable[Action]:
        if directory.left_alone:
            return ()
        self._emit(Compared("-", None, destination))
        if not self.settings.deletes:
            return ()
        directory.changed = True
        return (Action(Verb.DELETE, destination.key, None, destination, "not in source"),)

    def _plan_new(self, directory: _Directory, source: Item) -> Iterable[Action]:
        self._emit(Compared("+", source, None))
        directory.changed = True
        return (Action(Verb.CREATE, self._place(directory, source), source, None, NOT_THERE),)

    def _plan_run(self, step: New) -> Iterable[Creations]:
        directory = self._open[-1]
        directory.has_files = directory.changed = True
        self._emit(ComparedRun(step.files, "+"))
        return (Creations(step.files, directory.key + "/" if directory.key else "", NOT_THERE),)

    def _plan_matched(self, directory: _Directory, source: Item, destination: Item) -> Iterable[Action | Question]:
        known = self.settings.times_in_listing
        decision = compare(self.settings.comparison, source.stat, destination.stat, times_known=known)
        if decision is Need.HASHES:
            listed = self._listed_hashes(source, destination)
            if listed is not None:
                decision = compare(
                    self.settings.comparison, source.stat, destination.stat, times_known=known, hashes=listed
                )
        if isinstance(decision, Decision) and decision.verdict is not Verdict.IMMUTABLE:
            return self._act(directory, source, destination, decision)
        return (self._ask(directory, Pair(source, destination), decision),)

    def _listed_hashes(self, source: Item, destination: Item) -> HashAnswer | None:
        """What the hashes in the listings say; None where one of them is not there."""
        name = self.settings.comparison.common_hash or ""
        ours, theirs = source.stat.hashes.get(name), destination.stat.hashes.get(name)
        if ours is None or theirs is None:
            return None
        return HashAnswer.EQUAL if ours == theirs else HashAnswer.DIFFERENT

    def _act(self, directory: _Directory, source: Item, destination: Item, decision: Decision) -> Sequence[Action]:
        verdict, reason = decision.verdict, decision.reason
        if verdict is Verdict.DIFFERENT:
            self._emit(Compared("*", source, destination))
            if reason == CANNOT_SET_TIME:
                self._emit(Message(Level.INFO, reason, destination.key))
            directory.changed = True
            return (Action(Verb.REPLACE, destination.key, source, destination, reason),)
        self._emit(Compared("=", source, destination))
        if verdict is Verdict.SET_TIME:
            return (Action(Verb.TOUCH, destination.key, source, destination, reason),)
        return self._take_away(source, destination)

    def _take_away(self, source: Item, destination: Item) -> Sequence[Action]:
        """A move deletes the source of what is right already."""
        if not self.settings.moves or self.settings.comparison.ignore_existing:
            return ()
        return (Action(Verb.DELETE_SOURCE, source.key, source, destination, "destination is equal"),)

    def _ask(self, directory: _Directory, pair: Pair, decision: Decision | Need) -> Question:
        if directory.settled is None:
            directory.settled = Condition()
        with directory.settled:
            directory.open_questions += 1

        def answer() -> Sequence[Action]:
            try:
                return self._answer(directory, pair, decision)
            finally:
                _settle(directory)

        return Question(pair, answer)

    def _answer(self, directory: _Directory, pair: Pair, decision: Decision | Need) -> Sequence[Action]:
        source, destination = pair.source, pair.destination
        if source is None or destination is None:
            raise AssertionError("only matched pairs are asked about")
        try:
            decided = look_up(
                self._lookups,
                self.settings.comparison,
                Pair(source, destination),
                decision,
                times_known=self.settings.times_in_listing,
            )
        except PlaitError as error:
            self._emit(Compared("!", source, destination, error))
            raise
        if decided.verdict is Verdict.IMMUTABLE:
            self._emit(Compared("*", source, destination))
            if decided.reason == TIMESTAMP_MISMATCH:
                self._emit(Message(Level.ERROR, decided.reason, destination.key))
            raise NoRetryError(IMMUTABLE, key=destination.key)
        return self._act(directory, source, destination, decided)

    def _plan_same(self, step: Same) -> Iterable[Action]:
        self._open[-1].has_files = True
        self._emit(ComparedRun(step.destination))
        if not self.settings.moves:
            return ()
        pairs = zip(step.source.items(), step.destination.items(), strict=True)
        return [action for source, destination in pairs for action in self._take_away(source, destination)]

    def _plan_leave(self, step: Leave) -> Iterable[Action | Question]:
        directory = self._open.pop()
        parent = self._open[-1]
        source, destination = step.pair.source, step.pair.destination
        parent.has_files |= directory.has_files
        actions: list[Action | Question] = []
        if source is None:
            wanted = self.settings.deletes and self.settings.directories and not directory.left_alone
            if destination is not None and wanted and step.complete:
                parent.changed = True
                actions.append(Action(Verb.REMOVE_DIRECTORY, destination.key, None, destination, "not in source"))
            return actions
        if destination is None and (directory.has_files or self.settings.create_empty):
            parent.changed = True
        actions.extend(self._plan_directory_time(directory, source, destination, step.pair))
        if self.settings.moves and self.settings.empties_source:
            actions.append(Action(Verb.REMOVE_SOURCE_DIRECTORY, source.key, source, None, "moved"))
        return actions

    def _plan_directory_time(
        self, directory: _Directory, source: Item, destination: Item | None, pair: Pair
    ) -> Iterable[Action | Question]:
        if not self.settings.directory_times:
            return ()
        touch = Action(Verb.TOUCH_DIRECTORY, directory.key, source, destination, "directory time")
        if destination is None:
            return (touch,) if directory.has_files or self.settings.create_empty else ()
        if self._directory_differs(source, destination) or directory.changed:
            return (touch,)
        if directory.settled is None:
            return ()
        settled = directory.settled

        def answer() -> Sequence[Action]:
            # Questions are answered in the order in which they were asked, so those waited for are under way.
            with settled:
                settled.wait_for(lambda: directory.open_questions == 0)
            return (touch,) if directory.changed else ()

        return (Question(pair, answer),)

    def _directory_differs(self, source: Item, destination: Item) -> bool:
        comparison = self.settings.comparison
        if not self.settings.compare_directory_times or comparison.window is None:
            return False
        if comparison.ignore_times:
            return True
        if source.modified is None or destination.modified is None:
            return True
        difference = destination.modified - source.modified
        if abs(difference) < comparison.window:
            return False
        return not (comparison.update and difference > 0)

    def _leave_out(self, item: Item) -> None:
        """What is neither file nor directory is no part of a mirror; stores show what is as one of them."""
        self._emit(Message(Level.NOTICE, NO_FILE, item.key))

    def _place(self, directory: _Directory, source: Item) -> str:
        """Where a new item goes: into the matched directory, whose name may be spelled otherwise than the source's."""
        renamed = self.settings.renamed
        if renamed is None:
            return f"{directory.key}/{source.key.rpartition('/')[2]}" if directory.key else source.key
        name = renamed(source.key.rpartition("/")[2], source.is_directory)
        return f"{directory.key}/{name}" if directory.key else name


def _settle(directory: _Directory) -> None:
    settled = directory.settled
    if settled is None:
        raise AssertionError("a directory that was asked about has a condition")
    with settled:
        directory.open_questions -= 1
        settled.notify_all()
