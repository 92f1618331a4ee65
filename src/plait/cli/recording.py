"""The record of a run: its row and its journal, from the command line's side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from plait.cli.directories import state_directory
from plait.engine.events import AttemptEnded, Finished, FinishedRun
from plait.engine.journal import Journal, drop_old_journals
from plait.engine.runs import Counts, RunRecords, RunStatus
from plait.model.errors import CancelledError, ExitCode, PlaitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from plait.engine.events import EventStream
    from plait.engine.settings import Result

JOURNALS: Final = "journals"
MOST_JOURNAL_BYTES: Final = 256 << 20
"""What the journals of all runs may take together; the oldest go first."""
_RUNS_LOOKED_AT: Final = 1000


def journal_directory(environment: Mapping[str, str]) -> Path:
    """Where journals lie."""
    return state_directory(environment) / JOURNALS


class Recording:
    """One run being recorded; a context manager. Raises ConfigurationError and StoreError where that cannot be."""

    def __init__(
        self, command: str, locations: Sequence[str], events: EventStream, environment: Mapping[str, str]
    ) -> None:
        journals = journal_directory(environment)
        try:
            self._records = RunRecords(state_directory(environment))
            self._run = self._records.begin(command, locations)
            self._journal = Journal(journals, self._run)
        except PlaitError as error:
            error.hint = error.hint or "with --no-record it runs without a record"
            raise
        self._attempts = 0
        self._finished = False
        events.subscribe(self._journal, Finished, FinishedRun)
        events.subscribe(self._count_attempt, AttemptEnded)
        self._drop_old(journals)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        if error is None or self._finished:
            return
        if isinstance(error, PlaitError):
            self.finish(None, error, error.exit_code)
        else:
            self.finish(None, PlaitError(f"{type(error).__name__}: {error}"), ExitCode.FAILED)

    def finish(self, result: Result | None, error: PlaitError | None, code: int) -> None:
        """Records how the run ended; `result` is None where it ended before its first attempt did."""
        self._finished = True
        self._journal.close()
        status = RunStatus.DONE if error is None else RunStatus.FAILED
        if isinstance(error, CancelledError):
            status = RunStatus.CANCELLED
        self._records.finish(
            self._run,
            status,
            code,
            counts=Counts() if result is None else Counts.of(result),
            attempts=self._attempts,
            error=None if error is None else error.message,
        )
        self._records.close()

    def _count_attempt(self, event: AttemptEnded) -> None:
        self._attempts = event.number

    def _drop_old(self, journals: Path) -> None:
        def running() -> set[str]:
            return {
                run.journal
                for run in self._records.runs(_RUNS_LOOKED_AT)
                if run.status is RunStatus.RUNNING and run.journal is not None
            }

        drop_old_journals(journals, MOST_JOURNAL_BYTES, running)
