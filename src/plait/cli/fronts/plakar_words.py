"""What the usage of a plakar command calls its flags: scripts and people look for the original's words."""

from __future__ import annotations

from typing import Final

from plait.cli.repository_options import UNITS, WEEKDAYS

_FILTERED: Final = ("name", "category", "environment", "perimeter", "job", "dataset")
_SHARED: Final = {
    **{name: f"filter by {name}" for name in _FILTERED},
    "before": "filter by date",
    "since": "filter by date",
    "data-class": "filter by data class (repeat or comma-separated).",
    "group-by": "group results by key: name, category, environment, perimeter, job, dataset, data-class, tag, origin, "
    "type, root.",
    "latest": "consider only the latest matching item",
    "origin": "filter by backup origin (repeat or comma-separated).",
    "root": "filter by root (repeat).",
    "tag": "filter by tag (repeat or comma-separated). All specified tags must be present.",
    "type": "filter by backup type (repeat or comma-separated). Type is fs, s3, ...",
    **{f"{unit}s": f"keep snapshots for the last N {unit}s" for unit in UNITS},
    **{f"{day}s": f"keep snapshots for the last N {day.capitalize()}s" for day in WEEKDAYS},
    **{f"per-{unit}": f"cap the number of kept snapshots per {unit}" for unit in UNITS},
    **{f"per-{day}": f"cap the number of kept snapshots per {day.capitalize()} bucket" for day in WEEKDAYS},
    "apply": "do the actual removal",
    "hashing": "hashing algorithm to use for digests",
    "highlight": "highlight output",
    "no-compression": "disable transparent compression",
    "packfiles": "memory or a path to a directory to store temporary packfiles",
    "plaintext": "disable transparent encryption",
    "recursive": "recursive listing",
    "cache": "path to store vfs cache, 'no' for uncached and 'vfs' for the default in memory cache",
}
GLOBAL_WORDS: Final = {
    "cachedir": "cache directory",
    "config": "configuration directory (deprecated, use -configdir instead)",
    "configdir": "configuration directory",
    "datadir": "data directory",
    "json": "output events as JSON lines",
    "keyfile": "use passphrase from key file when prompted",
    "quiet": "no output except errors",
    "silent": "no output at all",
}
"""What the options before the command are for."""
_KLOSET: Final = "add a kloset location to include in the ptar archive (can be specified multiple times)"
_SHOW: Final = {
    "ini": "output in INI format",
    "json": "output in JSON format",
    "secrets": "show secret values instead of ********",
    "yaml": "output in YAML format (default)",
}
_IMPORT: Final = {
    "config": "import from a file",
    "overwrite": "overwrite existing configurations",
    "rclone": "import using rclone",
}
_OWN: Final[dict[str, dict[str, str]]] = {
    "archive": {
        "format": "archive format: tar, tarball, zip",
        "output": "archive pathname",
        "rebase": "strip pathname when pulling",
    },
    "backup": {
        **{name: f"backup {name}" for name in ("category", "environment", "job", "name", "perimeter")},
        "check": "check the snapshot after creating it",
        "dry-run": "do not actually perform a backup",
        "force-timestamp": "force a timestamp",
        "ignore": "gitignore pattern to exclude files, can be specified multiple times to add several exclusion "
        "patterns",
        "ignore-file": "path to a file containing newline-separated gitignore patterns, treated as -ignore; can be "
        "specified multiple times",
        "no-progress": "do not display progress",
        "no-xattr": "do not back up extended attributes",
        "o": "specify extra importer options",
        "tag": "comma-separated list of tags to apply to the snapshot",
    },
    "cat": {"decompress": "decompress output"},
    "check": {
        "fast": "enable fast checking (no digest verification)",
        "no-verify": "disable signature verification",
    },
    "create": {"weak-passphrase": "allow weak passphrase to protect the repository"},
    "destination import": _IMPORT,
    "destination show": _SHOW,
    "diff": {"recursive": "recursive diff of directories"},
    "digest": {"hashing": "hashing algorithm to use"},
    "locate": {"snapshot": "snapshot to locate in"},
    "ls": {"tags": "show tags", "uuid": "display uuid instead of short ID"},
    "policy show": _SHOW,
    "prune": {"policy": "policy to use"},
    "ptar": {
        "k": _KLOSET,
        "kloset": _KLOSET,
        "o": "name of the ptar archive to create",
        "overwrite": "overwrite the ptar archive if it already exists",
    },
    "repair": {"apply": "do the actual repair"},
    "restore": {
        "o": "specify extra exporter options",
        "skip-permissions": "do not restore file permissions",
        "tag": "filter by tag",
        "to": "base directory where pull will restore",
    },
    "server": {
        "allow-delete": "enable delete operations",
        "cert": "Full certificate chain",
        "key": "Certificate private key",
        "listen": "address to listen on",
    },
    "source import": _IMPORT,
    "source show": _SHOW,
    "store import": _IMPORT,
    "store show": _SHOW,
}


def flag_words(command: str) -> dict[str, str]:
    """What the flags of a command are for, by name. Those of Plait's own are not among them."""
    return {**_SHARED, **_OWN.get(command, {})}
