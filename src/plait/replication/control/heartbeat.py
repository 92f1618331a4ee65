"""A request at intervals that says that all is well: sent only while every database is in step."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from plait.model.values.times import NANOSECONDS
from plait.replication.control.controlled import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.control.controlled import Controlled

_CHECK_SECONDS: Final = 15.0
_TIMEOUT: Final = 30.0
_SUCCESS: Final = range(200, 300)


class Heartbeat:
    """Asks `url` every `interval` seconds, as long as each open database was found in step within that time.

    A failure is told, and the next request comes an interval later.
    """

    def __init__(self, url: str, interval: float, daemon: Controlled, tell: Callable[[str], None]) -> None:
        self._url = url
        self._interval = interval
        self._daemon = daemon
        self._tell = tell
        self._last = -interval
        self._closed = Event()

    def start(self) -> None:
        """Begins; returns at once."""
        Thread(target=self._run, name="heartbeat", daemon=True).start()

    def close(self) -> None:
        """Sends no more."""
        self._closed.set()

    def is_well(self, now: int) -> bool:
        """Whether all open databases were in step within the interval before `now` (nanoseconds)."""
        since = now - int(self._interval * NANOSECONDS)
        opened = [status for status in self._daemon.list() if status.state is not State.STOPPED]
        return bool(opened) and all((status.last_sync_at or 0) >= since for status in opened)

    def _run(self) -> None:
        while not self._closed.wait(min(_CHECK_SECONDS, self._interval)):
            if time.monotonic() >= self._last + self._interval and self.is_well(time.time_ns()):
                self._last = time.monotonic()
                self._send()

    def _send(self) -> None:
        import http.client
        import urllib.request

        request = urllib.request.Request(self._url, method="GET")  # noqa: S310  (http and https only, by the settings)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310  (as above)
                if answer.status not in _SUCCESS:
                    self._tell(f"unexpected status {answer.status}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._tell(str(error) or type(error).__name__)
