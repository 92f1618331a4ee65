"""Writing a part of a snapshot as an archive that every machine unpacks: tar, tar with gzip, or zip."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
from enum import Enum
from typing import IO, TYPE_CHECKING, Final, Protocol

import msgspec

from plait.engine.workers import Cancellation
from plait.model.errors import IntegrityError, UnsafeNameError
from plait.repository.checking.directories import packfiles_of
from plait.repository.format import entries
from plait.repository.restoring.attributes import permission_bits
from plait.repository.restoring.settings import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.repository.format.entries import Entry, FileInfo
    from plait.repository.snapshots import SnapshotReader

_IN_MEMORY: Final = 16 << 20
"""Bytes of a content up to which it waits in memory to be known as whole, beyond that in a temporary file."""
_BILLION: Final = 1_000_000_000
_LEVEL: Final = 6
"""Of gzip, as its own program has it."""
_FIRST_OF_ZIP: Final = 315_532_800
_LAST_OF_ZIP: Final = 4_354_819_198
"""Seconds since the epoch: zip counts years from 1980 to 2107."""
_EXTENDED_TIME: Final = 0x5455
_OWNER: Final = 0x7875
"""Info-ZIP's extra fields: the time by the clock of the world, which zip's own is not, and the owner by numbers."""


class ArchiveKind(Enum):
    """The kinds of archives, by the original's names, and how their files are called."""

    TAR = "tar"
    TARBALL = "tarball"
    ZIP = "zip"

    @property
    def suffix(self) -> str:
        """The end of a file's name."""
        return {"tar": ".tar", "tarball": ".tar.gz", "zip": ".zip"}[self.value]

    @classmethod
    def of_file(cls, name: str) -> ArchiveKind | None:
        """The kind that the end of a file's name says; None where it says none."""
        ends = {**{kind.suffix: kind for kind in cls}, ".tgz": cls.TARBALL}
        return next((kind for end, kind in ends.items() if name.lower().endswith(end)), None)


class Archived(msgspec.Struct, kw_only=True):
    """What an archive got: how many files and bytes of content, which paths failed, and which it cannot hold."""

    files: int = 0
    size: int = 0
    failures: list[Failure] = []
    left_out: list[str] = []


class _Writer(Protocol):
    """An archive being written. Raises UnsafeNameError for a name that it cannot hold, OSError."""

    def add(self, name: str, entry: Entry, attributes: dict[str, bytes], content: IO[bytes] | None, size: int) -> bool:
        """Adds an entry; False where the archive has nothing for its kind."""
        ...

    def close(self) -> None:
        """Ends the archive."""
        ...


def archive(
    snapshot: SnapshotReader,
    path: str,
    kind: ArchiveKind,
    file: IO[bytes],
    *,
    rebase: bool = False,
    cancellation: Cancellation | None = None,
) -> Archived:
    """Writes what is at and below an absolute path of a snapshot; `file` need not be seekable.

    Names are whole paths without the slash in front, with `rebase` relative to the path. A content is known as whole
    before any of it is written: a damaged one is named in the result and left out.

    Raises ObjectNotFoundError where there is no such path, CancelledError, OSError of the file.
    """
    cancelled = cancellation or Cancellation()
    result = Archived()
    top = snapshot.entry(path)
    writer: _Writer = _Zip(file) if kind is ArchiveKind.ZIP else _Tar(file, compressed=kind is ArchiveKind.TARBALL)

    def damaged(where: str, error: IntegrityError) -> None:
        result.failures.append(Failure(snapshot.identifier, where, str(error), packfiles_of(error)))

    def all_entries() -> Iterator[Entry]:
        yield top
        if top.file_info.is_directory:
            yield from snapshot.walk(top.path, damaged)

    for entry in all_entries():
        cancelled.raise_if_cancelled()
        name = _name(entry, top, rebase=rebase)
        if not name:
            continue
        try:
            _add(snapshot, writer, name, entry, result)
        except IntegrityError as error:
            damaged(entry.path, error)
        except UnsafeNameError as error:
            result.failures.append(Failure(snapshot.identifier, entry.path, str(error)))
    writer.close()
    return result


def _name(entry: Entry, top: Entry, *, rebase: bool) -> str:
    """The name in the archive; "" for what needs none."""
    if not rebase:
        return entry.path.lstrip("/")
    if not top.file_info.is_directory:
        return entry.file_info.name
    return entry.path.removeprefix(top.path).lstrip("/")


def _add(snapshot: SnapshotReader, writer: _Writer, name: str, entry: Entry, result: Archived) -> None:
    attributes = {}
    for attribute in entry.extended_attributes:
        found = snapshot.xattr(entry.path, attribute)
        if found is not None:
            attributes[attribute] = b"".join(snapshot.repository.content(found.object))
    if not entry.file_info.is_regular:
        if not writer.add(name, entry, attributes, None, 0):
            result.left_out.append(entry.path)
        return
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="plait-") as held:
        is_large = entry.file_info.size > _IN_MEMORY
        if is_large:
            held.rollover()
        for chunk in snapshot.content(entry):
            if is_large and chunk.count(0) == len(chunk):
                # A hole of the temporary file: of gigabytes of zeros nothing is written.
                held.seek(len(chunk), os.SEEK_CUR)
            else:
                held.write(chunk)
        size = held.tell()
        held.truncate()
        held.seek(0)
        writer.add(name, entry, attributes, held, size)
    result.files += 1
    result.size += size


class _Tar:
    """POSIX's pax form: names of any bytes, times to the nanosecond, extended attributes as GNU tar has them."""

    def __init__(self, file: IO[bytes], *, compressed: bool) -> None:
        self._links: dict[tuple[int, int, bytes], str] = {}
        # The library's own stream compresses as hard as it can: half a percent smaller, in three times the time.
        self._gzip = gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) if compressed else None
        self._tar = tarfile.open(  # noqa: SIM115  (closed by close)
            fileobj=self._gzip or file,
            mode="w|",
            format=tarfile.PAX_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def add(self, name: str, entry: Entry, attributes: dict[str, bytes], content: IO[bytes] | None, size: int) -> bool:
        info = entry.file_info
        item = tarfile.TarInfo(name)
        item.mode = permission_bits(info.mode)
        item.uid, item.gid, item.uname, item.gname = info.uid, info.gid, info.user, info.group
        seconds, fraction = divmod(info.mod_time, _BILLION)
        item.mtime = seconds
        item.pax_headers = {f"SCHILY.xattr.{key}": _text(value) for key, value in attributes.items()}
        if fraction:
            # Before the epoch the fraction counts towards it.
            sign, whole = ("-", -info.mod_time) if info.mod_time < 0 else ("", info.mod_time)
            item.pax_headers["mtime"] = f"{sign}{whole // _BILLION}.{whole % _BILLION:09d}"
        kinds = {
            entries.MODE_DIRECTORY: tarfile.DIRTYPE,
            entries.MODE_SYMLINK: tarfile.SYMTYPE,
            entries.MODE_FIFO: tarfile.FIFOTYPE,
        }
        if content is None:
            kind = next((kind for bit, kind in kinds.items() if info.mode & bit), None)
            if kind is None:
                return False
            item.type = kind
            item.linkname = entry.symlink_target
        else:
            item.size = size
            first = self._links.setdefault((info.device, info.inode, entry.object), name) if info.links > 1 else name
            if first != name and info.inode:
                item.type, item.linkname, item.size, content = tarfile.LNKTYPE, first, 0, None
        self._tar.addfile(item, content)
        return True

    def close(self) -> None:
        self._tar.close()
        if self._gzip is not None:
            self._gzip.close()


class _Zip:
    """Zip with deflated contents; modes, links, owners and times in seconds as Info-ZIP has them; no attributes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, entry: Entry, attributes: dict[str, bytes], content: IO[bytes] | None, size: int) -> bool:
        del attributes
        import shutil
        import time

        info = entry.file_info
        seconds = min(max(info.mod_time // _BILLION, _FIRST_OF_ZIP), _LAST_OF_ZIP)
        is_link = bool(info.mode & entries.MODE_SYMLINK)
        if content is None and not info.is_directory and not is_link:
            return False
        item = zipfile.ZipInfo(name + "/" if info.is_directory else name, time.gmtime(seconds)[:6])
        kind = stat.S_IFDIR if info.is_directory else stat.S_IFLNK if is_link else stat.S_IFREG
        item.external_attr = (kind | permission_bits(info.mode)) << 16
        item.create_system = 3
        item.compress_type = zipfile.ZIP_STORED if info.is_directory else zipfile.ZIP_DEFLATED
        item.file_size = size
        item.extra = _extra(info)
        source = content or io.BytesIO(b"" if info.is_directory else _bytes(entry.symlink_target))
        try:
            item.filename.encode()
        except UnicodeEncodeError:
            raise UnsafeNameError("a zip archive cannot hold a name that is no text", key=entry.path) from None
        with self._zip.open(item, "w", force_zip64=size > 1 << 31) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        return True

    def close(self) -> None:
        self._zip.close()


def _extra(info: FileInfo) -> bytes:
    """What an entry of a zip archive says beyond zip's own words (Info-ZIP's extrafld.txt)."""
    seconds, fields = info.mod_time // _BILLION, b""
    if -(1 << 31) <= seconds < 1 << 31:
        fields += struct.pack("<HHBi", _EXTENDED_TIME, 5, 1, seconds)
    if max(info.uid, info.gid) < 1 << 32:
        fields += struct.pack("<HHBBIBI", _OWNER, 11, 1, 4, info.uid, 4, info.gid)
    return fields


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
