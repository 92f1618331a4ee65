"""The table of verbs: what a strand registers. Everything is a dotted name, loaded when the verb is used."""

from __future__ import annotations

from typing import Final

from plait.cli.forms import Verb

_MIRROR = "plait.cli.mirror_forms:"
_REPOSITORY = "plait.cli.repository_forms:"
_SNAPSHOT = "plait.cli.snapshot_forms:"
_UPKEEP = "plait.cli.upkeep_forms:"
_PLANS = "plait.cli.plan_forms:"
_ONLY_REPOSITORY = "plait.cli.kinds:decide_repository"
_DATABASE = "plait.cli.database_forms:"
_OWN = "plait.cli.own_forms:"
_TREE = "plait.cli.tree_forms:"

VERBS: Final[dict[str, Verb]] = {
    "sync": Verb(
        "Make a destination identical to its source",
        (_MIRROR + "SYNC", _REPOSITORY + "SYNC", _DATABASE + "SYNC"),
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
    "size": Verb("Count items and bytes", (_MIRROR + "SIZE", _DATABASE + "SIZE"), "plait.cli.kinds:decide_size"),
    "cat": Verb("Print the content of files", (_TREE + "CAT", _REPOSITORY + "CAT"), "plait.cli.kinds:decide_cat"),
    "copyto": Verb("Copy a file to a name", (_TREE + "COPYTO",)),
    "moveto": Verb("Move a file to a name", (_TREE + "MOVETO",)),
    "copyurl": Verb("Store what a URL gives", (_TREE + "COPYURL",)),
    "rcat": Verb("Store standard input", (_TREE + "RCAT",)),
    "lsf": Verb("List a location in a form that programs read", (_TREE + "LSF",)),
    "lsl": Verb("List files with sizes and times", (_TREE + "LSL",)),
    "lsd": Verb("List directories or buckets", (_TREE + "LSD",)),
    "lsjson": Verb("List a location as JSON", (_TREE + "LSJSON",)),
    "tree": Verb("Draw a location as a tree", (_TREE + "TREE_FORM",)),
    "hashsum": Verb("Print hashes of files, or check them", (_TREE + "HASHSUM",)),
    "md5sum": Verb("Print MD5 sums of files", (_TREE + "MD5SUM",)),
    "sha1sum": Verb("Print SHA-1 sums of files", (_TREE + "SHA1SUM",)),
    "checksum": Verb("Compare files with a file of sums", (_TREE + "CHECKSUM",)),
    "touch": Verb("Set modification times, or make a file", (_TREE + "TOUCH",)),
    "mkdir": Verb("Make a directory or a bucket", (_TREE + "MKDIR",)),
    "rmdir": Verb("Remove an empty directory or bucket", (_TREE + "RMDIR",)),
    "rmdirs": Verb("Remove directories without files", (_TREE + "RMDIRS",)),
    "delete": Verb("Delete files", (_TREE + "DELETE",)),
    "deletefile": Verb("Delete one file", (_TREE + "DELETEFILE",)),
    "purge": Verb("Remove a directory and everything in it", (_TREE + "PURGE",)),
    "cleanup": Verb("Empty the trash, or end abandoned uploads", (_TREE + "CLEANUP",)),
    "dedupe": Verb("Find files that are the same", (_TREE + "DEDUPE",)),
    "about": Verb("Say how full a store is", (_TREE + "ABOUT",)),
    "link": Verb("Print a link to a file", (_TREE + "LINK",)),
    "backend": Verb("Run a command of a store", (_TREE + "BACKEND",)),
    "listremotes": Verb("List the remotes", (_TREE + "LISTREMOTES",)),
    "config show": Verb("Show the remotes' configuration", (_TREE + "CONFIG_SHOW",)),
    "config dump": Verb("Print the remotes as JSON", (_TREE + "CONFIG_DUMP",)),
    "config file": Verb("Say which rclone.conf is used", (_TREE + "CONFIG_FILE",)),
    "config paths": Verb("Say where files are kept", (_TREE + "CONFIG_PATHS",)),
    "config redacted": Verb("Show the remotes without secrets", (_TREE + "CONFIG_REDACTED",)),
    "config touch": Verb("Make an empty rclone.conf", (_TREE + "CONFIG_TOUCH",)),
    "config providers": Verb("List the types of remotes", (_TREE + "CONFIG_PROVIDERS",)),
    "config create": Verb("Make a remote", (_TREE + "CONFIG_CREATE",)),
    "config update": Verb("Change a remote", (_TREE + "CONFIG_UPDATE",)),
    "config password": Verb("Set passwords of a remote", (_TREE + "CONFIG_PASSWORD",)),
    "config unset": Verb("Take keys out of a remote", (_TREE + "CONFIG_UNSET",)),
    "config delete": Verb("Delete a remote", (_TREE + "CONFIG_DELETE",)),
    "obscure": Verb("Obscure a password for rclone.conf", (_TREE + "OBSCURE",)),
    "reveal": Verb("Reveal an obscured password", (_TREE + "REVEAL",)),
    "create": Verb("Make a repository", (_REPOSITORY + "CREATE",), _ONLY_REPOSITORY),
    "info": Verb(
        "Show what is kept in one place",
        (_REPOSITORY + "INFO", _DATABASE + "INFO_REPLICA", _DATABASE + "INFO_DATABASE"),
        "plait.cli.kinds:decide_kept",
    ),
    "backup": Verb("Save places as a snapshot", (_REPOSITORY + "BACKUP",), _ONLY_REPOSITORY),
    "rm": Verb("Remove snapshots", (_REPOSITORY + "RM",), _ONLY_REPOSITORY),
    "prune": Verb("Remove the snapshots that no policy keeps", (_UPKEEP + "PRUNE",), _ONLY_REPOSITORY),
    "maintenance": Verb("Give back the space of what no snapshot needs", (_UPKEEP + "MAINTENANCE",), _ONLY_REPOSITORY),
    "repack": Verb("Rewrite packfiles of which little is needed", (_UPKEEP + "REPACK",), _ONLY_REPOSITORY),
    "repair": Verb("Make a damaged repository whole again", (_UPKEEP + "REPAIR",), _ONLY_REPOSITORY),
    "policy": Verb("Keep the names of what prune keeps", (_UPKEEP + "POLICY",)),
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
    "archive": Verb("Write a snapshot as tar or zip", (_REPOSITORY + "ARCHIVE",), _ONLY_REPOSITORY),
    "ptar": Verb("Write a repository as one file", (_SNAPSHOT + "PTAR",), _ONLY_REPOSITORY),
    "passphrase change": Verb(
        "Give a repository another passphrase", (_SNAPSHOT + "PASSPHRASE_CHANGE",), _ONLY_REPOSITORY
    ),
    "passphrase discard": Verb(
        "Remove the repository with the old passphrase", (_SNAPSHOT + "PASSPHRASE_DISCARD",), _ONLY_REPOSITORY
    ),
    "server": Verb("Serve a repository over HTTP", (_REPOSITORY + "SERVER",), _ONLY_REPOSITORY),
    "dup": Verb("Duplicate snapshots", (_SNAPSHOT + "DUP",), _ONLY_REPOSITORY),
    "mount": Verb("Mount snapshots as a file system", (_SNAPSHOT + "MOUNT",), _ONLY_REPOSITORY),
    "stats": Verb("Count what a repository holds", (_SNAPSHOT + "STATS",), _ONLY_REPOSITORY),
    "digest": Verb("Print digests of files in snapshots", (_REPOSITORY + "DIGEST",), _ONLY_REPOSITORY),
    "diff": Verb("Show how snapshots differ", (_REPOSITORY + "DIFF",), "plait.cli.kinds:decide_diff"),
    "find": Verb("Find files in snapshots", (_SNAPSHOT + "FIND",), _ONLY_REPOSITORY),
    "locate": Verb("Find names in snapshots", (_REPOSITORY + "LOCATE",), _ONLY_REPOSITORY),
    "store": Verb("Keep the names of repositories", (_REPOSITORY + "STORE",)),
    "source": Verb("Keep the names of places that are saved", (_REPOSITORY + "SOURCE",)),
    "destination": Verb("Keep the names of places that are restored to", (_REPOSITORY + "DESTINATION",)),
    "plan sync": Verb(
        "Write down what a sync would do",
        (_MIRROR + "PLAN_SYNC", _PLANS + "PLAN_SYNC"),
        "plait.cli.sync_forms:decide_plan_sync",
    ),
    "plan show": Verb("Show a written plan", (_OWN + "PLAN_SHOW",)),
    "apply": Verb(
        "Execute a written plan where both sides are still as planned",
        (_OWN + "APPLY", _PLANS + "APPLY"),
        "plait.cli.plans:decide_plan",
    ),
    "run": Verb("Run a job that plait.toml names", (_OWN + "RUN",)),
    "jobs": Verb("List the jobs that plait.toml names", (_OWN + "JOBS",)),
    "runs": Verb("List the runs so far", (_OWN + "RUNS",)),
    "runs show": Verb("Show what one run did, item by item", (_OWN + "RUNS_SHOW",)),
    "completion": Verb("Print a completion script for a shell", (_OWN + "COMPLETION",)),
    "version": Verb("Show the version", (_OWN + "VERSION",)),
    "help": Verb("Show help for a command", (_OWN + "HELP",)),
}
