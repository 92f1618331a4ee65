"""The texts of the plakar front's manual pages, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_DONE: Final = ("0 if all was done, 1 if something failed, 2 if a flag is wrong.",)
_OPENED: Final = (
    *_DONE,
    "66 if the store cannot be opened, 77 if it cannot be unlocked, 78 if its format has another version.",
)


@dataclass(frozen=True, slots=True)
class ManualPage:
    """What a page says beyond what the declarations of the command say: paragraphs, a blank line between two is "".

    `see_also` are names of other pages.
    """

    summary: str
    description: tuple[str, ...]
    examples: tuple[str, ...] = ()
    see_also: tuple[str, ...] = ()
    exit_status: tuple[str, ...] = _OPENED
    environment: tuple[str, ...] = ()


def _entries(word: str, place: str, example: str, used: str) -> ManualPage:
    return ManualPage(
        f"name {place}s and keep their settings",
        (
            f"Keeps named {place}s in the file {word}s.yml of the configuration directory; {used}",
            "",
            (
                "add enters a location with its settings, set changes settings and unset removes them, rm removes the "
                "entry. show prints entries, with what is secret as ******** unless -secrets is given. import reads "
                "entries as YAML, JSON or INI from standard input or a file. check says whether the settings can be "
                "used, ping whether the place answers."
            ),
            "",
            "A passphrase in an entry of a store is used before PLAKAR_PASSPHRASE; passphrase_cmd is a command of the "
            "shell that prints one."
            if word == "store"
            else "Settings other than location are handed to the connector.",
        ),
        (
            f"$ plakar {word} add {example}",
            f"$ plakar {word} show",
            f"$ plakar {word} rm home",
        ),
        tuple(name for name in ("destination", "source", "store") if name != word),
        ("0 if all was done, 1 if something failed, 2 if a flag is wrong.",),
    )


TOP: Final = ManualPage(
    "deduplicated, encrypted snapshots, by Plait",
    (
        (
            "Makes snapshots of trees in a Kloset store, and restores, compares, checks and synchronizes them. This is "
            "the face of plakar on Plait: commands, flags, output and exit codes are the original's."
        ),
        "",
        (
            "STORE is a path, a URI, an archive FILE.ptar, or @NAME from stores.yml; @NAME:SUB is below it. "
            "Without at, it is PLAKAR_REPOSITORY, the entry that is the default in stores.yml, or .plakar in the home "
            "directory."
        ),
        "",
        "Flags begin with one dash or two, take their value after a blank or =, and end at the first word.",
    ),
    ("$ plakar at /var/backups create", "$ plakar at /var/backups backup /etc", "$ plakar at /var/backups ls"),
    ("query", "backup", "restore", "store"),
    environment=(
        "PLAKAR_REPOSITORY: the store, without at.",
        "PLAKAR_PASSPHRASE: the passphrase of the store, unless -keyfile or its entry has one.",
        "PLAKAR_TAGS: the tags of backups without -tag.",
        "PLAKAR_LOCKLESS: with 1, t or true, no locks are written or looked at.",
        "PLAKAR_GRACEPERIOD: how long maintenance waits before it deletes, as in 168h.",
        "PLAKAR_NODELETION: maintenance deletes no packfiles.",
        "XDG_CONFIG_HOME, XDG_CACHE_HOME: where configuration and caches are.",
    ),
)
QUERY: Final = ManualPage(
    "select snapshots: the location flags of several commands",
    (
        (
            "Filters narrow: a snapshot has to pass all of them. Periods then keep a union of calendar buckets in UTC: "
            "-days 7 keeps what is of the last seven days, -per-month 1 the newest of each month, both together what "
            "either keeps. -group-by applies periods to each group by itself."
        ),
        "",
        (
            "Times are dates (2026-01-25, 2026-01-25 14:31, RFC 3339; UTC where they name no zone) or durations before "
            "now (12h, 7d, 3 weeks). In a duration, m alone is a month and mi or min a minute."
        ),
    ),
    ("$ plakar ls -tag daily,!broken -since 7d", "$ plakar check -root /etc -latest", "$ plakar prune -per-day 1"),
    ("check", "locate", "ls", "prune", "sync"),
    ("The commands that take these flags say it.",),
)
PAGES: Final[dict[str, ManualPage]] = {
    "archive": ManualPage(
        "write a tar or zip archive of a snapshot",
        ("Writes the files of a snapshot, or of a path in it, as an archive.",),
        ("$ plakar archive -format zip -output docs.zip abcd:docs", "$ plakar archive -output - abcd | tar tz"),
        ("ptar", "restore"),
    ),
    "backup": ManualPage(
        "create a snapshot",
        (
            (
                "Saves a place: a path, a URI, @NAME from sources.yml, or stdin:NAME for standard input. Without one, "
                "the current directory is saved. Files that are as in the last snapshot are not read again."
            ),
            "",
            "What cannot be read is told, recorded in the snapshot, and left out.",
            "",
            "Patterns of -ignore are those of .gitignore, anchored at the root of the file system.",
        ),
        (
            "$ plakar backup /etc",
            "$ plakar backup -tag daily -ignore '*.o' -check /src",
            "$ dump | plakar backup stdin:db",
        ),
        ("query", "restore", "source"),
        environment=("PLAKAR_TAGS: tags, where there is no -tag.",),
    ),
    "cat": ManualPage(
        "print the contents of files in snapshots",
        ("Prints files one after another. Where one cannot be printed, the others are nevertheless.",),
        ("$ plakar cat abcd:/etc/passwd", "$ plakar cat -decompress abcd:log.gz"),
        ("ls", "restore"),
    ),
    "check": ManualPage(
        "check that snapshots are whole",
        (
            (
                "Reads and verifies all that snapshots, or paths in them, need; without words and flags, that of every "
                "snapshot. With -fast only whether it is there."
            ),
        ),
        ("$ plakar check", "$ plakar check -latest -root /etc", "$ plakar check -fast abcd"),
        ("query", "backup"),
        (*_OPENED, "65 if a snapshot is damaged."),
    ),
    "create": ManualPage(
        "create a store",
        (
            (
                "Creates a store where there is nothing or an empty directory. It is encrypted unless -plaintext "
                "is given; the passphrase is that of -keyfile, the entry or PLAKAR_PASSPHRASE, or asked for."
            ),
            "",
            "Without the passphrase nothing in the store can be read, by nobody.",
        ),
        ("$ plakar at /var/backups create", "$ plakar -keyfile key at @s3 create"),
        ("backup", "store"),
        ("0 if it was created, 1 if not, 2 if a flag is wrong.",),
    ),
    "destination": _entries("destination", "destination", "home /srv/restored", "restore -to @NAME restores to one."),
    "diag": ManualPage(
        "look at the parts of a store",
        ("Shows what a store is made of: snapshots, states, packfiles, objects, trees and locks.",),
        ("$ plakar diag", "$ plakar diag snapshot abcd", "$ plakar diag locks"),
        ("info", "check"),
    ),
    "diff": ManualPage(
        "show the differences of two snapshots, or of a snapshot and the files as they are",
        ("Compares two files or two directories. With one word, a snapshot is compared with its files as they are.",),
        ("$ plakar diff abcd:/etc/passwd ef01:/etc/passwd", "$ plakar diff -recursive abcd ef01", "$ plakar diff abcd"),
        ("ls", "cat"),
    ),
    "digest": ManualPage(
        "print digests of files in snapshots",
        ("Prints a line ALGORITHM (PATH) = HEX for each file, of directories for all files below them.",),
        ("$ plakar digest abcd:/etc/passwd", "$ plakar digest -hashing BLAKE3 abcd"),
        ("cat", "check"),
    ),
    "dup": ManualPage(
        "duplicate snapshots under new identifiers",
        ("Makes a further snapshot of the same contents in the same store, dated now.",),
        ("$ plakar dup abcd",),
        ("backup", "sync"),
    ),
    "help": ManualPage(
        "show manual pages",
        ("Shows the page of a command, of query, or of the program. -style is taken and of no effect.",),
        ("$ plakar help backup", "$ plakar help query"),
        (),
        ("0 if the page is there, 1 if not, 2 if a flag is wrong.",),
    ),
    "info": ManualPage(
        "show facts of a store or snapshot",
        ("Shows how the store is made and how much it holds, or when, where and of what a snapshot was made.",),
        ("$ plakar info", "$ plakar info abcd", "$ plakar info -errors abcd"),
        ("ls", "check"),
    ),
    "locate": ManualPage(
        "find names in snapshots",
        ("Prints the files and directories whose name is PATTERN, or matches it as the shell does.",),
        ("$ plakar locate passwd", "$ plakar locate -latest '*.conf'"),
        ("query", "ls"),
    ),
    "ls": ManualPage(
        "list snapshots and what is in them",
        (
            (
                "Without a word, lists snapshots, the newest first: when, identifier, size, duration, directory. With "
                "one, lists a directory in a snapshot: when, mode, user, group, size, name."
            ),
        ),
        ("$ plakar ls -tags", "$ plakar ls abcd:/etc", "$ plakar ls -recursive abcd"),
        ("query", "info"),
    ),
    "maintenance": ManualPage(
        "free the space of what no snapshot needs",
        (
            (
                "Marks packfiles that no snapshot needs, and deletes those marked long enough ago: so space is "
                "freed by a later run. Backups and syncs wait meanwhile."
            ),
        ),
        ("$ plakar maintenance",),
        ("prune", "rm"),
        environment=(
            "PLAKAR_GRACEPERIOD: how long marked packfiles stay; 168h without it.",
            "PLAKAR_NODELETION: no packfile is deleted.",
        ),
    ),
    "mount": ManualPage(
        "show snapshots as a file system or as pages",
        ("Mounts snapshots, one of them, or a path in it, for reading, until it is interrupted or unmounted.",),
        ("$ plakar mount -to /mnt", "$ plakar mount -to http://localhost:8080 abcd"),
        ("query", "ls"),
    ),
    "policy": ManualPage(
        "name what prune keeps",
        ("Keeps named sets of location flags in policies.yml, for prune -policy NAME.",),
        ("$ plakar policy add keep days=7 per-day=1 per-month=1", "$ plakar policy show keep"),
        ("prune", "query"),
        ("0 if all was done, 1 if something failed, 2 if a flag is wrong.",),
    ),
    "prune": ManualPage(
        "remove snapshots that no period keeps",
        (
            (
                "Of the snapshots that the filters take, removes those that no period keeps, and those that are named. "
                "Without -apply it is only shown. maintenance frees the space."
            ),
        ),
        ("$ plakar prune -days 7 -per-month 1", "$ plakar prune -apply -policy keep"),
        ("query", "policy", "rm"),
    ),
    "ptar": ManualPage(
        "write paths or stores into one file",
        ("Writes a store as a single file, of live paths and of whole stores. It cannot be added to later.",),
        ("$ plakar ptar -plaintext -o docs.ptar /docs", "$ plakar ptar -o all.ptar -k @home"),
        ("archive", "sync"),
        _DONE,
    ),
    "repair": ManualPage(
        "repair a damaged store",
        ("Finds lost and damaged states and packfiles, and does what can be done. Without -apply it is only shown.",),
        ("$ plakar repair", "$ plakar repair -apply"),
        ("check", "maintenance"),
    ),
    "restore": ManualPage(
        "restore files of a snapshot",
        (
            (
                "Restores a snapshot, or a path in it, to a directory of the name plakar-TIME or to what -to names: a "
                "directory, @NAME from destinations.yml, or stdout: for the contents of files. Without a word "
                "it is the newest snapshot that the filters take."
            ),
            "",
            "Files that exist are replaced, others stay. What is restored of a directory is its contents.",
        ),
        ("$ plakar restore -to /tmp/etc abcd:/etc", "$ plakar restore -to stdout: abcd:/etc/passwd"),
        ("backup", "destination"),
    ),
    "rm": ManualPage(
        "remove snapshots",
        (
            (
                "Removes the snapshots that are named or that the filters take. Without -apply it is only shown. "
                "maintenance frees the space."
            ),
        ),
        ("$ plakar rm -apply abcd", "$ plakar rm -apply -before 90d -tag hourly"),
        ("maintenance", "prune", "query"),
    ),
    "server": ManualPage(
        "serve a store over HTTP",
        ("Serves a store that it does not unlock. Deletion is refused unless -allow-delete is given.",),
        ("$ plakar at /var/backups server -listen :9876",),
        ("sync",),
        ("1 when it was interrupted, 2 if a flag is wrong.",),
    ),
    "source": _entries("source", "source", "home /home/me", "backup @NAME saves one."),
    "store": _entries("store", "store", "home /var/backups passphrase_cmd='pass plakar'", "at @NAME opens one."),
    "sync": ManualPage(
        "copy snapshots to, from or with another store",
        (
            (
                "Copies the snapshots that the other side does not have; with does it both ways. Nothing is "
                "removed. The stores may have different passphrases, hashing and compression."
            ),
            "",
            "The passphrase of the peer is that of its entry, or asked for.",
        ),
        (
            "$ plakar at @home sync to @offsite",
            "$ plakar at @home sync -since 7d from /mnt/disk",
            "$ plakar sync abcd to @x",
        ),
        ("query", "store"),
        (*_OPENED, "3 if some snapshots were copied and some were not."),
    ),
    "version": ManualPage(
        "print the version",
        ("Prints the version.",),
        ("$ plakar version",),
        (),
        ("0, or 2 if a flag is wrong.",),
    ),
}
