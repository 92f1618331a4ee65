"""Further forms of the repository strand: snapshots duplicated, put into archives, mounted, searched and counted."""

from __future__ import annotations

from typing import Final

from plait.cli import repository_options
from plait.cli import snapshot_options as options
from plait.cli.forms import Example
from plait.cli.repository_forms import MANY, form
from plait.model.options import OptionSet

DUP: Final = form(
    "SNAPSHOT…",
    (1, MANY),
    OptionSet(()),
    """\
Adds snapshots that are equal to others, but for their identifiers and their time, which is now. What they hold is
stored once, and stays when one of the two is removed.""",
    Example("plait at /backup dup 8f44", "once more, as of now"),
)
PTAR: Final = form(
    "[PLACE…]",
    (0, MANY),
    options.PTAR,
    """\
Writes an archive: a repository in one file, `.ptar`, which plakar and Plait read wherever a repository is named. It
holds a snapshot of each PLACE, and all snapshots of each repository that -k names, deduplicated, compressed, and
encrypted with a passphrase unless --plaintext is given. Without either it holds the repository that `at` names, and
has its passphrase, else the current directory. An archive is written once and never changed.""",
    Example("plait ptar -o photos.ptar ~/photos", "a directory, encrypted"),
    Example("plait ptar -o all.ptar -k @home -k @offsite", "two whole repositories"),
    Example("plait at all.ptar restore --to /tmp/out 8f44", "and back from it"),
    completes=("directory",),
)
MOUNT: Final = form(
    "[SNAPSHOT[:PATH]]",
    (0, 1),
    options.MOUNT | repository_options.LOCATION,
    """\
Mounts the snapshots that the options describe, each in a directory of its own, or a path of one, until it is
interrupted or unmounted. Nothing can be changed there, and only what is looked at is read. It takes the system's
fuse3 and `pip install 'plait[mount]'`; with --to http://HOST:PORT it takes neither: a browser shows the same.""",
    Example("plait at /backup mount --to /mnt", "all snapshots"),
    Example("plait at /backup mount --to /mnt 8f44:/srv/data", "a directory of one"),
    Example("plait at /backup mount --since 7d --to http://localhost:8080", "those of a week, for a browser"),
)
STATS: Final = form(
    "",
    (0, 0),
    options.STATS | repository_options.LOCATION,
    """\
Counts what a repository holds. Of each snapshot: the size of its files; what is stored for it, compressed; how much of
that other snapshots share; what it has alone, and so what its removal gives back; and what it added when it was made.
Of all together: how well deduplication and compression do, and what no snapshot needs any more. The options say which
snapshots are shown; all are counted.""",
    Example("plait at /backup stats", "every snapshot, and the sum"),
    Example("plait at /backup stats --by month", "how it grew"),
    Example("plait at /backup stats --json --latest", "for a program"),
)
FIND: Final = form(
    "[PATTERN…]",
    (0, MANY),
    options.FIND | repository_options.LOCATION,
    """\
Finds files in the snapshots that the options describe, newest first: those whose names match a PATTERN, which may hold
*, ? and [a-z]; one that begins with a slash matches the whole path. Without a PATTERN everything matches.""",
    Example("plait at /backup find --ignore-case '*.jpg' --min-size 10M", "large pictures"),
    Example("plait at /backup find --changed --long /etc/fstab", "the versions of a file"),
    Example("plait at /backup find --inside 8f44:src --modified-since 7d --kind file", "what was new then"),
)
PASSPHRASE_CHANGE: Final = form(
    "",
    (0, 0),
    options.PASSPHRASE,
    """\
Gives a repository another passphrase. In this format the key is in every byte that is stored, so that everything is
copied into a new repository with another key, read back, and then takes the place of the old one, in one step; it takes
as much space again. Snapshots keep their identifiers. The old repository, with the old passphrase, is kept beside until
`passphrase discard` is told that it may go. An interrupted change goes on where it was when it is run again; until it
has switched, the old passphrase is the one. A repository that is not encrypted becomes encrypted.

The new passphrase comes from --new-keyfile, --new-passphrase-cmd or PLAIT_NEW_PASSPHRASE, else it is asked for. Where a
directory cannot be renamed, as on S3, --to names another place, and the entry of the repository names it from then
on.""",
    Example("plait at /backup passphrase change", "asked for at the terminal"),
    Example("plait at @home passphrase change --new-passphrase-cmd 'pass backup-new'", "from a password manager"),
    Example("plait at @away passphrase change --to s3://ENDPOINT/BUCKET/new", "in a bucket"),
)
PASSPHRASE_DISCARD: Final = form(
    "",
    (0, 0),
    repository_options.APPLY,
    """\
Removes the old repository that a change of the passphrase has kept, once the new one has been opened. Without --apply
it is only shown which that is.""",
    Example("plait at /backup passphrase discard --apply", "the old one may go"),
)
