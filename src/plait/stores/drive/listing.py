"""Walking folders in the order of keys, with what comes next being asked for ahead."""

from __future__ import annotations

from collections import deque
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Protocol

from plait.model.errors import CancelledError, PlaitError
from plait.model.items import Kind, Page, order_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.model.items import Stat
    from plait.stores.drive.files import Found

WORKERS: Final = 8
AHEAD: Final = 32
"""Folders that are listed before the walk comes to them."""
POLL: Final = 0.1


class Lists(Protocol):
    """Lists one folder: all that is in it."""

    def __call__(self, identifier: str, path: str) -> Sequence[Found]: ...


class Walk:
    """One pass over what is below a folder."""

    def __init__(
        self, lists: Lists, remember: Callable[[str, str], None], descend: Callable[[str], bool] | None
    ) -> None:
        self._lists = lists
        self._remember = remember
        self._descend = descend
        self._ahead = Prefetch(lists)

    def pages(self, identifier: str, prefix: str, after: bytes) -> Iterator[Page]:
        """The items below a folder whose key is `prefix` without its slash, from those that stand after `after` on."""
        try:
            yield from self._folder(identifier, prefix, after, above=())
        finally:
            self._ahead.close()

    def _folder(self, identifier: str, prefix: str, after: bytes, above: tuple[str, ...]) -> Iterator[Page]:
        try:
            found = self._ahead.take(identifier, prefix)
        except CancelledError:
            raise
        except PlaitError as error:
            if not above or error.fatal:
                raise
            yield Page.failed(prefix.removesuffix("/"), error)
            return
        # An item that leads to a folder above it would be walked for ever.
        items = [item for item in found if not (item.is_folder and item.identifier in {*above, identifier})]
        items.sort(key=_order)
        entered = self._entered(items, prefix, after)
        held: list[tuple[str, Stat]] = []
        for item in items:
            key = prefix + item.name
            if item.is_folder:
                self._remember(key, item.identifier)
            if not _stands_after(key, item, after):
                if item.is_folder and after.startswith(order_bytes(key + "/")):
                    yield from self._folder(item.identifier, key + "/", after, (*above, identifier))
                continue
            held.append((item.name, item.stat))
            if item.is_folder:
                yield Page.of(prefix, held)
                held = []
                if key in entered:
                    entered.discard(key)
                    yield from self._folder(item.identifier, key + "/", after, (*above, identifier))
        if held:
            yield Page.of(prefix, held)

    def _entered(self, items: Sequence[Found], prefix: str, after: bytes) -> set[str]:
        """The folders that are wanted; listing them begins. Of folders with one name the first is entered."""
        entered: set[str] = set()
        for item in items:
            key = prefix + item.name
            if not item.is_folder or key in entered or not _stands_after(key, item, after):
                continue
            if self._descend is None or self._descend(key):
                entered.add(key)
                self._ahead.ask(item.identifier, key + "/")
        return entered


def _order(item: Found) -> bytes:
    return order_bytes(item.name + "/" if item.is_folder else item.name)


def _stands_after(key: str, item: Found, after: bytes) -> bool:
    return order_bytes(key + "/" if item.stat.kind is Kind.DIRECTORY else key) > after


class Prefetch:
    """Lists folders on threads of its own, in the order in which they are asked for, a bounded number ahead."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._waiting: deque[tuple[str, str]] = deque()
        self._done: dict[str, Sequence[Found] | PlaitError] = {}
        self._running: set[str] = set()
        self._changed = Condition()
        self._closed = False
        self._threads = 0

    def ask(self, identifier: str, path: str) -> None:
        """Says that a folder will be wanted."""
        with self._changed:
            self._waiting.append((identifier, path))
            if self._threads < min(WORKERS, len(self._waiting) + len(self._running)):
                self._threads += 1
                Thread(target=self._work, name="drive-list", daemon=True).start()
            self._changed.notify_all()

    def take(self, identifier: str, path: str) -> Sequence[Found]:
        """What is in a folder. Raises what listing it raises."""
        with self._changed:
            if identifier not in self._done and identifier not in self._running:
                # Not begun: this thread does it, before what others are at.
                self._waiting = deque(item for item in self._waiting if item[0] != identifier)
                self._changed.release()
                try:
                    return self._lists(identifier, path)
                finally:
                    self._changed.acquire()
            while identifier not in self._done:
                self._changed.wait(POLL)
            result = self._done.pop(identifier)
            self._changed.notify_all()
        if isinstance(result, PlaitError):
            raise result
        return result

    def close(self) -> None:
        """Lets the threads end."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._waiting or len(self._done) >= AHEAD):
                    self._changed.wait(POLL)
                if self._closed:
                    return
                identifier, path = self._waiting.popleft()
                self._running.add(identifier)
            result: Sequence[Found] | PlaitError
            try:
                result = self._lists(identifier, path)
            except PlaitError as error:
                result = error
            except Exception as error:  # noqa: BLE001  (a defect ends the walk, not a thread that nobody waits for)
                result = CancelledError(f"listing failed: {type(error).__name__}: {error}")
            with self._changed:
                self._running.discard(identifier)
                self._done[identifier] = result
                self._changed.notify_all()
