"""The exit status of a mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.actions import Verb
from plait.model.errors import ExitCode, NothingTransferredError

if TYPE_CHECKING:
    from plait.engine.settings import Result
    from plait.model.errors import PlaitError

_PLAIN_FAILURES = frozenset({ExitCode.FILE_NOT_FOUND, ExitCode.BUSY, ExitCode.PARTLY})
"""What one file's failure is called elsewhere; a mirror in which a file failed has failed."""


def exit_code(error: PlaitError | None) -> ExitCode:
    """The exit code of a run that this error decides, None for one without errors."""
    if error is None:
        return ExitCode.DONE
    if error.exit_code in _PLAIN_FAILURES:
        return ExitCode.FAILED
    return error.exit_code


def transferred(result: Result) -> int:
    """How many files were transferred, or would have been in a dry run."""
    return sum(counts.get(verb, 0) for counts in (result.done, result.skipped) for verb in (Verb.CREATE, Verb.REPLACE))


def check_transferred(result: Result) -> None:
    """For `--error-on-no-transfer`: raises NothingTransferredError where no file was transferred."""
    if result.error is None and not transferred(result):
        raise NothingTransferredError("nothing was transferred")
