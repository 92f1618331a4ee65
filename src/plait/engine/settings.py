"""What execution depends on, and what it leaves."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.engine.ordering import Ordering
    from plait.model.actions import Action
    from plait.model.errors import PlaitError


class DeleteWhen(StrEnum):
    """When deletions happen; in every mode the source is listed first."""

    BEFORE = "before"
    """Before the transfers, which wait until the listing is complete."""
    DURING = "during"
    """Beside the transfers, once the listing is complete."""
    AFTER = "after"
    """After the transfers, and only if nothing failed."""
    NEVER = "never"


class Cutoff(StrEnum):
    """What reaching `--max-transfer` or `--max-duration` does."""

    HARD = "hard"
    """Running transfers are cancelled."""
    SOFT = "soft"
    """Running transfers end, no other begins."""
    CAUTIOUS = "cautious"
    """No transfer begins that would pass the limit."""


class ExecutionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a plan is executed.

    `ignore_errors`: deletions happen in spite of errors, but never where the listing ended early. `max_delete`,
    `max_delete_size`: so many files or bytes are deleted, the next deletion is a fatal error. `transfers` overrides the
    carrier's concurrency. `max_backlog`: transfers planned ahead. `check_first`: transfers wait until everything is
    compared. `order`: in which order transfers begin, None for that of the listing. `confirm` is asked before each
    action, one at a time; what it refuses is skipped, what it raises ends the run. `max_transfer` in bytes,
    `max_duration` in seconds from the beginning of the first attempt. `subject` names the destination in messages.
    """

    delete_when: DeleteWhen = DeleteWhen.AFTER
    ignore_errors: bool = False
    max_delete: int | None = None
    max_delete_size: int | None = None
    dry_run: bool = False
    confirm: Callable[[Action], bool] | None = None
    transfers: int | None = None
    max_backlog: int = 10_000
    check_first: bool = False
    order: Ordering | None = None
    max_transfer: int | None = None
    max_duration: float | None = None
    cutoff: Cutoff = Cutoff.HARD
    subject: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt did.

    `done`, `skipped` and `failed` count outcomes by verb. `carried` and `deleted_size` in bytes. `error` is the one
    that decides the exit code: the last fatal one, else the last normal one, else the last that no retry can mend.
    `may_retry`: another attempt may help. `cancelled`: a person or a signal ended it. `complete`: the plan was read to
    its end.
    """

    done: dict[str, int]
    skipped: dict[str, int]
    failed: dict[str, int]
    carried: int = 0
    deleted_size: int = 0
    errors: int = 0
    error: PlaitError | None = None
    may_retry: bool = False
    cancelled: bool = False
    complete: bool = True
