"""`archive`: a part of a snapshot as a file that every machine unpacks."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from plait.cli.commands.repository.listing import open_path
from plait.cli.repositories import RefusedError
from plait.model.errors import DirectoryNotFoundError, ExitCode, UsageError, from_os_error
from plait.stores.outputs import NewFile

if TYPE_CHECKING:
    from typing import IO

    from plait.cli.repositories import RepositoryCommand
    from plait.repository.archiving import Archived, ArchiveKind

_STANDARD_OUTPUT = "-"
_ALIASES = {"tar.gz": "tarball", "tgz": "tarball"}


def archive(command: RepositoryCommand) -> int:
    """Writes the archive; a file that was there is lost only to a whole one.

    What only root may read in the snapshot is in the archive too, which is its owner's alone therefore.
    """
    from plait.repository.archiving import ArchiveKind

    values = command.values
    named = None if command.is_front or values.was_given("format") else ArchiveKind.of_file(values.output)
    try:
        kind = named or ArchiveKind(_ALIASES.get(values.format, values.format))
    except ValueError:
        raise RefusedError(f"unsupported format {values.format}", hint="tar, tarball and zip are known") from None
    output = values.output or f"plakar-{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}{kind.suffix}"
    if output == _STANDARD_OUTPUT:
        result = _write(command, kind, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return _end(command, result)
    try:
        new = NewFile(output)
        try:
            result = _write(command, kind, new.file)
            new.keep()
        finally:
            new.drop()
    except OSError as error:
        context = f"failed to create {output}: open {output}" if command.is_front else f"failed to create {output}"
        raise from_os_error(error, context) from None
    return _end(command, result)


def _write(command: RepositoryCommand, kind: ArchiveKind, file: IO[bytes]) -> Archived:
    from plait.repository.archiving import archive as write_archive

    word = command.invocation.words[0]
    try:
        snapshot, path = open_path(command, word)
    except (DirectoryNotFoundError, UsageError):
        if not command.is_front:
            raise
        raise DirectoryNotFoundError(f"archive: could not open snapshot: {word}") from None
    return write_archive(snapshot, path, kind, file, rebase=command.values.rebase, cancellation=command.cancellation)


def _end(command: RepositoryCommand, result: Archived) -> int:
    for path in result.left_out:
        command.output.warn(f"{path}: left out: an archive of this kind cannot hold it")
    for failure in result.failures:
        command.output.error(f"{failure.path}: {failure.reason}")
    if not result.failures:
        return ExitCode.DONE
    if command.is_front:
        return ExitCode.FAILED
    return ExitCode.PARTLY if result.files else ExitCode.FAILED
