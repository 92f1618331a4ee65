"""The settings of a daemon, its databases and their replicas. Durations in seconds; the defaults are Litestream's."""

from __future__ import annotations

from typing import Final

import msgspec

from plait.replication.control.paths import DEFAULT_SOCKET
from plait.stores.location import Location

DEFAULT_LEVELS: Final = (30.0, 300.0, 3600.0)
GREATEST_LEVEL: Final = 8
LOG_TYPES: Final = ("text", "json", "pretty")
DEFAULT_INTERVAL: Final = 1.0
"""Seconds between two looks of Litestream at a log, and between two of its uploads."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a replica is.

    `type` is Litestream's word for the kind of store (`file`, `s3`), `path` the replica's path in it: a directory, or
    what its keys begin with. `attributes` are what a log tells of the place besides, in order. The secrets are in
    `location`, which is never shown. `verify`: the certificate of a server is to be trusted.
    """

    type: str
    path: str
    location: Location
    attributes: tuple[tuple[str, str], ...] = ()
    verify: bool = True

    def __repr__(self) -> str:
        return f"Place({self.location.text!r})"


class ReplicaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One replica of a database.

    `sync_interval` is the least time between two uploads, None where nobody asked for one: then it is Litestream's, or
    less where an upload costs no request. `max_sync_files` is how many files one round uploads. `auto_recover`: where
    local files are missing or damaged, begin anew with the whole database.
    """

    place: Place
    sync_interval: float | None = None
    max_sync_files: int = 256
    auto_recover: bool = False

    @property
    def interval(self) -> float:
        """`sync_interval`, or its default."""
        return DEFAULT_INTERVAL if self.sync_interval is None else self.sync_interval


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One database. `meta_path` is the directory of its local files; None stands for the one beside it.

    `monitor_interval` is the least time between two looks at the log, None where nobody asked for one: then it is that
    of the replicas. `min_checkpoint_pages` and `truncate_pages` are sizes of the log in pages, `max_sync_wal_bytes` how
    much of it goes into one file (0: all of it).
    """

    path: str
    replicas: tuple[ReplicaSettings, ...] = ()
    meta_path: str | None = None
    monitor_interval: float | None = None
    checkpoint_interval: float = 60.0
    busy_timeout: float = 1.0
    min_checkpoint_pages: int = 1000
    truncate_pages: int = 121359
    max_sync_wal_bytes: int = 64 << 20
    restore_if_db_not_exists: bool = False

    @property
    def interval(self) -> float:
        """`monitor_interval`, or its default."""
        return DEFAULT_INTERVAL if self.monitor_interval is None else self.monitor_interval


class DirectorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The databases of a directory: files whose name matches `pattern` and that begin as SQLite's do.

    `template` holds what they have in common; its replicas' paths are continued by each file's path in `directory`.
    At most one of `meta_directory` (`<meta_directory>/<path>-litestream`) and the template's `meta_path`
    (`<meta_path>/<directory>/.<name>-litestream`) is set.
    """

    directory: str
    pattern: str
    template: DatabaseSettings
    recursive: bool = False
    watch: bool = False
    meta_directory: str | None = None
    written: str = ""
    """The directory as the configuration has it, for the log."""


class UpkeepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to the files of all replicas.

    `levels` are the intervals of level 1 and on. `l0_retention` of 0 keeps the files of level 0; without
    `retention_enabled` nothing is deleted in replicas. `validation_interval` of 0 never looks for gaps.
    """

    levels: tuple[float, ...] = DEFAULT_LEVELS
    snapshot_interval: float = 86400.0
    snapshot_retention: float = 86400.0
    l0_retention: float = 300.0
    l0_retention_check_interval: float = 15.0
    retention_enabled: bool = True
    verify_compaction: bool = False
    validation_interval: float = 0.0
    shutdown_sync_timeout: float = 30.0
    shutdown_sync_interval: float = 0.5


class SocketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The control socket."""

    enabled: bool = False
    path: str = DEFAULT_SOCKET
    permissions: int = 0o600


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The log: `level` trace, debug, info, warn or error ("" is info), `type` text, json or pretty."""

    level: str = ""
    type: str = "text"
    stderr: bool = False
    source: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a daemon is started with. `address` is where metrics are served, "" for nowhere.

    `mcp_address` is where Litestream serves the Model Context Protocol, which a daemon of Plait refuses.
    """

    databases: tuple[DatabaseSettings, ...] = ()
    directories: tuple[DirectorySettings, ...] = ()
    upkeep: UpkeepSettings = UpkeepSettings()
    socket: SocketSettings = SocketSettings()
    logging: LoggingSettings = LoggingSettings()
    address: str = ""
    mcp_address: str = ""
    exec: str = ""
    heartbeat_url: str = ""
    heartbeat_interval: float = 300.0
