"""Ctrl-C and SIGTERM: the first stops new work and lets what runs end, the second leaves at once.

What runs has `GRACE` seconds to end by itself before calls that wait for a server are ended.

Signals are read from a wake-up descriptor by a thread of their own: the main thread may be inside a call of a library
for as long as its deadline, and a second Ctrl-C must not wait for that.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from plait.model.errors import CancelledError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.engine.workers import Cancellation

_ENDING: Final = (signal.SIGINT, signal.SIGTERM)
_HANDLED: Final = (*_ENDING, *(getattr(signal, name) for name in ("SIGUSR2",) if hasattr(signal, name)))


GRACE: Final = 2.0


class TerminatedError(CancelledError):
    """The run was ended by SIGTERM."""

    exit_code: ClassVar[ExitCode] = ExitCode.TERMINATED


class Signals:
    """Cancels a run on SIGINT and SIGTERM; a context manager for the main thread.

    `leave` is called right before a second signal ends the process, to put the terminal in order. `interrupt` is called
    where the run still goes on `GRACE` seconds after the first, to end what waits for others. `toggle` is called on
    SIGUSR2, which as with rclone lifts the limits of bandwidth and puts them in force again.
    """

    def __init__(
        self,
        cancellation: Cancellation,
        leave: Callable[[], None] = lambda: None,
        interrupt: Callable[[], None] = lambda: None,
        toggle: Callable[[], None] = lambda: None,
    ) -> None:
        self._cancellation = cancellation
        self._leave = leave
        self._interrupt = interrupt
        self._toggle = toggle
        self._previous: dict[signal.Signals, Any] = {}
        self._previous_descriptor = -1
        self._seen = 0
        self._writer = -1

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            reader, self._writer = os.pipe()
            os.set_blocking(self._writer, False)
            threading.Thread(target=self._watch, args=(reader,), name="signals", daemon=True).start()
            self._previous_descriptor = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
            self._previous = {number: signal.signal(number, _do_nothing) for number in _HANDLED}
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous:
            for number, handler in self._previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._previous_descriptor)
            os.close(self._writer)

    def _watch(self, reader: int) -> None:
        """Acts on each signal, until the writing end is closed."""
        while received := os.read(reader, 1):
            number = received[0]
            if number in _ENDING:
                self._act(number)
            elif number in _HANDLED:
                self._toggle()
        os.close(reader)

    def _act(self, number: int) -> None:
        self._seen += 1
        if self._seen > 1:
            self._leave()
            os._exit(128 + number)
        terminated = number == signal.SIGTERM
        self._cancellation.cancel(TerminatedError("terminated") if terminated else CancelledError("interrupted"))
        timer = threading.Timer(GRACE, self._interrupt)
        timer.daemon = True
        timer.start()


def _do_nothing(number: int, frame: object) -> None:
    """The handler of Python's side: that there is one keeps the signal from ending the process."""
    del number, frame
