"""`delete`, `deletefile` and `cleanup`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.accounting import Errors
from plait.engine.executor import Executor
from plait.engine.settings import DeleteWhen, ExecutionSettings
from plait.engine.transfer import Transfer, TransferSettings
from plait.mirror.carrier import CarrierSettings, MirrorCarrier
from plait.mirror.questions import Confirmations
from plait.mirror.verbs.task import Chosen, Told
from plait.model.actions import Action, Verb
from plait.model.errors import NotSupportedError, ObjectNotFoundError, StoreError
from plait.model.items import Item, Kind
from plait.stores.abilities import CleansUp
from plait.stores.wrappers.base import offered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.engine.settings import Result
    from plait.mirror.verbs.task import Task
    from plait.stores.registry import Opened


def delete(task: Task, chosen: Chosen, *, markers: bool = False) -> int:
    """Deletes the files that count, with `markers` also those that only stand for a directory; directories stay.

    Nothing is deleted before everything was listed. What lies in directories that can be listed is deleted although
    others cannot. Returns how many were. Raises the error that decides.
    """
    unlisted: list[Told] = []

    def files() -> Iterator[Item]:
        try:
            yield from (item for item in task.items(chosen, markers=markers) if item.kind is not Kind.DIRECTORY)
        except Told as told:
            unlisted.append(told)

    result = delete_items(task, chosen.opened, files())
    if result.error is not None and (result.cancelled or result.error.fatal):
        raise result.error
    if unlisted:
        raise unlisted[0]
    failed = result.failed.get(Verb.DELETE, 0)
    if failed:
        raise StoreError(f"failed to delete {failed} files")
    if result.error is not None:
        raise result.error
    return result.done.get(Verb.DELETE, 0)


def delete_items(task: Task, opened: Opened, items: Iterable[Item]) -> Result:
    """Deletes items of a store, as the executor does it: together where the store takes several at once."""
    transfer = Transfer(opened.store, opened.store, TransferSettings(), cancelled=task.around.cancellation.cancelled)
    carrier = MirrorCarrier(transfer, CarrierSettings(), None, task.around.events.emit)
    ask = task.around.ask
    settings = ExecutionSettings(
        delete_when=DeleteWhen.DURING,
        ignore_errors=True,
        dry_run=task.values.dry_run,
        max_delete=_limit(task, "max_delete"),
        max_delete_size=_limit(task, "max_delete_size"),
        confirm=Confirmations(ask) if task.values.interactive and ask is not None else None,
        subject=opened.text,
    )
    errors = Errors()
    executor = Executor(carrier, task.around.events, settings, task.around.cancellation)
    result = executor.run((Action(Verb.DELETE, item.key, destination=item) for item in items), errors)
    task.adopt(errors)
    return result


def _limit(task: Task, name: str) -> int | None:
    """A limit of deletions that the options set, None for none; not every verb has them."""
    if not task.values.was_given(name):
        return None
    limit: int | None = getattr(task.values, name)
    return None if limit is not None and limit < 0 else limit


def delete_file(task: Task, opened: Opened, typed: str) -> None:
    """Deletes the one file that a location names. Raises ObjectNotFoundError where it names none."""
    if opened.file is None:
        raise ObjectNotFoundError(f"{typed} is a directory or doesn't exist: object not found")
    item = Item(opened.file, opened.store.stat(opened.file))
    result = delete_items(task, opened, [item])
    if result.error is not None:
        raise result.error


def clean_up(task: Task, opened: Opened) -> None:
    """Empties the trash of a store, or ends what was abandoned there. Raises NotSupportedError where none is."""
    store = offered(opened.store, CleansUp)
    if store is None:
        raise NotSupportedError(f"{opened.text} doesn't support cleanup")
    if task.allows("clean up old files", opened.text):
        store.clean_up()
