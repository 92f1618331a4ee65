"""The mirror's carrier: executes actions through the two stores.

Whatever goes wrong with one action is the outcome of that action; only a cancellation and errors that end the whole
run are raised.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from plait.engine.events import Carried, Level, Message
from plait.engine.transfer import Carriage, Manner
from plait.mirror.alternatives import copy_from
from plait.mirror.deletions import delete_from, discard
from plait.mirror.directories import make_directory, remove_empty, touch_directory
from plait.mirror.lookups import with_time
from plait.mirror.outcomes import (
    COPIED_NEW,
    KEPT,
    MOVED,
    RESPELLED,
    SET_TIME,
    WENT_ON,
    copied,
    failed,
    renamed,
)
from plait.mirror.renaming import rename, respell
from plait.model.actions import Action, Created, Creations, Outcome, Status, Verb
from plait.model.errors import (
    AlreadyExistsError,
    CancelledError,
    NotSupportedError,
    PlaitError,
    PreconditionError,
)
from plait.model.items import Item
from plait.model.values.sizes import show_size_unit
from plait.stores.abilities import Renames, SetsAttributes
from plait.stores.base import Outgoing
from plait.stores.content import check_expected
from plait.stores.copies import Copies, CopyRequest, MovesBatches
from plait.stores.local.options import LINK_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.engine.events import Event
    from plait.engine.limits import Limits
    from plait.engine.transfer import Transfer
    from plait.mirror.alternatives import Alternative
    from plait.mirror.keeping import Keeper
    from plait.mirror.metadata import MetadataRules
    from plait.stores.base import Store
    from plait.stores.copies import CopyResult


class CarrierSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to carry.

    `moves`: the source is deleted once its copy has arrived. `metadata`: the rules for
    metadata of files and directories, None where they are not carried. `partial_suffix`: what the name of a file that
    waits for its predecessor to be kept ends with. `transfers`: how many at once, None for as many as the stores take.
    `hidden`: the filters may hide files of the destination, and
    what is new may find one in its place, which it replaces. `unchecked`: so it may, because nobody looked; then it is
    kept as what was seen is. `copied_from`: trees that the destination copies from by itself what they have, too.
    `server_times`: the time at which a store stored an object is its own. `limits` counts what a move deletes at the
    source, None where nobody minds how much.
    """

    moves: bool = False
    metadata: MetadataRules | None = None
    durable: bool = False
    in_place: bool = False
    partial_suffix: str = ".partial"
    transfers: int | None = None
    hidden: bool = False
    unchecked: bool = False
    copied_from: Sequence[Alternative] = ()
    server_times: bool = False
    limits: Limits | None = None


class MirrorCarrier:
    """Carries between the stores of `transfer`; may be called from several threads."""

    def __init__(
        self,
        transfer: Transfer,
        settings: CarrierSettings,
        keeper: Keeper | None,
        emit: Callable[[Event], None],
    ) -> None:
        self._transfer = transfer
        self._source: Store = transfer.source
        self._destination: Store = transfer.destination
        self._settings = settings
        self._keeper = keeper
        self._emit = emit
        self._how = Outgoing(durable=settings.durable, in_place=settings.in_place)
        # A batch gives each file the metadata of its source.
        self._batches = transfer.batched and not (settings.metadata is not None and settings.metadata.change)
        self._verbs: dict[Verb, Callable[[Sequence[Action], Callable[[], bool]], Iterator[Outcome]]] = {
            Verb.CREATE: self._carry_files,
            Verb.REPLACE: self._carry_files,
            Verb.DELETE: self._delete,
            Verb.DELETE_SOURCE: self._delete_source,
            Verb.TOUCH: self._each(self._touch),
            Verb.RENAME: self._rename_files,
            Verb.RESPELL: self._each(self._respell),
            Verb.MAKE_DIRECTORY: self._each(lambda action: make_directory(self._destination, action)),
            Verb.REMOVE_DIRECTORY: self._each(lambda action: remove_empty(self._destination, action)),
            Verb.REMOVE_SOURCE_DIRECTORY: self._each(lambda action: remove_empty(self._source, action)),
            Verb.TOUCH_DIRECTORY: self._each(
                lambda action: touch_directory(self._destination, action, settings.metadata)
            ),
        }

    @property
    def batched(self) -> bool:
        """True where a directory's actions are best handed over together."""
        return self._batches

    @property
    def takes_runs(self) -> bool:
        """True where new files are carried by one call for many, with nothing to be done for a single one."""
        settings = self._settings
        return self._transfer.pages and not (
            settings.moves or settings.metadata is not None or settings.durable or settings.in_place
        )

    @property
    def concurrency(self) -> int:
        """How many calls of `carry` may run at once."""
        if self._batches:
            return os.cpu_count() or 1
        if self._settings.transfers is not None:
            return self._settings.transfers
        return max(self._source.features.concurrency, self._destination.features.concurrency)

    def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        """Executes actions of one verb and directory."""
        if not actions:
            return iter(())
        carry = self._verbs.get(actions[0].verb)
        if carry is None:
            raise NotSupportedError(f"a mirror does not {actions[0].verb}")
        return carry(actions, cancelled)

    def carry_run(self, creations: Creations, cancelled: Callable[[], bool]) -> tuple[Created | None, Sequence[Action]]:
        """Carries new files of one directory together; returns what was, and the actions of those that could not be."""
        del cancelled  # the transfer knows
        left = self._transfer.carry_page(creations.files, creations.prefix, self._how)
        done = creations.without(left)
        return Created(done, COPIED_NEW) if len(done) else None, [creations.action(row) for row in left]

    def _each(
        self, execute: Callable[[Action], Outcome]
    ) -> Callable[[Sequence[Action], Callable[[], bool]], Iterator[Outcome]]:
        def run(actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
            for action in actions:
                _check(cancelled)
                try:
                    yield execute(action)
                except PlaitError as error:
                    yield failed(action, error)

        return run

    # Files

    def _carry_files(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        keeps = self._keeper is not None and actions[0].verb is Verb.REPLACE
        if not self._batches or keeps or len(actions) == 1:
            yield from self._each(self._carry_file)(actions, cancelled)
            return
        by_key = {action.key: action for action in actions}
        requests = [
            CopyRequest(action.taken(), action.key, None if action.destination is None else action.destination.stat)
            for action in actions
        ]
        results = self._transfer.carry_batch(
            requests, self._how, lambda request, size: self._emit(Carried(by_key[request.key], size))
        )
        for result in results:
            action = by_key[result.request.key]
            try:
                yield self._outcome_of_result(action, result)
            except PlaitError as error:
                yield failed(action, error)

    def _outcome_of_result(self, action: Action, result: CopyResult) -> Outcome:
        if isinstance(result.error, AlreadyExistsError):
            return self._carry_over_hidden(action, result.error)
        if result.error is not None:
            raise result.error
        manner = Manner.MOVE if result.moved else Manner.COPY
        return self._arrived(action, copied(action, Carriage(result.stat, manner, action.taken().size or 0)))

    def _carry_file(self, action: Action) -> Outcome:
        old = action.destination
        if self._keeper is None or old is None:
            try:
                carriage = self._copied_there(action) or self._carry_to(action, action.key)
            except AlreadyExistsError as error:
                return self._carry_over_hidden(action, error)
            return self._arrived(action, copied(action, carriage))
        # A link is made in one step, and could not be renamed out of a name that says it is none.
        if self._keeper.renames and isinstance(self._destination, Renames) and not action.key.endswith(LINK_SUFFIX):
            if self._transfer.moves and _on_one_file_system(action.taken(), old):
                return self._arrived(action, self._keep_and_move(action, old, self._keeper))
            return self._arrived(action, self._exchange(action, old, self._keeper, self._destination))
        gone = self._keeper.renames
        kept = self._keep(self._keeper, old)
        new = msgspec.structs.replace(action, destination=None) if gone else action
        carriage = self._copied_there(action) or self._carry_to(new, action.key)
        return self._arrived(action, msgspec.structs.replace(copied(action, carriage, new=gone or None), kept=kept))

    def _carry_over_hidden(self, action: Action, error: AlreadyExistsError) -> Outcome:
        """Carries a new file to where one is found: the filters hid it, or (an error) it has come since the listing."""
        if not self._settings.hidden or action.destination is not None:
            raise PreconditionError(error.message, key=error.key)
        found = Item(action.key, self._destination.stat(action.key))
        seen = msgspec.structs.replace(action, destination=found)
        if self._settings.unchecked and self._keeper is not None:
            return msgspec.structs.replace(self._carry_file(seen), action=action)
        return self._arrived(action, copied(action, self._carry_to(seen, action.key)))

    def _exchange(self, action: Action, old: Item, keeper: Keeper, store: Renames) -> Outcome:
        """Carries beside; only when the new file is there is the old one taken away, and the new one put in its place.

        Killed in between, the old file is where it is kept, and the new one is carried again.
        """
        aside = _aside(action.key, self._settings.partial_suffix)
        discard(self._destination, aside)
        carriage = self._carry_to(action, aside)
        try:
            kept = self._keep(keeper, old)
            store.rename(aside, action.key, replace=True, durable=self._settings.durable)
        except PlaitError:
            discard(self._destination, aside)
            raise
        # A file that took the place of another is no new one, but its predecessor is.
        return msgspec.structs.replace(copied(action, carriage, new=True), kept=kept)

    def _keep_and_move(self, action: Action, old: Item, keeper: Keeper) -> Outcome:
        """Takes the old file away, then moves the new one to its place.

        The source never has a name that is not its own or its final one, so that it cannot be taken for a left-over.
        """
        item = action.taken()
        check_expected(item.stat, self._source.stat(item.key), item.key)
        kept = self._keep(keeper, old)
        try:
            carriage = self._carry_to(msgspec.structs.replace(action, destination=None), action.key)
        except PlaitError as error:
            return failed(action, error, Outcome(action, Status.FAILED, kept=kept))
        return msgspec.structs.replace(copied(action, carriage, new=True), kept=kept)

    def _carry_to(self, action: Action, key: str) -> Carriage:
        item = action.taken()
        how = self._how
        belongings = None if self._settings.metadata is None else self._settings.metadata.belongings(item)
        if belongings is not None:
            how = msgspec.structs.replace(how, metadata=belongings.metadata, modified=belongings.modified)
        # What keeps its metadata keeps its own time, too.
        stored = self._settings.server_times and belongings is None and not self._transfer.by_destination
        if stored and item.modified is None and how.modified is None:
            how = msgspec.structs.replace(how, modified=item.stat.stored_at)
        replaces = action.destination.stat if action.destination is not None and key == action.key else None
        # Beside its place stands only what may be thrown away again.
        move = key == action.key
        done = self._transfer.carry(item, key, how, lambda size: self._emit(Carried(action, size)), replaces, move=move)
        if done.kept:
            self._emit(Message(Level.INFO, f"{WENT_ON}, of which {show_size_unit(done.kept)} were there", action.key))
        return done

    def _copied_there(self, action: Action) -> Carriage | None:
        """What the destination has copied from another tree of its own; None where no such tree has the file."""
        if not self._settings.copied_from or not isinstance(self._destination, Copies):
            return None
        item = action.taken()
        made = copy_from(self._settings.copied_from, self._destination, item, action.key, self._how)
        if made is None:
            return None
        self._emit(Carried(action, made.size or 0))
        return Carriage(made.stat, Manner.SERVER_SIDE, made.size or 0)

    def _arrived(self, action: Action, outcome: Outcome) -> Outcome:
        """The outcome of a file that is right now; a move then deletes its source."""
        if self._settings.moves and not outcome.moved and outcome.status is Status.DONE:
            error = self._refusal(action)
            if error is not None:
                return failed(action, error, outcome)
            for deleted in self._source.delete([action.taken().key]):
                if deleted.error is not None:
                    return failed(action, deleted.error, outcome)
            return msgspec.structs.replace(outcome, source_deleted=True)
        return outcome

    def _touch(self, action: Action) -> Outcome:
        if not isinstance(self._destination, SetsAttributes):
            raise NotSupportedError("the destination cannot set modification times", key=action.key)
        try:
            self._destination.set_attributes(action.key, modified=self._time_of(action.taken()))
        except NotSupportedError:
            # A link that leads out of the destination: a file takes its place, and what it leads to stays as it is.
            return self._carry_file(action)
        return self._arrived(action, Outcome(action, Status.DONE, SET_TIME))

    def _rename_files(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        store = self._destination
        left = actions
        if len(actions) > 1 and isinstance(store, MovesBatches) and store.can_move_from(store):
            requests = [CopyRequest(action.destination, action.key) for action in actions if action.destination]
            results = store.move_batch(store, requests, self._how, cancelled)
            left = []
            for action, result in zip(actions, results, strict=True):
                if result is None or result.error is not None:
                    left.append(action)
                else:
                    yield renamed(action, moved=True)
        yield from self._each(self._rename)(left, cancelled)

    def _rename(self, action: Action) -> Outcome:
        """Renames what was renamed at the source; carries it where that cannot be done, and leaves the old one."""
        old = action.destination
        if old is None:
            raise AssertionError("only what is there is renamed")
        try:
            moved = rename(self._destination, old, action.key, durable=self._settings.durable)
        except PlaitError as error:
            if error.fatal or isinstance(error, CancelledError):
                raise
            self._emit(Message(Level.DEBUG, f'Failed to rename to "{old.key}": {error.message}', action.key))
            new = msgspec.structs.replace(action, verb=Verb.CREATE, destination=None)
            return msgspec.structs.replace(self._carry_file(new), action=new)
        return renamed(action, moved=moved)

    def _respell(self, action: Action) -> Outcome:
        if action.destination is None:
            raise AssertionError("only what is there is respelled")
        moved = respell(self._destination, action.destination, action.key, durable=self._settings.durable)
        detail = f"{RESPELLED} {action.key}"
        return Outcome(action, Status.DONE, detail, moved=moved, server_side=not moved)

    def _time_of(self, item: Item) -> int | None:
        return with_time(self._source, item, server=self._settings.server_times).modified

    def _delete(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        if self._keeper is not None:
            return self._each(self._keep_and_delete)(actions, cancelled)
        return delete_from(self._destination, actions)

    def _delete_source(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        _check(cancelled)
        refusals = [(action, self._refusal(action)) for action in actions]
        yield from delete_from(self._source, [action for action, error in refusals if error is None])
        for action, error in refusals:
            if error is not None:
                yield failed(action, error)

    def _refusal(self, action: Action) -> PlaitError | None:
        """Why nothing more is to be deleted at the source."""
        return None if self._settings.limits is None else self._settings.limits.delete(action)

    def _keep_and_delete(self, action: Action) -> Outcome:
        if self._keeper is None or action.destination is None:
            raise AssertionError("only what is there is kept")
        kept = self._keep(self._keeper, action.destination)
        if not self._keeper.renames:
            for deleted in self._destination.delete([action.key]):
                if deleted.error is not None:
                    raise deleted.error
        return Outcome(action, Status.DONE, KEPT, kept=kept)

    def _keep(self, keeper: Keeper, item: Item) -> str:
        kept = keeper.keep(item)
        if keeper.renames:
            name = keeper.name(item.key)
            told = MOVED if name == item.key else f"{MOVED} to: {name}"
            self._emit(Message(Level.INFO, told, item.key))
        return kept


def _on_one_file_system(source: Item, destination: Item) -> bool:
    ours, theirs = source.stat.posix, destination.stat.posix
    return ours is not None and theirs is not None and ours.device == theirs.device


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise CancelledError("interrupted")


def _aside(key: str, suffix: str) -> str:
    """The name under which a file waits until its predecessor is kept; the last of the names that a partial may have,
    so that a later run knows it for a leftover and no writer of the same file uses it.
    """
    from plait.stores.local.partials import WRITERS, partial_name

    directory, slash, leaf = key.rpartition("/")
    return directory + slash + partial_name(leaf, suffix, WRITERS - 1)
