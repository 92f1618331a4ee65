"""Consistent images of SQLite databases that others are using.

A copy of the file of a live database is torn: what was committed may still be in its write-ahead log, and what is being
written is in it by half. SQLite's own backup takes an image that is the database at one moment, and hinders nobody for
longer than a reader would.

A process that closes a plain descriptor of a database drops all locks that it has on it (POSIX), and who copies trees
opens and closes every file. That is why SQLite runs in a process of its own, of which this file is also the program.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import weakref
from typing import TYPE_CHECKING, Final

from plait.model.closing import Closing
from plait.model.errors import CancelledError, StoreError, from_os_error
from plait.stores.descriptors import allow_many_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import apsw

MAGIC: Final = b"SQLite format 3\0"
"""What a database begins with (SQLite's file format, section 1.3.1)."""
IN_USE: Final = ("-wal", "-journal")
"""The ends of the names of files that lie beside a database while it is in use."""
BESIDE: Final = (*IN_USE, "-shm")
"""The ends of the names of all files that mean nothing beside an image."""
_BUSY_MILLISECONDS: Final = 5000
_PAGES: Final = 4096
"""Pages that are copied at once."""
_POLL_MILLISECONDS: Final = 100
_ENDED: Final = "the process that takes images ended early"


class Image:
    """An image that was taken: a file without a name, which goes with the object.

    `size` in bytes; `modified`: when the database was last changed, in nanoseconds since the epoch.
    """

    def __init__(self, descriptor: int, modified: int) -> None:
        self.descriptor: Final = descriptor
        self.size: Final = os.fstat(descriptor).st_size
        self.modified: Final = modified
        weakref.finalize(self, os.close, descriptor)


class Imager(Closing):
    """Takes images, one after the other, by a helper process that starts with the first. Close it."""

    def __init__(self) -> None:
        self._helper: subprocess.Popen[bytes] | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def image(self, path: str, cancelled: Callable[[], bool]) -> Image:
        """The database at an absolute path as it is now.

        Raises StoreError where there can be no image: another program holds it alone, it is damaged, or there is no
        room for it in the directory for temporary files; ObjectNotFoundError where it is gone; CancelledError once
        `cancelled`.
        """
        target = os.path.join(self._start(), "image")
        try:
            modified = _modified(path)
            trouble = self._ask({"path": path, "target": target}, cancelled)
            if trouble:
                raise StoreError(trouble)
            return Image(os.open(target, os.O_RDONLY | os.O_CLOEXEC), modified)
        except OSError as error:
            raise from_os_error(error, "failed to take an image") from None
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)

    def _start(self) -> str:
        """Starts the helper; the directory for images."""
        try:
            if self._directory is None:
                # Each image is an open file, and a folder may hold a database for every customer.
                allow_many_files()
                self._directory = tempfile.TemporaryDirectory(prefix="plait-images-")
            if self._helper is None:
                # Nothing is imported from where the person is: a tree that is backed up is data (-P).
                command = [sys.executable, "-P", "-m", "plait.stores.sqlite_image"]
                # In a session of its own: an interrupt at the terminal is for this process to act on.
                self._helper = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
                )
        except OSError as error:
            raise from_os_error(error, "failed to take an image") from None
        return self._directory.name

    def _ask(self, question: dict[str, str], cancelled: Callable[[], bool]) -> str:
        """Why the helper could take no image, "" where it took one."""
        helper = self._helper
        assert helper is not None  # noqa: S101  (it was started)
        assert helper.stdin is not None  # noqa: S101  (both are pipes)
        assert helper.stdout is not None  # noqa: S101  (it was started with a pipe)
        try:
            helper.stdin.write(json.dumps(question).encode("ascii") + b"\n")
        except BrokenPipeError:
            self.close()
            raise StoreError(_ENDED) from None
        answer = b""
        # Not select: that knows no descriptors beyond the first thousand.
        ready = select.poll()
        ready.register(helper.stdout, select.POLLIN)
        while not answer.endswith(b"\n"):
            if cancelled():
                self.close()
                raise CancelledError("the image of a database was given up")
            if not ready.poll(_POLL_MILLISECONDS):
                continue
            block = os.read(helper.stdout.fileno(), 1 << 16)
            if not block:
                self.close()
                raise StoreError(_ENDED)
            answer += block
        return str(json.loads(answer)["error"])

    def close(self) -> None:
        """Ends the helper. Images that were taken stay good."""
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()
            helper.wait()
            for pipe in (helper.stdin, helper.stdout):
                if pipe is not None:
                    pipe.close()
        directory, self._directory = self._directory, None
        if directory is not None:
            directory.cleanup()


def is_database(path: str, directory: int | None = None) -> bool:
    """Whether a regular file is a database by its first bytes; False where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return False
    try:
        return os.read(descriptor, len(MAGIC)) == MAGIC
    except OSError:
        return False
    finally:
        os.close(descriptor)


def in_use(names: Iterable[str]) -> Iterator[str]:
    """The names that, by what lies beside them, may be those of databases in use; each once."""
    seen = set()
    for name in names:
        if name.endswith(IN_USE):
            base = name.rpartition("-")[0]
            if base and base not in seen:
                seen.add(base)
                yield base


def _modified(path: str) -> int:
    """When the last change was written: to the database, or to its log."""
    found = [os.stat(path).st_mtime_ns]
    for end in IN_USE:
        with contextlib.suppress(FileNotFoundError):
            found.append(os.stat(path + end).st_mtime_ns)
    return max(found)


def _take(path: str, target: str) -> None:
    """Takes an image, in the helper process. Raises apsw.Error."""
    import apsw

    with contextlib.closing(_open(path)) as database, contextlib.closing(apsw.Connection(target)) as image:
        image.execute("pragma journal_mode=off; pragma synchronous=off").fetchall()
        # The first read fixes the moment: whatever is committed from here on is not part of the image.
        database.execute("begin; select 1 from sqlite_schema limit 1").fetchall()
        with image.backup("main", database, "main") as copying:
            while not copying.done:
                copying.step(_PAGES)


def _open(path: str) -> apsw.Connection:
    """A connection that changes nothing: neither the database nor, when it is closed, its log."""
    import apsw

    database = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    database.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    database.set_busy_timeout(_BUSY_MILLISECONDS)
    return database


def _serve() -> None:
    """The life of the helper: a question a line, until there are no more."""
    import apsw

    os.umask(0o077)
    for line in sys.stdin.buffer:
        question = json.loads(line)
        error = ""
        try:
            _take(question["path"], question["target"])
        except (apsw.Error, UnicodeEncodeError) as trouble:
            error = str(trouble)
        sys.stdout.buffer.write(json.dumps({"error": error}).encode("ascii") + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
