"""Checking the files of a repository, whatever is in them: packfiles, states and locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.errors import IntegrityError, NotSupportedError, ObjectNotFoundError
from plait.repository.checking.findings import DamagedFile
from plait.repository.format import frames, locks, packfiles, states
from plait.repository.format.resources import STATE_VERSION, VERSION_1_0_0, Resource
from plait.repository.layout import Folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.repository.files import ArchivedFiles, StoredFiles
    from plait.repository.format.codec import Codec

_BLOCK: Final = 4 << 20


def check_packfile(
    files: StoredFiles | ArchivedFiles, codec: Codec, name: bytes, size: int, stopping: Callable[[], bool]
) -> str | None:
    """Reads a packfile from beginning to end; what is wrong with it, None for nothing. Raises the store's errors."""
    try:
        frames.open_header(files.read_packfile(name, 0, frames.HEADER_SIZE), Resource.PACKFILE, VERSION_1_0_0)
        body = size - frames.HEADER_SIZE - frames.TRAILER_SIZE
        packfiles.read_index_in(
            lambda offset, length: files.read_packfile(name, packfiles.file_offset(offset), length), body, codec
        )
        hasher = codec.authenticator.hasher()
        for offset in range(0, size - frames.TRAILER_SIZE, _BLOCK):
            if stopping():
                return None
            hasher.update(files.read_packfile(name, offset, min(_BLOCK, size - frames.TRAILER_SIZE - offset)))
        trailer = files.read_packfile(name, size - frames.TRAILER_SIZE, frames.TRAILER_SIZE)
        if hasher.digest() != trailer:
            return "the packfile does not have the checksum that it ends with"
    except ObjectNotFoundError:
        return "the packfile is missing"
    except (IntegrityError, NotSupportedError) as error:
        return str(error)
    return None


def check_states_and_locks(files: StoredFiles | ArchivedFiles, codec: Codec) -> list[DamagedFile]:
    """Reads all states and locks; those that are damaged. Raises the store's errors."""
    damaged = []
    for folder in (Folder.STATES, Folder.LOCKS):
        for key in files.keys(folder).values():
            try:
                data = files.read(key)
                if folder is Folder.LOCKS:
                    locks.read(data, codec)
                else:
                    version, payload = codec.unwrap(data, Resource.STATE, STATE_VERSION)
                    for _ in states.read_runs(codec.decode(payload), version)[1]:
                        pass
            except ObjectNotFoundError:
                # A lock that was released meanwhile.
                continue
            except (IntegrityError, NotSupportedError) as error:
                damaged.append(DamagedFile(key, str(error)))
    return damaged
