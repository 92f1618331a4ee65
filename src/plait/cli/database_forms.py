"""The forms that the replication strand registers."""

from __future__ import annotations

from typing import Final

from plait.cli import database_options as options
from plait.cli.forms import Example, Form
from plait.cli.kinds import DATABASE, REPLICA
from plait.cli.options import COMMON, KIND, STORES
from plait.model.options import OptionSet

_RUN: Final = "plait.cli.commands.databases."
_SHARED: Final = STORES | OptionSet((KIND,))
_MANY: Final = 1000
_PLACES: Final = """\
A REPLICA is a directory, s3://BUCKET/PREFIX (also with Litestream's ?endpoint=… and its other parameters), or a path on
a remote of rclone.conf. Its files are Litestream's: either program reads what the other wrote."""
_CONFIGURED: Final = """\
The databases are those of --config, in the format of litestream.yml; without it those of plait.toml, in its tables
`[databases.NAME]`, and of /etc/litestream.yml, or of the file that LITESTREAM_CONFIG names."""

REPLICATE: Final = Form(
    DATABASE,
    "[DATABASE REPLICA…]",
    (0, _MANY),
    _RUN + "replicate:run",
    COMMON | options.REPLICATE,
    purpose=f"""\
Runs a daemon that writes what is committed to SQLite databases to their replicas, within moments of each commit. It
goes on until Ctrl-C or SIGTERM, and then uploads what is left. Nothing needs to be changed in the programs that use the
databases; they must be in WAL mode, or are put into it.

{_PLACES}

{_CONFIGURED}

The daemon opens a control socket, by which `plait sync DATABASE` and `plait database …` reach it, and litestream's
commands too.""",
    examples=(
        Example("plait replicate app.db /backup/app", "one database, to a directory"),
        Example("plait replicate app.db s3://bucket/app /backup/app", "to two replicas"),
        Example("plait replicate --config litestream.yml", "the databases of a configuration"),
        Example("plait replicate --once app.db s3://bucket/app", "once, as from cron"),
    ),
    completes=("file", "remote"),
)
SYNC: Final = Form(
    DATABASE,
    "DATABASE",
    (1, 1),
    _RUN + "daemon:sync",
    COMMON | options.SYNC,
    purpose="""\
Lets the daemon that replicates a database capture now what was committed. With --wait it comes back once the replica
has all of it. The daemon is `plait replicate`, or `litestream replicate` with its socket enabled; without one this
fails.""",
    examples=(
        Example("plait sync -wait app.db", "return when the replica has everything"),
        Example("plait sync -wait -timeout 60 -socket /tmp/litestream.sock app.db", "another socket, more patience"),
    ),
    completes=("file",),
)
RESTORE_REPLICA: Final = Form(
    REPLICA,
    "REPLICA",
    (1, 1),
    _RUN + "restore:of_replica",
    _SHARED | options.RESTORE,
    purpose=f"""\
Restores a database from its replica to --output: the last transaction, that of --txid, or the state at --timestamp.
Nothing is overwritten without --force; the file gets its name when it is whole and verified. A damaged file is named,
and other files that hold its transactions are used.

{_PLACES}""",
    examples=(
        Example("plait restore s3://bucket/app -o app.db", "the last state"),
        Example("plait restore /backup/app -o old.db --timestamp 2h", "the state of two hours ago"),
        Example("plait restore /backup/app -o copy.db --follow", "a copy that goes on"),
    ),
    completes=("remote",),
)
RESTORE_DATABASE: Final = Form(
    DATABASE,
    "DATABASE",
    (1, 1),
    _RUN + "restore:of_database",
    COMMON | OptionSet((KIND,)) | options.CONFIGURATION | options.RESTORE | options.VERIFY,
    purpose=f"""\
Restores a database of the configuration from its replica, to its own path or to --output.

With --verify the database stays as it is: the replica is restored beside it, and compared page by page with what the
live database held at the same transaction.

{_CONFIGURED}""",
    examples=(
        Example("plait restore /srv/app.db", "bring a lost database back"),
        Example("plait restore --verify /srv/app.db", "prove that it could be"),
    ),
    completes=("file",),
)
CHECK: Final = Form(
    REPLICA,
    "REPLICA",
    (1, 1),
    _RUN + "kept:check",
    _SHARED | options.CHECK,
    purpose="""\
Verifies a replica without its database: every file is read and its checksum compared, the transactions of each level
must follow each other, and the last state is restored to a temporary file that SQLite checks. What is damaged or
missing is named.""",
    examples=(Example("plait check s3://bucket/app", "verify everything"),),
    completes=("remote",),
)
LS: Final = Form(
    REPLICA,
    "REPLICA",
    (1, 1),
    _RUN + "kept:ls",
    _SHARED | options.LTX,
    purpose="Lists the LTX files of a replica: level, transactions, bytes, and when they were made.",
    completes=("remote",),
)
SIZE: Final = Form(
    REPLICA,
    "REPLICA",
    (1, 1),
    _RUN + "kept:size",
    _SHARED | OptionSet((options.JSON,)),
    purpose="Counts the files and the bytes of a replica.",
    completes=("remote",),
)
INFO_REPLICA: Final = Form(
    REPLICA,
    "REPLICA",
    (1, 1),
    _RUN + "kept:info",
    _SHARED | OptionSet((options.JSON,)),
    purpose="Shows which transactions and times a replica can restore, and what it holds on each level.",
    completes=("remote",),
)
INFO_DATABASE: Final = Form(
    DATABASE,
    "DATABASE",
    (1, 1),
    _RUN + "local:info",
    COMMON | OptionSet((KIND,)) | options.CONFIGURATION | OptionSet((options.SOCKET, options.JSON)),
    purpose="Shows how a database is replicated, as `plait database status DATABASE` does.",
    completes=("file",),
)
STATUS: Final = Form(
    DATABASE,
    "[DATABASE…]",
    (0, _MANY),
    _RUN + "local:status",
    COMMON | options.CONFIGURATION | OptionSet((options.SOCKET, options.JSON)),
    purpose=f"""\
Shows how databases are replicated: what was captured, what each replica has and how far it lags, and when replicas were
last verified and restored. A daemon is asked where one runs; the rest is known without.

{_CONFIGURED}""",
    examples=(Example("plait database status", "all databases"),),
    completes=("file",),
)
LTX: Final = Form(
    DATABASE,
    "DATABASE",
    (1, 1),
    _RUN + "local:ltx",
    COMMON | options.CONFIGURATION | options.LTX,
    purpose=f"Lists the LTX files of a database's replica.\n\n{_CONFIGURED}",
    completes=("file",),
)
RESET: Final = Form(
    DATABASE,
    "DATABASE",
    (1, 1),
    _RUN + "local:reset",
    COMMON | options.CONFIGURATION | OptionSet((options.DRY_RUN, options.JSON)),
    purpose="""\
Forgets what was captured of a database, where that is damaged: the next capture takes the whole database. The database
and its replicas stay as they are. Stop the daemon first.""",
    completes=("file",),
)


def _asking(name: str, words: str, takes: tuple[int, int], own: OptionSet, purpose: str, *examples: Example) -> Form:
    return Form(
        DATABASE,
        words,
        takes,
        f"{_RUN}daemon:{name}",
        COMMON | own,
        purpose=purpose,
        examples=examples,
        completes=("file",) if words else (),
    )


LIST: Final = _asking("listing", "", (0, 0), options.LISTING, "Lists the databases that a running daemon has.")
INFO: Final = _asking("info", "", (0, 0), options.LISTING, "Shows the running daemon.")
START: Final = _asking(
    "start", "DATABASE", (1, 1), options.ASKING, "Lets the daemon go on replicating a database that was stopped."
)
STOP: Final = _asking(
    "stop",
    "DATABASE",
    (1, 1),
    options.ASKING,
    "Lets the daemon stop replicating a database, after a last sync, until `start` or the daemon's own next start.",
)
REGISTER: Final = _asking(
    "register",
    "DATABASE",
    (1, 1),
    options.REGISTER,
    "Lets the daemon replicate a further database, until the daemon ends.",
    Example("plait database register -replica s3://bucket/app /srv/app.db", "replicate one more"),
)
UNREGISTER: Final = _asking(
    "unregister",
    "DATABASE",
    (1, 1),
    options.UNREGISTER,
    "Lets the daemon forget a database, after a last sync. The replica stays as it is.",
)
