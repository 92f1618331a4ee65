"""The commands of the litestream front that look at configurations, replicas and local files."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any, Final

from plait import __version__
from plait.cli.databases.files import HEADINGS, record, row, table
from plait.cli.databases.local import NO_DATABASE, local_files, local_state, meta_path
from plait.cli.databases.local import reset as reset_local
from plait.cli.databases.opening import opener
from plait.cli.fronts.litestream import FrontError, Line
from plait.cli.fronts.litestream_options import ALL_LEVELS
from plait.replication.configuration.directories import all_databases, database_of
from plait.replication.configuration.litestream import DEFAULT_PATH, read_configuration
from plait.replication.configuration.paths import expand_path
from plait.replication.configuration.places import is_url, parse_replica_url
from plait.replication.configuration.settings import DatabaseSettings, Settings
from plait.replication.control.endpoints import LITESTREAM_VERSION, go_json
from plait.replication.logging import Level, Log
from plait.replication.ltx.names import format_txid

if TYPE_CHECKING:
    from plait.replication.configuration.settings import Place

_LEVELS: Final = range(10)
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's names of architectures."""
_THOUSAND: Final = 1000
_TEN: Final = 10


def configuration(line: Line) -> Settings:
    """The configuration that the flags or the environment name. Raises ConfigurationError."""
    path = line.values.config or line.environment.get("LITESTREAM_CONFIG") or DEFAULT_PATH
    return read_configuration(path, line.environment, expand_environment=not line.values.no_expand_env)


def place_of(line: Line, word: str) -> Place:
    """The replica that a word means: a URL, or a database of the configuration. Raises FrontError."""
    if is_url(word):
        if line.values.config:
            raise FrontError("cannot specify a replica URL and the -config flag")
        return parse_replica_url(word, line.environment)
    return find_database(configuration(line), expand_path(word)).replicas[0].place


def find_database(settings: Settings, path: str) -> DatabaseSettings:
    """The database of this path, of the directories' too. Raises FrontError."""
    for database in settings.databases:
        if database.path == path:
            return database
    for directory in settings.directories:
        if path.startswith(directory.directory + "/"):
            return database_of(directory, path)
    raise FrontError(f"database not found in config: {path}")


def databases(line: Line) -> int:
    """Lists the databases of the configuration; of a directory, those that are there now."""
    line.most(0)
    found = [(one.path, one.replicas[0].place.type) for one in all_databases(configuration(line), may_be_empty=True)]
    if line.values.json:
        return _print_json([{"path": path, "replica": kind} for path, kind in found])
    sys.stdout.write(table(("path", "replica"), found))
    return 0


def status(line: Line) -> int:
    """Shows what is known of the databases of the configuration by their files."""
    settings = configuration(line)
    line.most(1)
    rows: list[tuple[str, str, str, str]] = []
    for database in all_databases(settings, may_be_empty=True):
        if line.words and database.path != (line.words[0] or database.path):
            continue
        state = local_state(database)
        txid = format_txid(state.txid) if state.txid else "-"
        size = "-" if state.status == NO_DATABASE else humanized(state.wal_size or 0)
        rows.append((database.path, state.status, txid, size))
    if line.values.json:
        names = ("database", "status", "local_txid", "wal_size")
        return _print_json([dict(zip(names, one, strict=True)) for one in rows])
    sys.stdout.write(table(("database", "status", "local txid", "wal size"), rows))
    return 0


def ltx(line: Line) -> int:
    """Lists the LTX files of a replica."""
    missing, hint = "database path or replica URL required", "litestream ltx /path/to/db"
    word = line.one(missing, hint)
    if not word:
        raise FrontError(missing, hint)
    replica = opener()(place_of(line, word))
    level = line.values.level
    levels = _LEVELS if level == ALL_LEVELS else (level,)
    files = [file for number in levels for file in replica.files(number)]
    if line.values.json:
        return _print_json([record(file) for file in files])
    sys.stdout.write(table(HEADINGS, map(row, files)))
    return 0


def reset(line: Line) -> int:
    """Removes the local LTX files of a database."""
    word = line.one("database path required", "litestream reset /path/to/db")
    # Everywhere else the scheme sqlite:// is cut off; here the original takes it for a directory.
    path = os.path.abspath(word) if is_url(word) else expand_path(word)
    if not os.path.exists(path):
        raise FrontError(f"database does not exist: {path}")
    database = find_database(configuration(line), path) if line.values.config else DatabaseSettings(path=path)
    directory = meta_path(database)
    target = os.path.join(directory, "ltx")
    if not os.path.isdir(directory):
        print(f"No local state to reset for {path}")
        print(f"Meta directory does not exist: {directory}")
        return 0
    if line.values.dry_run:
        return _preview_reset(database, path, target)
    print(f"Resetting local Litestream state for: {path}")
    print(f"Removing: {target}")
    log, name = Log(sys.stdout), os.path.basename(path)
    about = {"db": name, "meta_path": directory, "ltx_dir": target}
    log.write(Level.INFO, "resetting local litestream state", about)
    reset_local(database)
    log.write(Level.INFO, "local state reset complete, next sync will create fresh snapshot", {"db": name})
    print("Reset complete. Next replication sync will create a fresh snapshot.")
    return 0


def version(line: Line) -> int:
    """Prints the release of Litestream that this front is like; with -verbose, what it really is."""
    if not line.values.verbose:
        print(LITESTREAM_VERSION)
        return 0
    print(f"Version:     {LITESTREAM_VERSION}")
    print(f"Go Version:  none (Plait {__version__}, Python {platform.python_version()})")
    print("Git Commit:  none")
    print("Commit Time: none")
    machine = platform.machine()
    print(f"OS/Arch:     {platform.system().lower()}/{_ARCHITECTURES.get(machine, machine)}")
    return 0


def humanized(size: int) -> str:
    """Bytes in powers of a thousand, with one digit behind the point below ten: `2.7 kB`."""
    if size < _TEN:
        return f"{size} B"
    unit = 0
    value = float(size)
    while value >= _THOUSAND and unit < len(_UNITS) - 1:
        value /= _THOUSAND
        unit += 1
    value = int(value * 10 + 0.5) / 10
    return f"{value:.1f} {_UNITS[unit]}" if value < _TEN else f"{value:.0f} {_UNITS[unit]}"


def _preview_reset(database: DatabaseSettings, path: str, target: str) -> int:
    print(f"Dry run: local Litestream state would be reset for: {path}")
    print(f"Would remove: {target}")
    files = local_files(database)
    if not files:
        print("No local LTX files would be removed.")
        return 0
    print("Files that would be removed:")
    for file in files:
        print(f"  {file}")
    print("No files were removed.")
    return 0


def _print_json(value: Any) -> int:
    sys.stdout.write(go_json(value, indent=2).decode() + "\n")
    return 0
