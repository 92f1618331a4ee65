"""Processes or threads that share a piece of work.

Processes where the work is local, as Python's lock lets one thread of a process run at a time. They are forked, so that
they have all that the caller has, and nothing but tasks and results is carried over. Threads where the work waits for a
network.
"""

from __future__ import annotations

import fcntl
import gc
import mmap
import os
import pickle
import selectors
import signal
import struct
import sys
import warnings
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final, Generic, NoReturn, TypeVar

from plait.model.errors import PlaitError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.engine.workers import Cancellation
    from plait.stores.base import Features

T = TypeVar("T")
R = TypeVar("R")

_OF_PARENT: Final = (signal.SIGINT, signal.SIGTERM)
"""Signals that the parent acts on for all; a child that ended by one would leave what it has half written."""
_LENGTH: Final = struct.Struct("<Q")
_POLL: Final = 0.1
_AHEAD: Final = 2
"""Tasks that a process has at once, so that it need not wait for the next."""
_CONNECTIONS: Final = 8
_PIPE: Final = 1 << 20
"""Bytes of results that are on their way."""
_SHORT: Final = 16 << 10
"""Bytes of a task that a pipe takes whatever its reader does, so that parent and child never wait for each other."""


def crew_for(features: Features, function: Callable[[T], R], cancellation: Cancellation) -> Crew[T, R]:
    """A crew that fits a store: of processes for a local one, of threads for one behind a network."""
    if features.depends_on_network:
        return ThreadCrew(function, _CONNECTIONS, cancellation)
    if features.scheme == "local" and sys.platform == "linux":
        return Crew(function, len(os.sched_getaffinity(0)), cancellation)
    return Crew(function, 1, cancellation)


class Crew(Generic[T, R]):
    """Calls `function` for tasks, in `count` forked processes; in this one, at once, where `count` is 1.

    Results come in any order. `stopping()` in the function tells that a task under way should end early. Use it in a
    `with`; one thread. Tasks and results must be picklable.
    """

    def __init__(self, function: Callable[[T], R], count: int, cancellation: Cancellation) -> None:
        self._function = function
        self._count = count
        self._cancellation = cancellation
        self._results: deque[R] = deque()
        self._members: list[_Member] = []
        self._waiting: deque[T] = deque()
        self._flag = mmap.mmap(-1, 1)
        self._selector = selectors.DefaultSelector()

    def stopping(self) -> bool:
        """Whether the work is cancelled; in the function too."""
        return self._cancellation.cancelled() or bool(self._flag[0])

    def start(self) -> None:
        """Forks the processes, unless they are there: before threads of the caller hold locks that these would keep."""
        if self._count > 1 and not self._members:
            self._fork()

    def submit(self, task: T) -> None:
        """Gives a task; it is worked on as soon as a process is free. Raises what the function raises."""
        if self._count == 1:
            self._results.append(self._function(task))
            return
        self.start()
        self._waiting.append(task)
        self._hand_out()

    @property
    def pending(self) -> int:
        """Tasks whose results were not taken yet."""
        return len(self._results) + len(self._waiting) + sum(member.tasks for member in self._members)

    @property
    def is_hungry(self) -> bool:
        """Whether a process has too little to do; without any, whether no result waits to be taken."""
        return not self._results if self._count == 1 else len(self._waiting) < self._count * _AHEAD

    def take(self) -> R | None:
        """The next result; None once cancelled. There must be one `pending`. Raises what the function raised."""
        while not self._results:
            if self._cancellation.cancelled():
                return None
            for key, _ in self._selector.select(_POLL):
                self._receive(key.data)
            self._hand_out()
        return self._results.popleft()

    def __enter__(self) -> Crew[T, R]:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the processes; tasks under way are ended early."""
        self._flag[0] = 1
        for member in self._members:
            self._selector.unregister(member.receiving)
            member.end()
        self._members.clear()
        self._selector.close()

    def _fork(self) -> None:
        for _ in range(self._count):
            task_end, tasks = os.pipe()
            results, result_end = os.pipe()
            with suppress(OSError):
                # Fewer turns between parent and child, where there is as much to be had.
                fcntl.fcntl(results, fcntl.F_SETPIPE_SZ, _PIPE)
            with warnings.catch_warnings():
                # Other threads are no danger: the child runs nothing but the function, and takes no lock of theirs.
                warnings.simplefilter("ignore", DeprecationWarning)
                # A signal must not meet a child that still has the handlers of its parent, who would hear of it.
                mask = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_PARENT)
                pid = os.fork()
            if not pid:
                for number in _OF_PARENT:
                    signal.signal(number, signal.SIG_IGN)
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                for member in self._members:
                    member.close()
                os.close(tasks)
                os.close(results)
                _serve(self._function, task_end, result_end)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(task_end)
            os.close(result_end)
            member = _Member(pid, tasks, results)
            self._members.append(member)
            self._selector.register(results, selectors.EVENT_READ, member)

    def _hand_out(self) -> None:
        for many in range(_AHEAD):
            for member in self._members:
                if not self._waiting or member.tasks != many:
                    continue
                data = pickle.dumps(self._waiting[0], pickle.HIGHEST_PROTOCOL)
                if not many or len(data) <= _SHORT:
                    self._waiting.popleft()
                    member.tasks += 1
                    _write(member.sending, data)

    def _receive(self, member: _Member) -> None:
        data = _read(member.receiving)
        if data is None:
            raise StoreError("a process that shared the work ended early")
        member.tasks -= 1
        result, error = pickle.loads(data)  # noqa: S301  (written by our own process)
        if error is not None:
            raise error
        self._results.append(result)


class ThreadCrew(Crew[T, R]):
    """The same in threads, which share what the function uses."""

    def __init__(self, function: Callable[[T], R], count: int, cancellation: Cancellation) -> None:
        super().__init__(function, count, cancellation)
        self._tasks: SimpleQueue[T | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[R | None, BaseException | None]] = SimpleQueue()
        self._threads = 0
        self._under_way = 0

    def start(self) -> None:
        """Nothing: threads of this process keep no locks of others, and start with their first task."""

    def submit(self, task: T) -> None:
        """As in `Crew`."""
        if self._threads < self._count:
            self._threads += 1
            Thread(target=self._serve, name="crew", daemon=True).start()
        self._under_way += 1
        self._tasks.put(task)

    @property
    def pending(self) -> int:
        """As in `Crew`."""
        return self._under_way

    @property
    def is_hungry(self) -> bool:
        """As in `Crew`."""
        return self._under_way < 2 * self._count

    def take(self) -> R | None:
        """As in `Crew`."""
        while not self._cancellation.cancelled():
            with suppress(Empty):
                result, error = self._answers.get(timeout=_POLL)
                self._under_way -= 1
                if error is not None:
                    raise error
                return result
        return None

    def __exit__(self, *_: object) -> None:
        self._flag[0] = 1
        for _thread in range(self._threads):
            self._tasks.put(None)
        self._selector.close()

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                self._answers.put((self._function(task), None))
            except BaseException as error:  # noqa: BLE001  (raised again in the thread that takes the results)
                self._answers.put((None, error))


class _Member:
    """A process of the crew, as its parent sees it."""

    def __init__(self, pid: int, sending: int, receiving: int) -> None:
        self.pid = pid
        self.sending = sending
        self.receiving = receiving
        self.tasks = 0

    def close(self) -> None:
        os.close(self.sending)
        os.close(self.receiving)

    def end(self) -> None:
        os.close(self.sending)
        # Results that nobody takes must not hold it up.
        while self.tasks and _read(self.receiving) is not None:
            self.tasks -= 1
        os.close(self.receiving)
        # It has nothing left to do; but a process that another thread forked may hold its pipe, which then never ends.
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _serve(function: Callable[[T], R], tasks: int, results: int) -> NoReturn:
    """The life of a process: ends with the pipe, and without running what its parent left to be done at exit."""
    code = 1
    # What the parent has made stays as it is: looking through it again and again only copies its pages.
    gc.freeze()
    try:
        while (data := _read(tasks)) is not None:
            answer: tuple[R | None, BaseException | None]
            try:
                answer = function(pickle.loads(data)), None  # noqa: S301  (written by our own process)
            except PlaitError as error:
                answer = None, error
            _write(results, pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
        code = 0
    except BrokenPipeError:
        # The parent is gone.
        code = 0
    except BaseException:  # noqa: BLE001  (shown, and the parent sees that this process is gone)
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _read(descriptor: int) -> bytearray | None:
    head = _read_exactly(descriptor, _LENGTH.size)
    return None if head is None else _read_exactly(descriptor, _LENGTH.unpack(head)[0])


def _read_exactly(descriptor: int, size: int) -> bytearray | None:
    data = bytearray(size)
    with memoryview(data) as view:
        at = 0
        while at < size:
            many = os.readv(descriptor, [view[at:]])
            if not many:
                return None
            at += many
    return data


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(_LENGTH.pack(len(data)) + data)
    while view:
        view = view[os.write(descriptor, view) :]
