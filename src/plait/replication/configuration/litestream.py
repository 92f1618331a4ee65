"""`litestream.yml`, read as it is: its keys, defaults, rules and errors are Litestream's."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import ConfigurationError
from plait.model.values.durations import show_go_duration
from plait.model.values.times import NANOSECONDS
from plait.replication.configuration.document import Fields, parse_document
from plait.replication.configuration.expansion import expand
from plait.replication.configuration.paths import expand_path
from plait.replication.configuration.places import (
    BUCKET_TYPES,
    FILE,
    S3,
    file_place,
    parse_replica_url,
    refused_type,
    s3_place,
)
from plait.replication.configuration.settings import (
    GREATEST_LEVEL,
    LOG_TYPES,
    DatabaseSettings,
    DirectorySettings,
    LoggingSettings,
    Place,
    ReplicaSettings,
    Settings,
    SocketSettings,
    UpkeepSettings,
)
from plait.replication.control.paths import DEFAULT_SOCKET

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PATH: Final = "/etc/litestream.yml"
_DATABASE: Final = DatabaseSettings(path="")
_UPKEEP: Final = UpkeepSettings()
_MINUTE: Final = 60.0
_S3_NAMES: Final = (
    "access-key-id",
    "secret-access-key",
    "region",
    "bucket",
    "path",
    "endpoint",
    "force-path-style",
    "skip-verify",
    "sign-payload",
    "require-content-md5",
    "storage-class",
    "part-size",
    "concurrency",
    "sse-customer-algorithm",
    "sse-customer-key",
    "sse-customer-key-path",
    "sse-customer-key-md5",
    "sse-kms-key-id",
)
_INHERITED: Final = frozenset(_S3_NAMES) - {"path"}


def read_configuration(path: str, environment: Mapping[str, str], *, expand_environment: bool = True) -> Settings:
    """The settings in the file at `path`. Raises ConfigurationError, with the absolute path where there is no file."""
    absolute = expand_path(path)
    try:
        with open(absolute, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except FileNotFoundError:
        raise ConfigurationError(f"config file not found: {absolute}") from None
    except OSError as error:
        raise ConfigurationError(f"open {absolute}: {(error.strerror or str(error)).lower()}") from None
    return parse_configuration(expand(text, environment, os.getpid()) if expand_environment else text, environment)


def parse_configuration(text: str, environment: Mapping[str, str]) -> Settings:
    """The settings in a document. Raises ConfigurationError in Litestream's words."""
    return parse_fields(parse_document(text), environment)


def parse_fields(top: Fields, environment: Mapping[str, str]) -> Settings:
    """The settings in the fields of a document. Raises as `parse_configuration`."""
    databases = top.list("dbs", "main.DBConfig")
    settings = Settings(
        upkeep=_upkeep(top, databases),
        socket=_socket(top),
        logging=_logging(top, environment),
        address=top.text("addr"),
        mcp_address=top.text("mcp-addr"),
        exec=top.text("exec"),
        heartbeat_url=top.text("heartbeat-url"),
        heartbeat_interval=top.duration("heartbeat-interval", 300.0),
    )
    _check_heartbeat(settings, top)
    singles: list[DatabaseSettings] = []
    directories: list[DirectorySettings] = []
    for number, database in enumerate(databases, 1):
        _check_kind(database, number)
    _refuse_duplicates(databases)
    for database in databases:
        if database.has("dir"):
            directories.append(_directory(database, top, environment))
        else:
            singles.append(_database(database, top, environment))
    return msgspec.structs.replace(settings, databases=tuple(singles), directories=tuple(directories))


def _upkeep(top: Fields, databases: list[Fields]) -> UpkeepSettings:
    levels = _UPKEEP.levels
    if top.has("levels"):
        levels = tuple(level.duration("interval", 0.0) for level in top.list("levels", "main.CompactionLevelConfig"))
    for index, interval in enumerate(levels):
        _more(f"levels[{index}].interval", "compaction interval", interval)
    if len(levels) > GREATEST_LEVEL:
        raise ConfigurationError(f"levels: at most {GREATEST_LEVEL} compaction levels are allowed (got {len(levels)})")
    snapshot = top.fields("snapshot", "main.SnapshotConfig")
    promoted = _promoted(databases)
    upkeep = UpkeepSettings(
        levels=levels,
        snapshot_interval=snapshot.duration("interval", promoted.get("interval", _UPKEEP.snapshot_interval)),
        snapshot_retention=snapshot.duration("retention", promoted.get("retention", _UPKEEP.snapshot_retention)),
        l0_retention=top.duration("l0-retention", _UPKEEP.l0_retention),
        l0_retention_check_interval=top.duration("l0-retention-check-interval", _UPKEEP.l0_retention_check_interval),
        retention_enabled=top.fields("retention", "main.RetentionConfig").boolean("enabled", default=True),
        verify_compaction=top.boolean("verify-compaction", default=False),
        validation_interval=max(0.0, top.fields("validation", "main.ValidationConfig").duration("interval", 0.0)),
        shutdown_sync_timeout=top.duration("shutdown-sync-timeout", _UPKEEP.shutdown_sync_timeout),
        shutdown_sync_interval=top.duration("shutdown-sync-interval", _UPKEEP.shutdown_sync_interval),
    )
    _more("snapshot.interval", "snapshot interval", upkeep.snapshot_interval)
    _more("snapshot.retention", "snapshot retention", upkeep.snapshot_retention)
    if upkeep.l0_retention < 0:
        raise _bad("l0-retention", "l0 retention must not be negative", upkeep.l0_retention)
    _more("l0-retention-check-interval", "l0 retention check interval", upkeep.l0_retention_check_interval)
    if upkeep.shutdown_sync_timeout < 0:
        raise _bad("shutdown-sync-timeout", "shutdown-sync-timeout must be >= 0", upkeep.shutdown_sync_timeout)
    _more("shutdown-sync-interval", "shutdown sync interval", upkeep.shutdown_sync_interval)
    return upkeep


def _promoted(databases: list[Fields]) -> dict[str, float]:
    """The settings of snapshots that stand at databases: they hold for all, so that they may not contradict."""
    found: dict[str, tuple[str, float]] = {}
    for database in databases:
        snapshot = database.fields("snapshot", "main.SnapshotConfig")
        name = database.text("path") or database.text("dir")
        for key in ("interval", "retention"):
            if not snapshot.has(key):
                continue
            value = snapshot.duration(key, 0.0)
            other, earlier = found.setdefault(key, (name, value))
            if earlier != value:
                raise ConfigurationError(
                    f"conflicting database snapshot {key}s: {other} has {_shown(earlier)}, {name} has {_shown(value)}"
                )
    return {key: value for key, (_, value) in found.items()}


def _socket(top: Fields) -> SocketSettings:
    socket = top.fields("socket", "litestream.SocketConfig")
    return SocketSettings(
        enabled=socket.boolean("enabled", default=False),
        path=socket.text("path") or DEFAULT_SOCKET,
        permissions=socket.integer("permissions", 0o600, "uint32"),
    )


def _logging(top: Fields, environment: Mapping[str, str]) -> LoggingSettings:
    logging = top.fields("logging", "main.LoggingConfig")
    kind = logging.text("type") or "text"
    if kind not in LOG_TYPES:
        raise ConfigurationError(f"unknown logging type: {kind}", hint=f"one of {', '.join(LOG_TYPES)}")
    return LoggingSettings(
        level=environment.get("LOG_LEVEL") or logging.text("level"),
        type=kind,
        stderr=logging.boolean("stderr", default=False),
        source=logging.boolean("source", default=False),
    )


def _check_heartbeat(settings: Settings, top: Fields) -> None:
    if not settings.heartbeat_url:
        return
    if not re.match(r"https?://.", settings.heartbeat_url):
        raise ConfigurationError(
            f"heartbeat-url: heartbeat URL must be a valid HTTP or HTTPS URL (got {settings.heartbeat_url})"
        )
    if top.has("heartbeat-interval") and settings.heartbeat_interval < _MINUTE:
        raise _bad("heartbeat-interval", "heartbeat interval must be at least 1 minute", settings.heartbeat_interval)


def _check_kind(database: Fields, number: int) -> None:
    path, directory = database.text("path"), database.text("dir")
    fault = None
    if path and directory:
        fault = "cannot specify both 'path' and 'dir'"
    elif not path and not directory:
        fault = "must specify either 'path' or 'dir'"
    elif directory and not database.text("pattern"):
        fault = "'pattern' is required when using 'dir'"
    elif directory and database.text("meta-path") and database.text("meta-dir"):
        fault = "cannot specify both 'meta-path' and 'meta-dir'"
    elif path and database.boolean("watch", default=False):
        fault = "'watch' can only be enabled with a directory"
    elif path and database.text("meta-dir"):
        fault = "'meta-dir' can only be used with a directory"
    if fault is not None:
        raise ConfigurationError(f"database config #{number}: {fault}")


def _refuse_duplicates(databases: list[Fields]) -> None:
    seen: dict[str, int] = {}
    for number, database in enumerate(databases, 1):
        path = database.text("path")
        first = seen.setdefault(expand_path(path), number) if path else number
        if first != number:
            raise ConfigurationError(
                f'database config #{number}: duplicate path "{expand_path(path)}" (already used by database config '
                f"#{first}); each database can be listed only once"
            )


def _directory(database: Fields, top: Fields, environment: Mapping[str, str]) -> DirectorySettings:
    meta = database.text("meta-dir")
    return DirectorySettings(
        directory=expand_path(database.text("dir")),
        pattern=database.text("pattern"),
        recursive=database.boolean("recursive", default=False),
        watch=database.boolean("watch", default=False),
        meta_directory=expand_path(meta) if meta else None,
        written=database.text("dir"),
        template=_database(database, top, environment),
    )


def _database(database: Fields, top: Fields, environment: Mapping[str, str]) -> DatabaseSettings:
    path = database.text("path") or database.text("dir")
    meta = database.text("meta-path")
    expanded = expand_path(path)
    settings = DatabaseSettings(
        path=expanded,
        meta_path=expand_path(meta) if meta else None,
        monitor_interval=database.given_duration("monitor-interval"),
        checkpoint_interval=database.duration("checkpoint-interval", _DATABASE.checkpoint_interval),
        busy_timeout=database.duration("busy-timeout", _DATABASE.busy_timeout),
        min_checkpoint_pages=database.integer("min-checkpoint-page-count", _DATABASE.min_checkpoint_pages),
        truncate_pages=database.integer("truncate-page-n", 0) or _DATABASE.truncate_pages,
        max_sync_wal_bytes=database.integer("max-sync-wal-bytes", _DATABASE.max_sync_wal_bytes),
        restore_if_db_not_exists=database.boolean("restore-if-db-not-exists", default=False),
    )
    return msgspec.structs.replace(settings, replicas=(_replica(database, top, environment, expanded),))


def _replica(database: Fields, top: Fields, environment: Mapping[str, str], path: str) -> ReplicaSettings:
    several = database.list("replicas", "main.ReplicaConfig")
    if several and database.has("replica"):
        raise ConfigurationError("cannot specify 'replica' and 'replicas' on a database")
    if len(several) > 1:
        raise ConfigurationError("multiple replicas on a single database are no longer supported")
    if not several and not database.has("replica"):
        raise ConfigurationError("must specify replica for database")
    replica = several[0] if several else database.fields("replica", "main.ReplicaConfig")
    if replica.has("age"):
        raise ConfigurationError(
            "age encryption is not currently supported, if you need encryption please revert back to Litestream v0.3.x"
        )
    interval = (replica if replica.has("sync-interval") else top).given_duration("sync-interval")
    if interval is not None and interval <= 0:
        raise _bad(f"dbs[{path}].replica.sync-interval", "sync interval must be greater than 0", interval)
    return ReplicaSettings(
        place=_place(replica, top, environment),
        sync_interval=interval,
        max_sync_files=replica.integer("max-sync-ltx-files", top.integer("max-sync-ltx-files", 256)),
        auto_recover=replica.boolean("auto-recover", default=top.boolean("auto-recover", default=False)),
    )


def _place(replica: Fields, top: Fields, environment: Mapping[str, str]) -> Place:
    url = replica.text("url")
    if url:
        scheme = url.partition("://")[0] if "://" in url else ""
        named = next((name for name in ("path", "bucket", "host") if replica.text(name)), None)
        if named is not None and scheme:
            raise ConfigurationError(f"cannot specify url & {named} for {scheme} replica")
        return parse_replica_url(url, environment, _settings(replica, top))
    kind = replica.text("type") or FILE
    if kind == FILE:
        path = replica.text("path")
        return file_place(expand_path(path) if path else "")
    if kind == S3:
        return s3_place(_settings(replica, top), environment)
    if kind in BUCKET_TYPES and not replica.text("bucket"):
        raise ConfigurationError(f"bucket required for {kind} replica")
    raise refused_type(kind)


def _settings(replica: Fields, top: Fields) -> dict[str, str]:
    """What is set of the settings of S3, here or for all replicas."""
    found = {name: replica.text(name) for name in _S3_NAMES if replica.text(name)}
    for name in _INHERITED:
        if name not in found and top.text(name):
            found[name] = top.text(name)
    return found


def _more(name: str, what: str, value: float) -> None:
    if value <= 0:
        raise _bad(name, f"{what} must be greater than 0", value)


def _bad(name: str, rule: str, value: float) -> ConfigurationError:
    return ConfigurationError(f"{name}: {rule} (got {_shown(value)})")


def _shown(seconds: float) -> str:
    return show_go_duration(round(seconds * NANOSECONDS))
