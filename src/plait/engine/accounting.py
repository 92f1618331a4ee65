"""Errors of one attempt: counted, ranked, and asked by the gates."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from plait.engine.steps import Side
from plait.model.errors import Retry

if TYPE_CHECKING:
    from plait.model.errors import PlaitError


class Errors:
    """What failed so far; may be used from several threads.

    The error that decides is the last fatal one, else the last that another attempt may mend, else the last other one.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._fatal: PlaitError | None = None
        self._normal: PlaitError | None = None
        self._final: PlaitError | None = None
        self.count = 0
        self.listings_failed: set[Side] = set()

    @property
    def source_listing_failed(self) -> bool:
        """True where the source is not known completely."""
        return Side.SOURCE in self.listings_failed

    def add(self, error: PlaitError, *, listing: Side | None = None) -> None:
        """Counts one error; `listing` names the side that is not known completely because of it."""
        with self._lock:
            self.count += 1
            if listing is not None:
                self.listings_failed.add(listing)
            if error.fatal:
                self._fatal = error
            elif error.retry is Retry.NEVER:
                self._final = error
            else:
                self._normal = error

    @property
    def fatal(self) -> PlaitError | None:
        """The last error that ends the run."""
        return self._fatal

    @property
    def deciding(self) -> PlaitError | None:
        """The error that decides the exit code, None where there was none."""
        return self._fatal or self._normal or self._final

    @property
    def may_retry(self) -> bool:
        """True where another attempt may help."""
        return self._fatal is None and self._normal is not None
