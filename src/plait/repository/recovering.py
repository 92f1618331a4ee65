"""What a repository holds where a state of it is damaged: packfiles say themselves what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.errors import IntegrityError, NotSupportedError, ObjectNotFoundError
from plait.repository.format import frames, packfiles
from plait.repository.format.merging import Holdings
from plait.repository.format.resources import NO_MAC, VERSION_1_0_0, Resource
from plait.repository.format.states import Location, Packfile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.repository.blobs import BlobIndex
    from plait.repository.files import RepositoryFiles
    from plait.repository.format.codec import Codec
    from plait.repository.format.merging import Place
    from plait.repository.format.packfiles import Index


class RecoveredIndex:
    """An index and, beside it, what is in the packfiles that no readable state names.

    For reading only: what is found there may be what an interrupted backup left, and go with the next maintenance.
    """

    def __init__(self, index: BlobIndex, files: RepositoryFiles, codec: Codec, sizes: dict[bytes, int]) -> None:
        """`sizes`: bytes of the packfiles that are there. Packfiles that cannot be read are left out."""
        self._index = index
        self._found = Holdings()
        named = index.packfiles()
        for name, size in sizes.items():
            if name not in named:
                self._found.apply(_records(files, codec, name, size))

    def places(self, resource: int, mac: bytes) -> Sequence[Place]:
        """As in `BlobIndex`."""
        return [*self._index.places(resource, mac), *self._found.places(resource, mac)]

    def snapshots(self) -> list[bytes]:
        """As in `BlobIndex`; those removed stay so as far as that is known."""
        gone = {mac for resource, mac in self._index.colours() if resource == Resource.SNAPSHOT}
        return sorted({*self._index.snapshots(), *(set(self._found.snapshots()) - gone)})

    def packfiles(self) -> dict[bytes, Packfile]:
        """As in `BlobIndex`."""
        return {**self._index.packfiles(), **self._found.packfiles()}

    def colours(self) -> dict[tuple[int, bytes], int]:
        """As in `BlobIndex`."""
        return self._index.colours()


def read_index(files: RepositoryFiles, codec: Codec, name: bytes, size: int) -> Index | None:
    """What a packfile of `size` bytes says it holds; None where it cannot be read. Raises the store's errors."""
    try:
        frames.open_header(files.read_packfile(name, 0, frames.HEADER_SIZE), Resource.PACKFILE, VERSION_1_0_0)
        return packfiles.read_index_in(
            lambda offset, length: files.read_packfile(name, packfiles.file_offset(offset), length),
            size - frames.HEADER_SIZE - frames.TRAILER_SIZE,
            codec,
        )
    except (IntegrityError, NotSupportedError, ObjectNotFoundError):
        return None


def _records(files: RepositoryFiles, codec: Codec, name: bytes, size: int) -> list[Location | Packfile]:
    """What a state would say of a packfile; nothing where its own index cannot be read. Raises the store's errors."""
    index = read_index(files, codec, name, size)
    if index is None:
        return []
    locations = [
        Location(blob.resource, blob.version, blob.mac, name, blob.offset, blob.length)
        for blob in index.blobs
        if blob.resource != Resource.RANDOM
    ]
    return [*locations, Packfile(name, NO_MAC, index.timestamp)]
