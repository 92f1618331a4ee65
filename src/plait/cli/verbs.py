"""The table of verbs: what a strand registers. Everything is a dotted name, loaded when the verb is used."""

from __future__ import annotations

from typing import Final

from plait.cli.forms import Verb

_MIRROR = "plait.cli.mirror_forms:"
_REPOSITORY = "plait.cli.repository_forms:"
_ONLY_REPOSITORY = "plait.cli.kinds:decide_repository"
_DATABASE = "plait.cli.database_forms:"
_LATER = "plait.cli.later_forms:"
_OWN = "plait.cli.own_forms:"

VERBS: Final[dict[str, Verb]] = {
    "sync": Verb(
        "Make a destination identical to its source",
        (_MIRROR + "SYNC", _LATER + "SYNC_REPOSITORY", _DATABASE + "SYNC"),
        "plait.cli.sync_forms:decide_sync",
    ),
    "copy": Verb("Copy what a destination lacks or has otherwise; delete nothing", (_MIRROR + "COPY",)),
    "move": Verb("Copy, and delete from the source what has arrived", (_MIRROR + "MOVE",)),
    "check": Verb(
        "Compare two trees, or verify what is kept in one place",
        (_MIRROR + "CHECK", _REPOSITORY + "CHECK", _DATABASE + "CHECK"),
        "plait.cli.kinds:decide_check",
    ),
    "ls": Verb(
        "List what a location holds",
        (_MIRROR + "LS", _REPOSITORY + "LS", _DATABASE + "LS"),
        "plait.cli.kinds:decide_one",
    ),
    "size": Verb("Count items and bytes", (_MIRROR + "SIZE", _DATABASE + "SIZE"), "plait.cli.kinds:decide_one"),
    "create": Verb("Make a repository", (_REPOSITORY + "CREATE",), _ONLY_REPOSITORY),
    "info": Verb(
        "Show what is kept in one place",
        (_REPOSITORY + "INFO", _DATABASE + "INFO_REPLICA", _DATABASE + "INFO_DATABASE"),
        "plait.cli.kinds:decide_kept",
    ),
    "backup": Verb("Save places as a snapshot", (_REPOSITORY + "BACKUP",), _ONLY_REPOSITORY),
    "rm": Verb("Remove snapshots", (_REPOSITORY + "RM",), _ONLY_REPOSITORY),
    "restore": Verb(
        "Bring back what is kept",
        (_REPOSITORY + "RESTORE", _DATABASE + "RESTORE_REPLICA", _DATABASE + "RESTORE_DATABASE"),
        "plait.cli.kinds:decide_kept",
    ),
    "replicate": Verb("Keep replicas of live SQLite databases", (_DATABASE + "REPLICATE",)),
    "database list": Verb("List the databases that a daemon replicates", (_DATABASE + "LIST",)),
    "database info": Verb("Show the daemon that replicates databases", (_DATABASE + "INFO",)),
    "database status": Verb("Show how databases are replicated", (_DATABASE + "STATUS",)),
    "database ltx": Verb("List the LTX files of a database", (_DATABASE + "LTX",)),
    "database start": Verb("Go on replicating a database", (_DATABASE + "START",)),
    "database stop": Verb("Stop replicating a database", (_DATABASE + "STOP",)),
    "database register": Verb("Replicate a further database", (_DATABASE + "REGISTER",)),
    "database unregister": Verb("Replicate a database no longer", (_DATABASE + "UNREGISTER",)),
    "database reset": Verb("Forget what was captured of a database", (_DATABASE + "RESET",)),
    "digest": Verb("Print digests of files in snapshots", (_REPOSITORY + "DIGEST",), _ONLY_REPOSITORY),
    "store": Verb("Keep the names of repositories", (_REPOSITORY + "STORE",)),
    "source": Verb("Keep the names of places that are saved", (_REPOSITORY + "SOURCE",)),
    "destination": Verb("Keep the names of places that are restored to", (_REPOSITORY + "DESTINATION",)),
    "plan sync": Verb("Write down what a sync would do", (_MIRROR + "PLAN_SYNC",)),
    "plan show": Verb("Show a written plan", (_OWN + "PLAN_SHOW",)),
    "apply": Verb("Execute a written plan where both sides are still as planned", (_OWN + "APPLY",)),
    "runs": Verb("List the runs so far", (_OWN + "RUNS",)),
    "runs show": Verb("Show what one run did, item by item", (_OWN + "RUNS_SHOW",)),
    "completion": Verb("Print a completion script for a shell", (_OWN + "COMPLETION",)),
    "version": Verb("Show the version", (_OWN + "VERSION",)),
    "help": Verb("Show help for a command", (_OWN + "HELP",)),
}
