"""The forms of the mirror's verbs beside sync, copy, move and check on Plait's own face: rclone's verbs and words."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from plait.cli.forms import Example, Form
from plait.cli.mirror_forms import TREE
from plait.cli.options import COMMON, KIND, STORES
from plait.cli.sync_forms import MIRROR
from plait.mirror import options
from plait.mirror import verb_options as own
from plait.model.options import OptionSet

_COMMANDS: Final = "plait.cli.commands."
_REMOTE: Final = ("remote",)
_CONFIGURATION: Final = STORES | options.CONFIGURATION | options.OUTPUT


def _plain(declared: OptionSet, *, without: str = "", unlettered: str = "") -> OptionSet:
    """The options, without those named `without`, and without the letters that mean something else on this face."""
    left_out = without.split()
    kept = (option for option in declared.options if option.name not in left_out)
    return OptionSet(replace(option, short="") if option.short in unlettered.split() else option for option in kept)


def _of_one(run: str, flags: OptionSet, purpose: str, *examples: Example, words: str = "LOCATION") -> Form:
    return Form(MIRROR, words, (1, 1), _COMMANDS + run, STORES | flags, purpose, examples, _REMOTE)


CAT: Final = Form(
    TREE,
    "LOCATION",
    (1, 1),
    _COMMANDS + "contents:cat",
    STORES | OptionSet((KIND,)) | own.CAT | own.READING,
    purpose="""\
Prints the content of a file, or of all files below a directory, one after the other; a range of each with --offset and
--count, --head or --tail.""",
    examples=(
        Example("plait cat s3:bucket/log.txt", "print a file"),
        Example("plait cat --tail 1000 remote:logs/today", "print its end"),
        Example("plait cat --include '*.csv' remote:tables", "print all files of a kind"),
    ),
    completes=_REMOTE,
)
COPYTO: Final = Form(
    MIRROR,
    "SOURCE DEST",
    (2, 2),
    _COMMANDS + "transfer:single",
    STORES | options.COPY,
    purpose="""\
Copies the file SOURCE to the name DEST, where `plait copy` would copy it into a directory DEST. Where SOURCE is a
directory it does what copy does. A file that is equal already is left alone.""",
    examples=(Example("plait copyto report.pdf s3:bucket/reports/2026.pdf", "copy under another name"),),
    completes=("remote", "remote"),
)
MOVETO: Final = Form(
    MIRROR,
    "SOURCE DEST",
    (2, 2),
    _COMMANDS + "transfer:single",
    STORES | options.MOVE,
    purpose="Moves the file SOURCE to the name DEST. Where SOURCE is a directory it does what move does.",
    examples=(Example("plait moveto s3:bucket/draft s3:bucket/final", "rename an object"),),
    completes=("remote", "remote"),
)
COPYURL: Final = Form(
    MIRROR,
    "URL [DEST]",
    (1, 2),
    _COMMANDS + "contents:copyurl",
    STORES | own.COPYURL | own.WRITING,
    purpose="""\
Stores what a URL gives under the name DEST, or with --auto-filename in the directory DEST under the name that the URL
has. The file appears whole or not at all.""",
    examples=(
        Example("plait copyurl https://example.com/a.iso remote:images/a.iso", "store a download"),
        Example("plait copyurl -a https://example.com/a.iso remote:images", "under the URL's own name"),
    ),
    completes=("", "remote"),
)
RCAT: Final = _of_one(
    "contents:rcat",
    own.WRITING,
    "Stores what comes on standard input under a name. The file appears whole or not at all.",
    Example("pg_dump db | plait rcat s3:bucket/db.sql", "store a stream"),
)
LSF: Final = _of_one(
    "listings:lsf",
    own.LSF | own.METADATA | own.READING,
    """\
Lists a location in a form that programs read: of each item what --format asks for, a letter each. p path, s size, t
modification time, h hash, m content type, i identifier, T storage class, M metadata.""",
    Example("plait lsf --format pst --csv remote:dir", "path, size and time as CSV"),
    Example("plait lsf -R --files-only --hash sha1 --format hp dir", "hashes and paths"),
)
LSL: Final = _of_one(
    "listings:lsl",
    own.READING,
    "Lists the files below a location with their sizes and modification times.",
    Example("plait lsl remote:dir", "all files"),
)
LSD: Final = _of_one(
    "listings:lsd",
    own.LSD | own.READING,
    "Lists the directories, or buckets, of a location; all below it with --recursive.",
    Example("plait lsd s3:", "the buckets"),
)
LSJSON: Final = _of_one(
    "listings:lsjson",
    _plain(own.LSJSON, without="hash") | own.METADATA | own.READING,
    "Lists a location as a JSON array with rclone's names; with --stat what the location itself is.",
    Example("plait lsjson -R --hash-type md5 remote:dir", "everything, with MD5 sums"),
    Example("plait lsjson --stat remote:dir/file", "one file"),
)
TREE_FORM: Final = _of_one(
    "listings:tree",
    _plain(own.TREE, without="size version", unlettered="s t r a d o D") | own.READING,
    "Draws a location as a tree.",
    Example("plait tree --level 2 --dirs-only remote:", "the directories of two levels"),
)
HASHSUM: Final = Form(
    MIRROR,
    "[HASH [LOCATION]]",
    (0, 2),
    _COMMANDS + "sums:hashsum",
    STORES | own.HASHSUM | own.CHECKS_SUMS | own.READING,
    purpose="""\
Prints a hash and a path for every file, as md5sum and its relatives do; without words, which hashes there are. Where
the store knows the hash nothing is read; --download reads and hashes here. With --checkfile the files are compared with
a file of sums. Without LOCATION standard input is hashed.""",
    examples=(
        Example("plait hashsum sha256 dir > sums", "write a file of sums"),
        Example("plait hashsum sha256 --checkfile sums dir", "compare with it"),
    ),
    completes=("", "remote"),
)


def _sums(name: str, run: str) -> Form:
    return Form(
        MIRROR,
        "[LOCATION]",
        (0, 1),
        _COMMANDS + run,
        STORES | own.HASHSUM | own.CHECKS_SUMS | own.READING,
        purpose=f"Prints the {name} sum of every file, as `plait hashsum` does.",
        completes=_REMOTE,
    )


MD5SUM: Final = _sums("MD5", "sums:md5sum")
SHA1SUM: Final = _sums("SHA-1", "sums:sha1sum")
CHECKSUM: Final = Form(
    MIRROR,
    "HASH SUMFILE LOCATION",
    (3, 3),
    _COMMANDS + "sums:checksum",
    STORES | own.CHECKSUM | own.READING,
    purpose="""\
Compares the files of LOCATION with SUMFILE, a file of hashes such as md5sum writes. It exits with 1 where they differ,
where a sum has no file or a file no sum; --one-way does not mind the last.""",
    examples=(Example("plait checksum sha256 SHA256SUMS dir", "is everything as it was?"),),
    completes=("", "file", "remote"),
)
TOUCH: Final = _of_one(
    "deleting:touch",
    _plain(own.TOUCH, unlettered="C") | own.CHANGING,
    """\
Sets the modification time of a file, or of the files in a directory, to now or to --timestamp. A file that does not
exist is made, empty.""",
    Example("plait touch --timestamp 2026-01-02T03:04:05 remote:file", "set a time"),
)
MKDIR: Final = _of_one(
    "directories:mkdir",
    own.CHANGING,
    "Makes a directory and those above it, or a bucket. One that exists is left as it is.",
    Example("plait mkdir s3:new-bucket", "make a bucket"),
)
RMDIR: Final = _of_one(
    "directories:rmdir",
    own.CHANGING,
    "Removes a directory, or a bucket, that is empty. One that holds anything stays, which is an error.",
    Example("plait rmdir remote:old", "remove it"),
)
RMDIRS: Final = _of_one(
    "directories:rmdirs",
    own.RMDIRS | own.CHANGING,
    "Removes the directories below a location in which there is no file, and the location itself.",
    Example("plait rmdirs --leave-root remote:inbox", "tidy up"),
)
DELETE: Final = _of_one(
    "deleting:delete",
    own.DELETE | own.CHANGING,
    """\
Deletes the files below a location that the filters let through; directories stay, unless --rmdirs is given. Nothing is
deleted before everything is listed. Look first: --dry-run shows what would go.""",
    Example("plait delete --min-age 30d --dry-run remote:logs", "what is older than a month?"),
)
DELETEFILE: Final = _of_one(
    "deleting:deletefile",
    own.CHANGING,
    "Deletes one file. A directory is refused.",
    Example("plait deletefile remote:dir/file", "delete it"),
)
PURGE: Final = _of_one(
    "directories:purge",
    own.CHANGING,
    "Removes a directory, or a bucket, and everything in it. Filters are refused.",
    Example("plait purge --dry-run remote:old", "what would go?"),
)
CLEANUP: Final = _of_one(
    "deleting:cleanup",
    own.CHANGING,
    "Empties the trash of a store that has one, or ends the uploads in parts that were abandoned a day ago or more.",
    Example("plait cleanup s3:bucket", "end abandoned uploads"),
)
DEDUPE: Final = Form(
    MIRROR,
    "[MODE] LOCATION",
    (1, 2),
    _COMMANDS + "deleting:dedupe",
    STORES | own.DEDUPE | own.CHANGING | OptionSet(o for o in options.COMPARISON.options if o.name == "size-only"),
    purpose="""\
Finds files that have one name (Google Drive allows that), removes all but one of those that are equal, and does with
the rest what MODE says: interactive, skip, first, newest, oldest, largest, smallest, rename or list. With --by-hash it
finds files of equal content, in any store.""",
    examples=(
        Example("plait dedupe rename gdrive:photos", "give each a name of its own"),
        Example("plait dedupe list --by-hash dir", "which files are the same?"),
    ),
    completes=_REMOTE,
)
ABOUT: Final = _of_one(
    "facts:about",
    own.ABOUT | options.GLOBAL | options.LOCAL | options.FILTERS,
    "Says how full a store is, where it knows.",
    Example("plait about /media/disk", "space on a disk"),
)
LINK: Final = _of_one(
    "facts:link",
    own.LINK | options.GLOBAL | options.LOCAL | options.FILTERS,
    "Prints a link by which everyone who has it can read a file: a signed URL on S3, a shared link on Google Drive.",
    Example("plait link --expire 1d s3:bucket/file", "a link for a day"),
)
BACKEND: Final = Form(
    MIRROR,
    "COMMAND LOCATION",
    (2, 1000),
    _COMMANDS + "facts:backend",
    STORES | own.BACKEND | options.GLOBAL | options.LOCAL | options.FILTERS,
    purpose="Runs a command of a store. `features` prints what a store can do.",
    examples=(Example("plait backend features s3:bucket", "what can it do?"),),
    completes=("", "remote"),
)
LISTREMOTES: Final = Form(
    "configuration",
    "[FILTER]",
    (0, 1),
    _COMMANDS + "remotes:listremotes",
    _CONFIGURATION | own.LISTREMOTES,
    purpose="Lists the remotes of rclone.conf and of the environment.",
    examples=(Example("plait listremotes --long --type s3", "those of one type"),),
)
OBSCURE: Final = Form(
    "configuration",
    "PASSWORD",
    (1, 1),
    _COMMANDS + "remotes:obscure",
    COMMON,
    purpose="""\
Prints a password as rclone.conf has it: unreadable at a glance, and no secret to anyone who wants to know. `-` reads it
from standard input, where nobody else on the machine can see it.""",
    examples=(Example("plait obscure - < password-file", "for the pass of a remote"),),
)
REVEAL: Final = Form(
    "configuration",
    "OBSCURED",
    (1, 1),
    _COMMANDS + "remotes:reveal",
    COMMON,
    purpose="Prints what an obscured password stands for.",
)


def _config(run: str, words: str, takes: tuple[int, int], purpose: str, *examples: Example) -> Form:
    return Form("configuration", words, takes, f"{_COMMANDS}remotes:{run}", _CONFIGURATION, purpose, examples)


CONFIG_SHOW: Final = _config(
    "show", "[REMOTE]", (0, 1), "Prints rclone.conf, decrypted; or one remote of it, without its passwords."
)
CONFIG_DUMP: Final = _config("dump", "", (0, 0), "Prints rclone.conf as a JSON object.")
CONFIG_FILE: Final = _config("file", "", (0, 0), "Prints which rclone.conf is used.")
CONFIG_PATHS: Final = _config("paths", "", (0, 0), "Prints where the configuration, caches and temporary files are.")
CONFIG_REDACTED: Final = _config(
    "redacted", "[REMOTE]", (0, 1), "Prints rclone.conf, or one remote of it, without what others should not know."
)
CONFIG_TOUCH: Final = _config("touch", "", (0, 0), "Makes an empty rclone.conf where there is none.")
CONFIG_PROVIDERS: Final = _config("providers", "", (0, 0), "Prints the types of remotes and their options as JSON.")
CONFIG_DELETE: Final = _config("delete", "REMOTE", (1, 1), "Deletes a remote from rclone.conf.")
CONFIG_UNSET: Final = _config("unset", "REMOTE KEY…", (2, 256), "Takes keys out of a remote.")
CONFIG_PASSWORD: Final = _config(
    "password", "REMOTE KEY PASSWORD…", (3, 256), "Sets passwords of a remote, given in clear, obscured in the file."
)
_WRITE: Final = _CONFIGURATION | own.CONFIG_WRITE
CONFIG_CREATE: Final = Form(
    "configuration",
    "REMOTE TYPE [KEY VALUE]…",
    (2, 256),
    _COMMANDS + "remotes:create",
    _WRITE,
    purpose="""\
Makes a remote in rclone.conf, in the place of one with its name. Keys are given as KEY VALUE or KEY=VALUE; passwords
are obscured. Nothing is asked.""",
    examples=(Example("plait config create minio s3 provider=Minio endpoint=http://minio:9000", "make a remote"),),
)
CONFIG_UPDATE: Final = Form(
    "configuration",
    "REMOTE [KEY VALUE]…",
    (1, 256),
    _COMMANDS + "remotes:update",
    _WRITE,
    purpose="Changes keys of a remote in rclone.conf; the others stay.",
    examples=(Example("plait config update minio region=eu-west-1", "set one key"),),
)
