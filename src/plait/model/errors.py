"""The error catalogue: what can go wrong, how the process then exits, and what a person may do next.

Every error that reaches a person is a `PlaitError`. It carries one or two clear lines (`message`, `hint`), the exit
code of Plait's own face, and whether another attempt may help. The fronts map the exit codes to their original's.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of Plait's own face; 4 to 10 are rclone's."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    FILE_NOT_FOUND = 4
    TEMPORARY = 5
    NO_RETRY = 6
    FATAL = 7
    TRANSFER_LIMIT = 8
    NO_TRANSFER = 9
    DURATION_LIMIT = 10
    PARTLY = 11
    BUSY = 12
    SECRET = 13
    INTERRUPTED = 130
    TERMINATED = 143


class Retry(Enum):
    """Whether the same work, tried again, may succeed."""

    SOON = "soon"
    """A passing fault: the one call is repeated with back-off, and then the whole attempt."""
    NEXT_ATTEMPT = "next attempt"
    """Not by repeating the call; the next attempt starts from fresh listings and may succeed."""
    NEVER = "never"
    """The answer will be the same."""


class PlaitError(Exception):
    """Base of the catalogue.

    `message` is one line for a person, without a trailing period; `hint` names the next step, where there is one.
    `key` is the item concerned, relative to its location, where there is one.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    retry: ClassVar[Retry] = Retry.NEXT_ATTEMPT
    fatal: ClassVar[bool] = False
    """True when the whole run ends with this error, not only the item."""

    def __init__(self, message: str, *, hint: str | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.key = key

    def __str__(self) -> str:
        return self.message


class UsageError(PlaitError):
    """The words of the command line are wrong; nothing was touched."""

    exit_code = ExitCode.USAGE
    retry = Retry.NEVER
    fatal = True


class ConfigurationError(PlaitError):
    """A configuration file, a remote or a rule is wrong; nothing was touched."""

    retry = Retry.NEVER
    fatal = True


class FilterError(ConfigurationError):
    """A filter rule is wrong, or a file of rules or names cannot be read; nothing was touched."""


class MissingExtraError(ConfigurationError):
    """A library of an optional extra is not installed; the hint is the exact command that installs it."""


class NotSupportedError(PlaitError):
    """The store cannot do what was asked, by its declared features."""

    retry = Retry.NEVER


class DirectoryNotFoundError(PlaitError):
    """A directory, bucket, repository, snapshot or database does not exist (yet: it may be mounted or made)."""

    exit_code = ExitCode.NOT_FOUND


class ObjectNotFoundError(PlaitError):
    """A file or object does not exist."""

    exit_code = ExitCode.FILE_NOT_FOUND


class AlreadyExistsError(PlaitError):
    """A conditional write found something under the key."""

    retry = Retry.NEVER


class PreconditionError(PlaitError):
    """A side is no longer as it was when the action was planned."""


class SourceChangedError(PreconditionError):
    """The source changed while it was being read, or since it was listed."""

    # As rclone ends; unlike it, a further attempt reads the source as it is then.
    exit_code = ExitCode.NO_RETRY


class PermissionDeniedError(PlaitError):
    """The operating system or the server refused access."""


class NoSpaceError(PlaitError):
    """The destination is full (disk, quota)."""


class IntegrityError(PlaitError):
    """Bytes are not what they were said to be: size, hash or authentication tag differ."""


class UnsafeNameError(PlaitError):
    """A name would leave the destination's root or cannot be held by it; the item is refused."""

    retry = Retry.NEVER


class NameTooLongError(PlaitError):
    """The destination cannot hold a name of this length."""

    retry = Retry.NEVER


class TemporaryError(PlaitError):
    """A passing fault of a store: connection lost, server busy, 5xx. The call did not take effect."""

    exit_code = ExitCode.TEMPORARY
    retry = Retry.SOON
    retry_after: float | None = None
    """Seconds that the server asks to wait before the next attempt, where it says so."""


class UnknownOutcomeError(TemporaryError):
    """A call ended without an answer (timeout, lost connection after sending): it may have taken effect."""


class StoreError(PlaitError):
    """Any other failure that a store reported."""


class NoRetryError(PlaitError):
    """An item failed in a way that no attempt can mend (`--immutable`)."""

    exit_code = ExitCode.NO_RETRY
    retry = Retry.NEVER


class FatalError(PlaitError):
    """The run cannot go on: overlapping locations, `--max-delete` reached, a bad `--backup-dir`."""

    exit_code = ExitCode.FATAL
    retry = Retry.NEVER
    fatal = True


class TransferLimitError(FatalError):
    """`--max-transfer` was reached."""

    exit_code = ExitCode.TRANSFER_LIMIT


class DurationLimitError(FatalError):
    """`--max-duration` was reached."""

    exit_code = ExitCode.DURATION_LIMIT


class NothingTransferredError(PlaitError):
    """`--error-on-no-transfer` was given and nothing was transferred."""

    exit_code = ExitCode.NO_TRANSFER
    retry = Retry.NEVER


class BusyError(PlaitError):
    """Something is locked or in use by another process."""

    exit_code = ExitCode.BUSY
    retry = Retry.SOON


class SecretError(PlaitError):
    """A secret is missing or wrong."""

    exit_code = ExitCode.SECRET
    retry = Retry.NEVER
    fatal = True


class CancelledError(PlaitError):
    """The run was interrupted by a signal; what was under way was finished or undone."""

    exit_code = ExitCode.INTERRUPTED
    retry = Retry.NEVER
    fatal = True


def from_os_error(error: OSError, what: str, *, key: str | None = None) -> PlaitError:
    """The catalogue's error for an `OSError`.

    `what` begins the message ("failed to open source"); the operating system's own words follow.
    """
    import errno

    reason = (error.strerror or str(error)).lower()
    message = f"{what}: {reason}"
    kinds: dict[int | None, type[PlaitError]] = {
        errno.ENOENT: ObjectNotFoundError,
        errno.ENOTDIR: StoreError,
        errno.EACCES: PermissionDeniedError,
        errno.EPERM: PermissionDeniedError,
        errno.EROFS: PermissionDeniedError,
        errno.ENOSPC: NoSpaceError,
        errno.EDQUOT: NoSpaceError,
        errno.EEXIST: AlreadyExistsError,
        errno.ENAMETOOLONG: NameTooLongError,
        errno.EINTR: TemporaryError,
        errno.EAGAIN: TemporaryError,
        errno.ETIMEDOUT: UnknownOutcomeError,
        errno.EBUSY: BusyError,
        errno.EXDEV: NotSupportedError,
    }
    return kinds.get(error.errno, StoreError)(message, key=key)
