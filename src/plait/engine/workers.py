"""Worker threads of our own, and the token that stops them."""

from __future__ import annotations

from plait.model.errors import CancelledError, PlaitError


class Cancellation:
    """A token that every loop checks. `cancel` takes no lock, so that a signal handler may call it."""

    def __init__(self) -> None:
        self._reason: PlaitError | None = None

    def cancel(self, reason: PlaitError | None = None) -> None:
        """Stops new work; the first reason stays."""
        if self._reason is None:
            self._reason = reason or CancelledError("interrupted")

    def cancelled(self) -> bool:
        """True once `cancel` was called."""
        return self._reason is not None

    @property
    def reason(self) -> PlaitError | None:
        """Why, None while not cancelled."""
        return self._reason

    def raise_if_cancelled(self) -> None:
        """Raises the reason once cancelled."""
        if self._reason is not None:
            raise self._reason
