"""A few threads that share one sequence of work, for as long as it lasts."""

from __future__ import annotations

from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, TypeVar

from plait.model.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

JOIN_STEP = 0.2


def run_together(
    work: Callable[[T, Callable[[], bool]], None], items: Iterable[T], workers: int, cancelled: Callable[[], bool]
) -> None:
    """Calls `work(item, stopped)` for every item on `workers` daemon threads, items in order of their start.

    `stopped()` turns true when the run is cancelled or another item failed; work that waits asks it. The first error
    is raised once all threads have ended. Raises CancelledError where cancellation left items undone.
    """
    if workers <= 1:
        for item in items:
            if cancelled():
                raise CancelledError(_INTERRUPTED)
            work(item, cancelled)
        return
    crew = _Crew(work, iter(items), cancelled)
    threads = [Thread(target=crew.run, name=f"part-{number}", daemon=True) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(JOIN_STEP)
    if crew.error is not None:
        raise crew.error
    if crew.unfinished:
        raise CancelledError(_INTERRUPTED)


_INTERRUPTED = "interrupted"


class _Crew:
    def __init__(
        self, work: Callable[[T, Callable[[], bool]], None], items: Iterable[T], cancelled: Callable[[], bool]
    ) -> None:
        self._work = work
        self._items = iter(items)
        self._cancelled = cancelled
        self._failed = Event()
        self._lock = Lock()
        self.error: BaseException | None = None
        self.unfinished = False

    def _stopped(self) -> bool:
        return self._failed.is_set() or self._cancelled()

    def run(self) -> None:
        while True:
            with self._lock:
                item = next(self._items, _END)
            if item is _END:
                return
            if self._stopped():
                self.unfinished = True
                return
            try:
                self._work(item, self._stopped)  # type: ignore[arg-type]  # _END was ruled out
            except BaseException as error:  # noqa: BLE001  (handed to the caller's thread)
                with self._lock:
                    self.error = self.error or error
                self._failed.set()
                return


_END = object()
