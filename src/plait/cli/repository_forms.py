"""The forms that the repository strand registers."""

from __future__ import annotations

from typing import Final

from plait.cli import repository_options as options
from plait.cli import upkeep_options
from plait.cli.forms import Example, Form
from plait.cli.kinds import REPOSITORY
from plait.cli.options import COMMON, KIND, STORES
from plait.model.options import OptionSet

_RUN: Final = "plait.cli.repositories:run"
MANY: Final = 1000
_SHARED: Final = STORES | OptionSet((KIND,)) | options.REPOSITORY
_OWN: Final = COMMON | options.REPOSITORY
_WHICH: Final = """\
The repository is the one that `at` names, or `@NAME:` in the words; else the one of PLAKAR_REPOSITORY, the default
entry of stores.yml, or ~/.plakar. A SNAPSHOT is as many first digits of its identifier as are needed."""


def form(
    words: str,
    takes: tuple[int, int],
    own: OptionSet,
    purpose: str,
    *examples: Example,
    completes: tuple[str, ...] = (),
    shared: bool = False,
) -> Form:
    """A form of a command on a repository; `shared` where the same words may name something else."""
    return Form(
        REPOSITORY,
        words,
        takes,
        _RUN,
        (_SHARED if shared else _OWN) | own,
        purpose=f"{purpose}\n\n{_WHICH}",
        examples=examples,
        completes=completes,
    )


CREATE: Final = form(
    "",
    (0, 0),
    options.CREATE,
    """\
Makes an empty repository, in the format of plakar: deduplicated, compressed, and encrypted with a passphrase unless
--plaintext is given. None of this can be changed later. The place must be missing or empty.""",
    Example("plait at /backup create", "make an encrypted repository; the passphrase is asked for"),
    Example("plait at @offsite create --keyfile ~/.offsite.key", "with the passphrase from a file"),
)
BACKUP: Final = form(
    "[PLACE…]",
    (0, MANY),
    options.BACKUP | OptionSet((options.SOURCE_OPTION, options.SQLITE, options.PROGRESS)),
    """\
Saves directories (the current one by default) as a snapshot. A PLACE is a path, an entry of sources.yml (`@NAME`), or
any other location, such as s3:BUCKET/PREFIX. Files that did not change since the last snapshot of the same place are
not read again. What cannot be read is recorded in the snapshot and told; everything else is saved. A SQLite database
in use is saved as it is at one moment, whatever others write to it meanwhile.""",
    Example("plait at /backup backup ~/documents", "save a directory"),
    Example("plait backup --tag daily --ignore '*.tmp' /srv", "with a tag, without temporary files"),
    Example("plait backup s3:bucket/photos", "save what a bucket holds"),
    completes=("directory",),
)
RESTORE: Final = form(
    "[SNAPSHOT[:PATH]]",
    (0, 1),
    options.RESTORE | OptionSet((options.TARGET_DIRECTORY, options.SOURCE_OPTION, options.PROGRESS)),
    """\
Restores a snapshot, or a path of one, into a directory: contents, owners, modes, times, extended attributes and hard
links. Without a SNAPSHOT it is the newest that the options describe. Files that exist are replaced by whole ones; what
else is in the directory stays. What is damaged is named, and everything else restored.""",
    Example("plait at /backup restore --to /tmp/out 8f44:docs", "restore a directory of a snapshot"),
    Example("plait restore @home:8f44 --to /tmp/out", "from the repository of an entry"),
    shared=True,
)
LS: Final = form(
    "[SNAPSHOT[:PATH]]",
    (0, 1),
    options.LS | options.LOCATION,
    "Lists the snapshots of a repository, newest first, or what a directory of a snapshot holds.",
    Example("plait at /backup ls --since 7d --tags", "the snapshots of a week"),
    Example("plait at /backup ls --recursive 8f44:/etc", "everything below a directory"),
    shared=True,
)
CAT: Final = form(
    "SNAPSHOT:PATH…",
    (1, MANY),
    options.CAT,
    "Prints files of snapshots, one after the other.",
    Example("plait at /backup cat 8f44:/etc/hosts", "print a file"),
    shared=True,
)
CHECK: Final = form(
    "[SNAPSHOT[:PATH]…]",
    (0, MANY),
    options.CHECK | upkeep_options.CHECK | options.LOCATION | OptionSet((options.PROGRESS,)),
    """\
Reads everything that snapshots refer to and verifies it; with --fast it is only looked whether it is there. Damage is
named: which object, and so which paths of which snapshots. Without a SNAPSHOT and filters, every file of the repository
is verified, too, whether a snapshot needs it or not.

With --sample, all trees are read, and of the packfiles so large a share: those first that were never checked, or
longest ago, so that 5% every day is everything in three weeks.""",
    Example("plait at /backup check", "verify everything"),
    Example("plait at /backup check --latest", "verify the newest snapshot"),
    Example("plait at /backup check --sample 5%", "verify the next part, every day"),
    shared=True,
)
DIFF: Final = form(
    "SNAPSHOT[:PATH] [SNAPSHOT[:PATH]|DIRECTORY]",
    (1, 2),
    options.DIFF,
    """\
Shows how two snapshots, or paths of them, differ; or how one differs from a DIRECTORY, which begins with a slash or a
dot; with one word, how it differs from what is at the same place on the disk now.""",
    Example("plait at /backup diff 8f44 a220", "what became different"),
    Example("plait at /backup diff 8f44:/etc/hosts", "against the file as it is now"),
    Example("plait at /backup diff --recursive 8f44:docs ./restored", "against another directory"),
    shared=True,
)
DIGEST: Final = form(
    "SNAPSHOT[:PATH]…",
    (1, MANY),
    options.DIGEST,
    "Prints a digest of each file of snapshots.",
    Example("plait at /backup digest 8f44:/etc", "SHA-256 of everything below a directory"),
)
ARCHIVE: Final = form(
    "SNAPSHOT[:PATH]",
    (1, 1),
    options.ARCHIVE,
    """\
Writes a snapshot, or a path of one, as an archive for any machine. What is damaged is named and left out.""",
    Example("plait at /backup archive -output etc.tar.gz 8f44:/etc", "everything below a directory"),
    Example("plait at /backup archive -format tar -rebase -output - 8f44:/etc | tar -t", "without a file"),
)
LOCATE: Final = form(
    "PATTERN…",
    (1, MANY),
    options.LOCATE | options.LOCATION,
    "Finds files and directories by their names, which may hold * and ?, in all snapshots that the options describe.",
    Example("plait at /backup locate '*.odt'", "in which snapshots, and where"),
)
SERVER: Final = form(
    "",
    (0, 0),
    options.SERVER,
    """\
Serves a repository over HTTP until it is interrupted, so that syncs and other commands reach it as http://HOST:PORT,
and plakar too. What is served stays encrypted. Whoever reaches the address can add to the repository, unless a token is
asked for: that is why it listens on this machine only, unless told otherwise. The token is in --token-file, printed by
--token-cmd, or in PLAIT_SERVER_TOKEN; those who come give it as auth_token of their entry in stores.yml.""",
    Example("plait at /backup server", "serve at http://localhost:9876"),
    Example(
        "plait at /backup server --listen 192.0.2.7:9876 --cert chain.pem --key key.pem --token-file token",
        "to others, by HTTPS, and only to those who know the token",
    ),
)
SYNC: Final = Form(
    REPOSITORY,
    "[SNAPSHOT] to|from|with PEER",
    (2, 3),
    _RUN,
    _OWN | options.SYNC | options.LOCATION | OptionSet((options.PROGRESS,)),
    purpose=f"""\
Copies snapshots between the repository and a PEER, another repository, until the one they go to has all of them: `to`
the peer, `from` the peer, `with` both ways. With a SNAPSHOT only that one, with options those that they describe.
Nothing is removed. The two may differ in everything: key, hashing, compression, chunking. A copied snapshot has the
identifier and all facts of the original. Every content is verified before it is written; what is damaged is named, and
its snapshot is not copied.

{_WHICH}""",
    examples=(
        Example("plait sync abcd to @peer", "copy one snapshot"),
        Example("plait sync --since 7d with @peer", "exchange what is of the last seven days"),
        Example("plait at @repo sync from @peer", "fetch everything that is missing"),
        Example("plait sync --dry-run to /mnt/usb/repo", "show what would be copied, and how much that is"),
    ),
)
INFO: Final = form(
    "[SNAPSHOT[:PATH]]",
    (0, 1),
    options.INFO,
    "Shows what a repository is, or what a snapshot holds; with --errors what could not be saved.",
    Example("plait at /backup info", "format, encryption, sizes"),
    Example("plait at /backup info 8f44", "one snapshot"),
    shared=True,
)
RM: Final = form(
    "[SNAPSHOT…]",
    (0, MANY),
    options.APPLY | options.FILTERS | upkeep_options.AFTERWARDS,
    """\
Removes snapshots: those named, or those that the options describe. Without --apply it is only shown which they are.
Space comes back later, when nothing else needs it, with `plait maintenance`; or right away with --maintenance --repack
--no-grace.""",
    Example("plait at /backup rm --before 2y", "show what is older than two years"),
    Example("plait at /backup rm --apply 8f44", "remove one"),
)


def _entries(word: str, what: str) -> Form:
    kept = OptionSet((options.CONFIGURATION_DIRECTORY, options.QUIET, options.SILENT))
    return Form(
        word,
        "ACTION [NAME] [KEY=VALUE…]",
        (1, MANY),
        _RUN,
        COMMON | kept | options.IMPORT | options.SHOW,
        purpose=f"""\
Keeps the entries of {word}s.yml, which plakar shares: names for {what}, with their settings. ACTION is one of

add NAME LOCATION [KEY=VALUE…], set NAME KEY=VALUE…, unset NAME KEY…, rm NAME: change entries.

show [NAME…]: print them, secrets only with --secrets. check NAME, ping NAME: try one. import [SECTION[:NAME]…]: take
entries from --config or standard input.""",
        examples=(Example(f"plait {word} add home /backup passphrase_cmd='pass backup'", "name a place"),),
    )


STORE: Final = _entries("store", "repositories")
SOURCE: Final = _entries("source", "places that are saved")
DESTINATION: Final = _entries("destination", "places that are restored to")
