"""The usage texts of the litestream front, as the original prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

OVERVIEW: Final = """\
litestream is a tool for replicating SQLite databases.

Usage:

\tlitestream <command> [arguments]

The commands are:

\tdatabases    list databases specified in config file
\tinfo         show daemon information
\tlist         list all managed databases
\tltx          list available LTX files for a database
\tregister     register a database for replication
\treplicate    runs a server to replicate databases
\treset        reset local state for a database
\trestore      recovers database backup from a replica
\tstart        start replication for a database
\tstatus       display replication status for databases
\tstop         stop replication for a database
\tsync         force an immediate sync for a database
\tunregister   unregister a database from replication
\tversion      prints the binary version

"""

USAGE: Final[Mapping[str, str]] = {
    "databases": """\
The databases command lists all databases in the configuration file.

Usage:

\tlitestream databases [arguments]

Arguments:

\t-config PATH
\t    Specifies the configuration file.
\t    Defaults to /etc/litestream.yml

\t-json
\t    Output raw JSON instead of human-readable text.

\t-no-expand-env
\t    Disables environment variable expansion in configuration file.

Examples:

\t$ litestream databases
\t$ litestream databases -config /path/to/litestream.yml
\t$ litestream databases -no-expand-env -config /path/to/litestream.yml

""",
    "info": """\
usage: litestream info [OPTIONS]

Show daemon information from a running Litestream instance.

Options:
  -json
      Output raw JSON instead of human-readable text.

  -socket PATH
      Path to control socket (default: /var/run/litestream.sock).

  -timeout SECONDS
      Maximum time to wait in seconds (default: 10).

Examples:
  $ litestream info
  $ litestream info -json
  $ litestream info -socket /tmp/litestream.sock

""",
    "list": """\
usage: litestream list [OPTIONS]

List all managed databases from a running daemon.

Options:
  -json
      Output raw JSON instead of human-readable text.

  -socket PATH
      Path to control socket (default: /var/run/litestream.sock).

  -timeout SECONDS
      Maximum time to wait in seconds (default: 10).

Examples:
  $ litestream list
  $ litestream list -json
  $ litestream list -socket /tmp/litestream.sock

""",
    "ltx": """\
The ltx command lists all LTX files available for a database.

Usage:

\tlitestream ltx [arguments] DB_PATH

\tlitestream ltx [arguments] REPLICA_URL

Arguments:

\t-config PATH
\t    Specifies the configuration file.
\t    Defaults to /etc/litestream.yml

\t-no-expand-env
\t    Disables environment variable expansion in configuration file.

\t-level LEVEL
\t    Compaction level to list (0-9 or "all").
\t    Defaults to 0.

\t-json
\t    Output raw JSON instead of human-readable text.

Examples:

\t# List all LTX files for a database.
\t$ litestream ltx /path/to/db

\t# List all LTX files for replica URL.
\t$ litestream ltx s3://mybkt/db

\t# List LTX files at snapshot level (level 9).
\t$ litestream ltx -level 9 /path/to/db

\t# List LTX files across all compaction levels.
\t$ litestream ltx -level all /path/to/db

""",
    "register": """\
usage: litestream register [OPTIONS] DB_PATH

Register a database for replication.

Arguments:
  DB_PATH      Path to the SQLite database file.

Options:
  -replica URL
      Replica destination URL (e.g., s3://bucket/prefix, file:///backup/path).
      Required.

  -timeout SECONDS
      Maximum time to wait in seconds (default: 30).

  -socket PATH
      Path to control socket (default: /var/run/litestream.sock).

  -json
      Output raw JSON instead of human-readable text.

Examples:
  # Register a database with an S3 replica.
  $ litestream register -replica s3://mybucket/db /path/to/db

  # Register a database with a file replica.
  $ litestream register -replica file:///backup/path /path/to/db

  # Register using a non-default control socket.
  $ litestream register -socket /tmp/litestream.sock -replica s3://mybucket/db /path/to/db

  # Register and emit a JSON confirmation.
  $ litestream register -json -replica s3://mybucket/db /path/to/db

""",
    "replicate": """\
The replicate command starts a server to monitor & replicate databases.
You can specify your database & replicas in a configuration file or you can
replicate a single database file by specifying its path and its replicas in the
command line arguments.

Usage:

\tlitestream replicate [arguments]

\tlitestream replicate [arguments] DB_PATH REPLICA_URL

Arguments:

\t-config PATH
\t    Specifies the configuration file.
\t    Defaults to /etc/litestream.yml

\t-exec CMD
\t    Executes a subcommand. Litestream will exit when the child
\t    process exits. Useful for simple process management.

\t-once
\t    Replicate once and exit. This performs a single sync of all
\t    databases and their replicas, then exits. Cannot be used with -exec.

\t-force-snapshot
\t    Force a snapshot to be taken for all databases. Requires -once.
\t    This is useful for creating a complete backup before maintenance
\t    or when migrating databases between hosts.

\t-enforce-retention
\t    Enforce retention policies for old snapshots. Requires -once.
\t    This removes snapshots that are older than the configured
\t    snapshot retention period.

\t-log-level LEVEL
\t    Sets the log level. Overrides the config file setting.
\t    Valid values: trace, debug, info, warn, error

\t-no-expand-env
\t    Disables environment variable expansion in configuration file.

\t-restore-if-db-not-exists
\t    Restores the database from the replica if it doesn't exist.
\t    On first start with no backup, proceeds normally.

Runtime control commands require the daemon control socket. This includes
start, stop, sync, register, unregister, info, and list. Enable it in the config:

\tsocket:
\t  enabled: true
\t  path: /tmp/litestream.sock

""",
    "reset": """\
The reset command clears local Litestream state for a database.

This is useful for recovering from corrupted or missing LTX files. The reset
removes local LTX files from the metadata directory, forcing Litestream to
create a fresh snapshot on the next sync. The database file itself is not
modified.

Usage:

\tlitestream reset [arguments] <path>

Arguments:

\t-config PATH
\t    Specifies the configuration file.
\t    Defaults to /etc/litestream.yml

\t-no-expand-env
\t    Disables environment variable expansion in configuration file.

\t-dry-run
\t    Print the local LTX files that would be removed without deleting them.

Examples:

\t# Reset local state for a specific database
\tlitestream reset /path/to/database.db

\t# Preview local files that would be removed
\tlitestream reset -dry-run /path/to/database.db

\t# Reset using a specific configuration file
\tlitestream reset -config /etc/litestream.yml /path/to/database.db

""",
    "restore": """\

The restore command recovers a database from a previous snapshot and WAL.

Usage:

\tlitestream restore [arguments] DB_PATH

\tlitestream restore [arguments] REPLICA_URL

Arguments:

\t-config PATH
\t    Specifies the configuration file.
\t    Defaults to /etc/litestream.yml

\t-no-expand-env
\t    Disables environment variable expansion in configuration file.

\t-txid TXID
\t    Restore up to a specific hex-encoded transaction ID (inclusive).
\t    Defaults to use the highest available transaction.

\t-timestamp TIMESTAMP
\t    Restore to a specific point-in-time.
\t    Defaults to use the latest available backup.

\t-o PATH
\t    Output path of the restored database.
\t    Defaults to original DB path.

\t-if-db-not-exists
\t    Returns exit code of 0 if the database already exists.

\t-if-replica-exists
\t    Returns exit code of 0 if no backups found.

\t-dry-run
\t    Print the restore plan and exit without writing a database.

\t-force
\t    Overwrite an existing output database and SQLite sidecar files.

\t-json
\t    Output raw JSON summary on successful restore.

\t-f
\t    Follow mode. After restoring, continuously poll for and apply
\t    new changes. Similar to tail -f. The restored database should
\t    only be opened in read-only mode by consumers.
\t    Cannot be used with -txid or -timestamp.

\t-follow-interval DURATION
\t    Polling interval for follow mode.
\t    Defaults to 1s.

\t-parallelism NUM
\t    Determines the number of WAL files downloaded in parallel.
\t    Defaults to 8

\t-integrity-check MODE
\t    Run a post-restore integrity check on the database.
\t    MODE is one of: none, quick, full.
\t    Defaults to none.


Examples:

\t# Restore latest replica for database to original location.
\t$ litestream restore /path/to/db

\t# Restore replica for database to a given point in time.
\t$ litestream restore -timestamp 2020-01-01T00:00:00Z /path/to/db

\t# Restore latest replica for database to new /tmp directory
\t$ litestream restore -o /tmp/db /path/to/db

\t# Restore database from S3 replica URL.
\t$ litestream restore -o /tmp/db s3://mybucket/db

\t# Preview restore plan without writing a database.
\t$ litestream restore -dry-run -o /tmp/db s3://mybucket/db

\t# Continuously restore (follow) a database from a replica.
\t$ litestream restore -f -o /tmp/read-replica.db s3://mybucket/db

""",
    "start": """\
usage: litestream start [OPTIONS] DB_PATH

Start replication for a database.

Options:
  -timeout SECONDS
      Maximum time to wait in seconds (default: 30).

  -socket PATH
      Path to control socket (default: /var/run/litestream.sock).

  -json
      Output raw JSON instead of human-readable text.

Examples:
  # Start replication for a database on the running daemon.
  $ litestream start /path/to/db

  # Start replication and emit a JSON confirmation.
  $ litestream start -json /path/to/db

  # Start replication using a non-default control socket.
  $ litestream start -socket /tmp/litestream.sock /path/to/db

  # Start replication and wait up to 10 seconds for the daemon response.
  $ litestream start -timeout 10 /path/to/db

""",
    "status": """\
The status command displays the replication status of databases.

Usage:

\tlitestream status [arguments] [database path]

Arguments:

\t-config PATH
\t    Specifies the configuration file.
\t    Defaults to /etc/litestream.yml

\t-json
\t    Output raw JSON instead of human-readable text.

\t-no-expand-env
\t    Disables environment variable expansion in configuration file.

If a database path is provided, only that database's status is shown.
Otherwise, all configured databases are displayed.

Output columns:
  database      Path to the SQLite database
  status        Current status (ok, not initialized, no database, error)
  local txid    Latest local transaction ID
  wal size      Current WAL file size

Note: To see replica TXID and sync status, inspect daemon diagnostics or logs
while the replication daemon is running.

Examples:

\t$ litestream status
\t$ litestream status /path/to/db
\t$ litestream status -json

""",
    "stop": """\
usage: litestream stop [OPTIONS] DB_PATH

Stop replication for a database.
Stop always waits for shutdown and final sync.

Options:
  -timeout SECONDS
      Maximum time to wait in seconds (default: 30).

  -socket PATH
      Path to control socket (default: /var/run/litestream.sock).

  -json
      Output raw JSON instead of human-readable text.

Examples:
  # Stop replication for a database.
  $ litestream stop /path/to/db

  # Stop replication and emit a JSON confirmation.
  $ litestream stop -json /path/to/db

  # Stop replication using a non-default control socket.
  $ litestream stop -socket /tmp/litestream.sock /path/to/db

  # Stop replication and wait up to 10 seconds for final sync and shutdown.
  $ litestream stop -timeout 10 /path/to/db

""",
    "sync": """\
usage: litestream sync [OPTIONS] DB_PATH

Force an immediate sync for a database.

Options:
  -wait
      Block until sync completes including remote replication (default: false).

  -timeout SECONDS
      Maximum time to wait in seconds, best-effort (default: 30).

  -socket PATH
      Path to control socket (default: /var/run/litestream.sock).

  -json
      Output raw JSON instead of human-readable text.

Examples:
  $ litestream sync /path/to/db
  $ litestream sync -json /path/to/db
  $ litestream sync -wait /path/to/db
  $ litestream sync -wait -timeout 120 /path/to/db

""",
    "unregister": """\
usage: litestream unregister [OPTIONS] DB_PATH

Unregister a database from replication.

Arguments:
  DB_PATH      Path to the SQLite database file.

Options:
  -timeout SECONDS
      Maximum time to wait in seconds (default: 30).

  -socket PATH
      Path to control socket (default: /var/run/litestream.sock).

  -dry-run
      Preview what would be unregistered without changing the daemon.

  -json
      Output raw JSON instead of human-readable text.

Examples:
  # Unregister a database from the running daemon.
  $ litestream unregister /path/to/db

  # Unregister a database and emit a JSON confirmation.
  $ litestream unregister -json /path/to/db

  # Preview an unregister request without changing the daemon.
  $ litestream unregister -dry-run /path/to/db

  # Unregister a database using a non-default control socket.
  $ litestream unregister -socket /tmp/litestream.sock /path/to/db

  # Unregister a database and wait up to 10 seconds for shutdown.
  $ litestream unregister -timeout 10 /path/to/db

""",
    "version": """\
Prints the version.

Usage:

\tlitestream version [arguments]

Arguments:

\t-verbose
\t    Print detailed build metadata (Go version, commit, build time, OS/arch).

""",
}
