"""`copyurl`: what a URL gives, to a file."""

from __future__ import annotations

import csv
from email.message import Message as Headers
from email.utils import parsedate_to_datetime
from posixpath import basename
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import unquote, urlsplit

import msgspec

from plait.engine.parallel import run_together
from plait.mirror.verbs.contents import BLOCK, write_stream
from plait.mirror.verbs.touching import now
from plait.model.closing import Closing
from plait.model.errors import (
    CancelledError,
    ObjectNotFoundError,
    PlaitError,
    StoreError,
    TemporaryError,
)
from plait.model.values.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.mirror.verbs.task import Task
    from plait.stores.base import Source, Store

NAME_IN_HEADER: Final = "CopyURL failed: filename not found in the Content-Disposition header"
NAME_IN_URL: Final = "CopyURL failed: file name wasn't found in url"


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """Where the name of the file comes from: the URL (`automatic`), the answer's header, or the command line."""

    automatic: bool = False
    header: bool = False
    no_clobber: bool = False


class Download(Closing):
    """The answer of a server: content, its size where it says so, its time and its names. A context manager."""

    def __init__(self, task: Task, url: str) -> None:
        """Raises StoreError where there is no such thing, TemporaryError where there is no answer."""
        import urllib3

        values = task.values
        connect = values.contimeout / 10**9 if values.contimeout else None
        read = values.timeout / 10**9 if values.timeout else None
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=connect, read=read))
        try:
            if urlsplit(url).scheme not in {"http", "https"}:
                raise StoreError(f'Get {quote(url)}: unsupported protocol scheme "{urlsplit(url).scheme}"')
            self._answer = self._pool.request("GET", url, preload_content=False, redirect=True, retries=5)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise TemporaryError(f"Get {quote(url)}: {_reason(error)}") from None
        if not 200 <= self._answer.status < 300:
            self.close()
            raise StoreError(f"CopyURL failed: {self._answer.status} {self._answer.reason}")
        self.url = self._answer.geturl() or url
        headers = self._answer.headers
        self.size = int(headers["content-length"]) if headers.get("content-length", "").isdigit() else None
        self.modified = _moment(headers.get("last-modified", ""))
        self.disposition = headers.get("content-disposition", "")

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes. Raises TemporaryError where the connection breaks."""
        import urllib3

        try:
            return self._answer.read(BLOCK if size < 0 else size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TemporaryError(f"failed to read: {_reason(error)}") from None

    def close(self) -> None:
        """Frees the connection."""
        self._answer.release_conn()
        self._pool.clear()


def copy_url(task: Task, store: Store, name: str, url: str, naming: Naming) -> str:
    """Stores what a URL gives; returns the name of the file. Raises StoreError, TemporaryError."""
    with Download(task, url) as download:
        if naming.automatic:
            name = _header_name(download.disposition) if naming.header else _url_name(download.url)
        if naming.no_clobber and _exists(store, name):
            raise StoreError("CopyURL failed: file already exist")
        modified = now() if download.modified is None else download.modified
        write_stream(task, store, name, download, download.size, modified)
    return name


def print_url(task: Task, url: str, output: BinaryIO) -> None:
    """Writes what a URL gives to a stream."""
    with Download(task, url) as download:
        _pour(task, download, output)
    output.flush()


def copy_urls(task: Task, store: Store, rows: Sequence[Sequence[str]], naming: Naming) -> None:
    """Stores what the URLs of a table give: a URL and perhaps a name a row. Raises StoreError where one failed."""
    failed: list[PlaitError] = []

    def copy(row: Sequence[str], _: Callable[[], bool]) -> None:
        name = row[1] if len(row) > 1 else ""
        named = msgspec.structs.replace(naming, automatic=not name)
        try:
            copy_url(task, store, name, row[0], named)
        except CancelledError:
            raise
        except PlaitError as error:
            task.fail(error, f"failed to copy URL {quote(row[0])}: {error.message}", name)
            failed.append(error)

    run_together(copy, [row for row in rows if row], max(1, task.values.transfers), task.around.cancellation.cancelled)
    if failed:
        count = f"{len(failed)} errors: last error was: " if len(failed) > 1 else ""
        raise StoreError(f"not all URLs copied successfully: {count}{failed[-1].message}")


def read_table(path: str) -> list[list[str]]:
    """The rows of a CSV file. Raises StoreError."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return list(csv.reader(file))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StoreError(f"failed to open .csv file: open {path}: {reason}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise StoreError(f"failed reading .csv file: {error}") from None


def _pour(task: Task, content: Source, output: BinaryIO) -> None:
    while block := content.read(BLOCK):
        task.around.cancellation.raise_if_cancelled()
        output.write(block)


def _exists(store: Store, name: str) -> bool:
    try:
        store.stat(name)
    except ObjectNotFoundError:
        return False
    return True


def _url_name(url: str) -> str:
    name = basename(unquote(urlsplit(url).path))
    if name in {"", ".", ".."}:
        raise StoreError(NAME_IN_URL)
    return name


def _header_name(disposition: str) -> str:
    headers = Headers()
    headers["content-disposition"] = disposition
    # Only the last part: a server must not choose the directory.
    name = basename((headers.get_filename() or "").replace("\\", "/"))
    if name in {"", ".", ".."}:
        raise StoreError(NAME_IN_HEADER)
    return name


def _moment(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 10**9
    except (ValueError, TypeError, OverflowError):
        return None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error)
