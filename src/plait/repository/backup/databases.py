"""SQLite databases in use, in the folders of a backup: saved as consistent images instead of as torn files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Self

import msgspec

from plait.model.errors import CancelledError, PlaitError
from plait.repository.backup.sources import WithoutHoles
from plait.repository.events import Noted, Warned, silent
from plait.stores.sqlite_image import BESIDE, Imager, in_use, is_database

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from types import TracebackType

    from plait.repository.events import Listener
    from plait.repository.format.entries import FileInfo
    from plait.stores.sqlite_image import Image

_MOST_RECORDED: Final = 1000
FACT: Final = "DatabaseImages"
"""Under which the header of a snapshot lists the paths of images, one a line."""


class Databases:
    """Takes the images of one backup, and remembers of which paths. Close it."""

    def __init__(self, told: Listener = silent) -> None:
        self._told = told
        self._imager = Imager()
        self._taken: list[str] = []
        self.cancelled: Callable[[], bool] = lambda: False
        """Whether nobody waits for the backup any more."""

    def images(self, directory: str, names: Iterable[str], kept: Collection[str]) -> Images:
        """Those of the databases in use among the `kept` names of a directory that holds `names`.

        One that cannot be had is told; the file is to be saved as it is read then. Raises CancelledError.
        """
        found: dict[str, Image] = {}
        for name in in_use(names):
            path = os.path.join(directory, name)
            if name not in kept or not is_database(path):
                continue
            try:
                found[name] = self._imager.image(path, self.cancelled)
            except CancelledError:
                raise
            except PlaitError as error:
                text = f"no consistent image of this database can be had, and its files are saved as they are: {error}"
                self._told(Warned(text, path))
            else:
                self._taken.append(path)
                self._told(Noted("a consistent image of this database in use is saved, without its log", path))
        return Images(found)

    def facts(self) -> dict[str, str]:
        """What the header of the snapshot says."""
        return {FACT: "\n".join(self._taken[:_MOST_RECORDED])} if self._taken else {}

    def close(self) -> None:
        """Ends what takes images."""
        self._imager.close()


class Images:
    """The images of one folder."""

    def __init__(self, found: dict[str, Image]) -> None:
        self._found = found
        self._hidden = frozenset(name + end for name in found for end in BESIDE)

    def __bool__(self) -> bool:
        return bool(self._found)

    def shown(self, names: Sequence[str]) -> list[str]:
        """The names without those that mean nothing beside an image."""
        return [name for name in names if name not in self._hidden]

    def content(self, info: FileInfo, xattrs: Callable[[], Sequence[str]]) -> ImageContent | None:
        """The content of a database of the folder; None for any other file."""
        image = self._found.get(info.name)
        return None if image is None else ImageContent(image, info, xattrs)


class ImageContent(WithoutHoles):
    """The content of a database, as a file that is open."""

    def __init__(self, image: Image, info: FileInfo, xattrs: Callable[[], Sequence[str]]) -> None:
        self.info = msgspec.structs.replace(info, size=image.size, mod_time=image.modified)
        self.xattrs = xattrs
        self._image = image
        self._position = 0

    def read(self, size: int, /) -> bytes:
        """As in `Content`."""
        data = os.pread(self._image.descriptor, size, self._position)
        self._position += len(data)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """The image stays: it goes with the folder."""
