"""What is known of a database without a daemon: its state, and how it is reset."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import from_os_error
from plait.replication.ltx.names import parse_file_name

if TYPE_CHECKING:
    from plait.replication.configuration.settings import DatabaseSettings

OK = "ok"
NO_DATABASE = "no database"
NOT_INITIALIZED = "not initialized"


class LocalState(msgspec.Struct, frozen=True):
    """A database by its files: a word, the last transaction that was captured (0 for none), and its log's bytes."""

    status: str
    txid: int
    wal_size: int | None


def meta_path(settings: DatabaseSettings) -> str:
    """The directory of a database's local files."""
    if settings.meta_path is not None:
        return settings.meta_path
    folder, name = os.path.split(settings.path)
    return os.path.join(folder, f".{name}-litestream")


def local_state(settings: DatabaseSettings) -> LocalState:
    """The state of a database. The database itself is not opened."""
    if not os.path.exists(settings.path):
        return LocalState(NO_DATABASE, 0, None)
    size = _size(os.path.realpath(settings.path) + "-wal")
    level = os.path.join(meta_path(settings), "ltx", "0")
    try:
        spans = [span for name in os.listdir(level) if (span := parse_file_name(name)) is not None]
    except FileNotFoundError:
        return LocalState(NOT_INITIALIZED, 0, size)
    except OSError as error:
        raise from_os_error(error, f"cannot read {level}") from None
    txid = max((span.max_txid for span in spans), default=0)
    return LocalState(OK if txid else NOT_INITIALIZED, txid, size)


def local_files(settings: DatabaseSettings) -> list[str]:
    """The paths of all files below a database's local LTX files."""
    found = []
    for folder, _, names in os.walk(os.path.join(meta_path(settings), "ltx")):
        found += [os.path.join(folder, name) for name in names]
    return sorted(found)


def reset(settings: DatabaseSettings) -> None:
    """Removes a database's local LTX files; the next capture takes the whole database."""
    path = os.path.join(meta_path(settings), "ltx")
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise from_os_error(error, f"cannot remove {path}") from None


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
