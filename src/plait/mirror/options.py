"""The options of the mirror's verbs, each declared once: names, letters, defaults and meanings are rclone's.

An option stands here only if it has its effect; what rclone knows and Plait does not is an unknown flag. Options with
`no_effect` steer something in rclone that Plait has no need for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.mirror import backend_options, log_options, network_options
from plait.mirror.network_options import DUMP
from plait.mirror.option_types import (
    AGE,
    BANDWIDTH,
    COMMAND,
    FILE,
    HASH,
    INTEGER,
    INTERVAL,
    LOCATION,
    NUMBER,
    PAIR,
    PATTERN,
    SIZE,
    SWITCH,
    TEXT,
    choice,
)
from plait.model.options import Option, OptionSet, Repeat, Section

if TYPE_CHECKING:
    from plait.model.options import ValueType

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def _switch(name: str, section: Section, text: str, short: str = "", **more: Any) -> Option:
    return Option(name, SWITCH, default=False, help=text, section=section, short=short, rclone=True, **more)


def _value(
    name: str, kind: ValueType, default: Any, section: Section, text: str, short: str = "", **more: Any
) -> Option:
    return Option(name, kind, default, text, section, short=short, rclone=True, **more)


def _many(name: str, kind: ValueType, section: Section, text: str, short: str = "") -> Option:
    return Option(name, kind, (), text, section, short=short, repeat=Repeat.APPEND, rclone=True)


_DIRECT = Section.COPY
_FILTER = Section.FILTER
_DELETE = Section.DELETE
_FAST = Section.PERFORMANCE
_SAID = Section.OUTPUT

COMPARISON = OptionSet(
    (
        _switch("checksum", _DIRECT, "Compare size and hash, not modification time", "c"),
        _switch("size-only", _DIRECT, "Compare the size only, not modification time or hash"),
        _switch("ignore-existing", _DIRECT, "Leave every file alone that exists at the destination"),
        _switch("ignore-times", _DIRECT, "Transfer everything, also what has equal size and time", "I"),
        _switch("ignore-size", _DIRECT, "Do not compare sizes, use modification time or hash"),
        _switch("ignore-checksum", _DIRECT, "Do not compare hashes after a copy"),
        _switch("update", _DIRECT, "Leave files alone that are newer at the destination", "u"),
        _switch("immutable", _DIRECT, "Never change an existing file: fail where one differs"),
        _value("modify-window", INTERVAL, 1, _DIRECT, "Times that differ by less than this are equal"),
        _switch("refresh-times", _DIRECT, "Set a differing time where no hash can show equal content"),
        _switch("no-update-modtime", _DIRECT, "Do not set the modification time of files that are otherwise equal"),
        _switch("no-update-dir-modtime", _DIRECT, "Do not set the modification times of directories"),
        _switch("ignore-case-sync", _DIRECT, "Match names without regard to case"),
        _switch("fix-case", _DELETE, "Rename what matches but is spelled otherwise as the source spells it"),
        _many("compare-dest", LOCATION, _DIRECT, "Do not copy what this tree, too, has under the same path"),
        _many("copy-dest", LOCATION, _DIRECT, "Copy on the server from this tree what it has under the same path"),
        _switch("no-check-dest", _DIRECT, "Copy everything without a look at the destination"),
        _switch("no-traverse", _DIRECT, "Look for each file at the destination instead of listing it"),
        _switch(
            "use-server-modtime", Section.CONFIGURATION, "Take the time at which a server stored an object for its own"
        ),
    )
)
"""What decides whether a file is already right."""

NAMES = OptionSet((_switch("no-unicode-normalization", Section.GLOBAL, "Match names byte by byte, without NFC"),))

CARRYING = OptionSet(
    (
        _switch("check-first", _DIRECT, "Compare everything before the first transfer"),
        _value("order-by", TEXT, "", _DIRECT, "Begin transfers in this order: size, name or modtime, pattern,GLOB …"),
        _value("max-transfer", SIZE, None, _DIRECT, "Transfer no more than this"),
        _value("max-duration", INTERVAL, 0, _DIRECT, "Transfer for no longer than this"),
        _value(
            "cutoff-mode",
            choice("MODE", "HARD", "SOFT", "CAUTIOUS"),
            "HARD",
            _DIRECT,
            "At --max-transfer or --max-duration: cancel, begin no other, or begin none that would reach it",
        ),
        _many("name-transform", TEXT, _DIRECT, "Copy under other names: [file,|dir,|all,]KEY[=VALUE]"),
        _switch("create-empty-src-dirs", _DIRECT, "Create the source's empty directories at the destination"),
        _switch("inplace", _DIRECT, "Write directly to the final name, not beside it"),
        _value("partial-suffix", TEXT, ".partial", _DIRECT, "What the name of a file being written ends with"),
        _switch("metadata", Section.METADATA, "Keep metadata: mode, owner, times, extended attributes", "M"),
        _many("metadata-set", PAIR, Section.METADATA, "With --metadata: give every file this metadata, KEY=VALUE"),
        _value("metadata-mapper", COMMAND, (), Section.METADATA, "With --metadata: a program that changes metadata"),
        _value("multi-thread-streams", INTEGER, 4, _FAST, "Parts of one large file to carry at once"),
        _value("multi-thread-cutoff", SIZE, 256 << 20, _FAST, "Carry files from this size on in parts"),
        _value("backup-dir", LOCATION, "", _DELETE, "Move replaced and deleted files into this directory"),
        _value("suffix", TEXT, "", _DELETE, "Keep replaced and deleted files under their name with this suffix"),
        _switch("suffix-keep-extension", _DELETE, "Put the suffix before the extension"),
        _switch("error-on-no-transfer", _DIRECT, "Exit with 9 if nothing was transferred"),
        Option("verify", SWITCH, default=False, help="Read back what was written and compare", section=_DIRECT),
        Option("durable", SWITCH, default=False, help="Write so that a power loss takes nothing back", section=_DIRECT),
        Option("no-record", SWITCH, default=False, help="Do not record this run", section=Section.GLOBAL),
    )
)
"""How things are carried across."""

DELETION = OptionSet(
    (
        _switch("delete-after", _DELETE, "Delete after everything is transferred (default)"),
        _switch("delete-during", _DELETE, "Delete while transferring"),
        _switch("delete-before", _DELETE, "Delete before transferring"),
        _switch("delete-excluded", _DELETE, "Delete also what the filters exclude"),
        _switch("ignore-errors", _DELETE, "Delete even if there were errors"),
        _switch("track-renames", _DELETE, "Rename at the destination what was renamed at the source"),
        _value("track-renames-strategy", TEXT, "hash", _DELETE, "By what beside size: hash, modtime, leaf"),
        _value("max-delete", INTEGER, -1, _DELETE, "Delete no more than this many files"),
        _value("max-delete-size", SIZE, None, _DELETE, "Delete no more than this many bytes"),
    )
)

FILTERS = OptionSet(
    (
        _many("include", PATTERN, _FILTER, "Include files that match PATTERN"),
        _many("include-from", FILE, _FILTER, "Read include patterns from FILE (- is standard input)"),
        _many("exclude", PATTERN, _FILTER, "Exclude files that match PATTERN"),
        _many("exclude-from", FILE, _FILTER, "Read exclude patterns from FILE (- is standard input)"),
        _many("exclude-if-present", TEXT, _FILTER, "Exclude directories that hold a file of this name"),
        _many("filter", PATTERN, _FILTER, "Add a filter rule: `+ PATTERN`, `- PATTERN` or `!`", "f"),
        _many("filter-from", FILE, _FILTER, "Read filter rules from FILE (- is standard input)"),
        _many("files-from", FILE, _FILTER, "Read the names of the files to consider from FILE"),
        _many("files-from-raw", FILE, _FILTER, "The same, each line taken as it is"),
        _many("files-from0", FILE, _FILTER, "The same, names separated by NUL"),
        _value("hash-filter", TEXT, "", _FILTER, "Consider part K of N of the files, by the hash of their names (K/N)"),
        _switch("ignore-case", _FILTER, "Match patterns without regard to case"),
        _value("max-age", AGE, None, _FILTER, "Consider only files younger than this, or since that time"),
        _value("min-age", AGE, None, _FILTER, "Consider only files older than this, or before that time"),
        _value("max-depth", INTEGER, -1, _FILTER, "Descend no deeper than this"),
        _value("max-size", SIZE, None, _FILTER, "Consider only files of at most this size"),
        _value("min-size", SIZE, None, _FILTER, "Consider only files of at least this size"),
        _many("metadata-include", PATTERN, _FILTER, "Include files with metadata that match PATTERN"),
        _many("metadata-include-from", FILE, _FILTER, "Read such patterns from FILE"),
        _many("metadata-exclude", PATTERN, _FILTER, "Exclude files with metadata that match PATTERN"),
        _many("metadata-exclude-from", FILE, _FILTER, "Read such patterns from FILE"),
        _many("metadata-filter", PATTERN, _FILTER, "Add a filter rule on metadata"),
        _many("metadata-filter-from", FILE, _FILTER, "Read such rules from FILE"),
        _value("dump", DUMP, (), _FILTER, "Show filters, headers, bodies, requests, responses, auth (commas between)"),
    )
)

AFTER = OptionSet(
    (
        _value("dest-after", FILE, "", _SAID, "Report every file that the destination will hold to FILE"),
        _value("format", TEXT, "p", _SAID, "What --dest-after tells of each: p path, s size, t time, h hash …", "F"),
        _value("separator", TEXT, ";", _SAID, "What stands between the parts of --format", "s"),
        _value("timeformat", TEXT, "", _SAID, "How --dest-after writes times", "t"),
        _value("hash", HASH, "md5", _SAID, "The hash that `h` in --format means"),
        _value("dir-slash", SWITCH, True, _SAID, "Append a slash to directories", "d"),
        _value("files-only", SWITCH, True, _SAID, "Tell files only", hidden=True, no_effect="only files are told"),
        _switch("dirs-only", _SAID, "Tell directories only, of which --dest-after knows none", hidden=True),
        _switch("csv", _SAID, "Write CSV"),
        _switch("absolute", _SAID, "Put a slash before each path"),
    )
)
"""The report of what will be there, and how it is written."""

REPORTS = OptionSet(
    (
        _value("combined", FILE, "", _SAID, "Report every file with = - + * or ! to FILE (- is standard output)"),
        _value("missing-on-src", FILE, "", _SAID, "Report files that the source lacks to FILE"),
        _value("missing-on-dst", FILE, "", _SAID, "Report files that the destination lacks to FILE"),
        _value("match", FILE, "", _SAID, "Report equal files to FILE"),
        _value("differ", FILE, "", _SAID, "Report differing files to FILE"),
        _value("error", FILE, "", _SAID, "Report files that could not be compared or read to FILE"),
    )
)

LOCAL = OptionSet(
    (
        _switch("links", _DIRECT, "Copy symbolic links as such (as NAME.rclonelink where the store has none)", "l"),
        _switch("copy-links", _DIRECT, "Follow symbolic links", "L"),
        _switch("skip-links", _DIRECT, "Do not warn of skipped symbolic links"),
        _switch("skip-specials", _DIRECT, "Do not warn of skipped pipes, sockets and devices"),
        _switch("one-file-system", _DIRECT, "Stay on one file system", "x"),
    )
)
"""What a local directory shows of its links and special files."""

PREVIEW = OptionSet(
    (
        _switch("dry-run", Section.MAIN, "Show what would be done, and do nothing", "n"),
        _switch("interactive", Section.MAIN, "Ask before every change", "i"),
    )
)

NETWORK = OptionSet(
    (
        _value("bwlimit", BANDWIDTH, None, Section.NETWORK, "Limit the bandwidth: RATE, UP:DOWN or a timetable"),
        _value("bwlimit-file", BANDWIDTH, None, Section.NETWORK, "Limit the bandwidth of each file"),
        _value("tpslimit", NUMBER, 0.0, Section.NETWORK, "Requests per second at most (0 is no limit)"),
        _value("tpslimit-burst", INTEGER, 1, Section.NETWORK, "Requests that may come at once under --tpslimit"),
        _value("contimeout", INTERVAL, MINUTE, Section.NETWORK, "Give up connecting after this time"),
        _value("timeout", INTERVAL, 5 * MINUTE, Section.NETWORK, "Give up on a silent connection after this time"),
        _value("low-level-retries", INTEGER, 10, Section.NETWORK, "Tries for one request that fails in passing"),
        _value("retries", INTEGER, 3, Section.NETWORK, "Attempts at the whole"),
        _value("retries-sleep", INTERVAL, 0, Section.NETWORK, "Wait this long between attempts"),
    )
)

CONCURRENCY = OptionSet(
    (
        _value("transfers", INTEGER, 4, _FAST, "Transfers at once (where not given, as many as the stores take)"),
        _value("checkers", INTEGER, 8, _FAST, "Comparisons at once (where not given, as many as the stores take)"),
    )
)


def _idle(name: str, kind: ValueType, default: Any, section: Section, why: str) -> Option:
    """An option that rclone needs and Plait does not: `why` ignoring it loses nothing."""
    return Option(
        name, kind, default, name.replace("-", " ").capitalize(), section, rclone=True, hidden=True, no_effect=why
    )


WITHOUT_EFFECT = OptionSet(
    (
        _idle("server-side-across-configs", SWITCH, False, _DIRECT, "remotes of one service copy there anyway"),
        _idle("fast-list", SWITCH, False, _FAST, "stores are always listed as a whole"),
        _idle("max-backlog", INTEGER, 10000, _FAST, "the backlog is bounded anyway"),
        _idle("list-cutoff", INTEGER, 1000000, _DELETE, "listings are streamed"),
        _idle("buffer-size", SIZE, 16 << 20, _FAST, "content moves in large blocks"),
        _idle("use-mmap", SWITCH, False, Section.CONFIGURATION, "memory is Python's"),
        _idle("max-buffer-memory", SIZE, None, Section.CONFIGURATION, "memory is bounded anyway"),
        _idle("multi-thread-chunk-size", SIZE, 64 << 20, _DIRECT, "each store sets the size of its parts"),
        _idle("multi-thread-write-buffer-size", SIZE, 128 << 10, _DIRECT, "content moves in large blocks"),
        _idle("streaming-upload-cutoff", SIZE, 100 << 10, _DIRECT, "small streams are stored in one request anyway"),
        _idle("fs-cache-expire-duration", INTERVAL, 5 * MINUTE, Section.CONFIGURATION, "remotes are opened once"),
        _idle("fs-cache-expire-interval", INTERVAL, MINUTE, Section.CONFIGURATION, "remotes are opened once"),
        _idle("kv-lock-time", INTERVAL, SECOND, Section.CONFIGURATION, "there is no such database"),
        _idle("max-connections", INTEGER, 0, Section.NETWORK, "--transfers and --checkers bound what runs at once"),
        _idle("no-console", SWITCH, False, Section.CONFIGURATION, "it is about a window of Windows"),
        _idle("temp-dir", FILE, "", Section.CONFIGURATION, "partial files lie beside their places"),
        _idle("disable-http2", SWITCH, False, Section.NETWORK, "requests are HTTP/1.1"),
        _idle("no-gzip-encoding", SWITCH, False, Section.NETWORK, "content is asked for as it is"),
        _idle("expect-continue-timeout", INTERVAL, SECOND, Section.NETWORK, "requests do not wait for a continue"),
        _idle("use-cookies", SWITCH, False, Section.NETWORK, "no supported service sets cookies"),
    )
)

ONLY_RCLONES = network_options.SECRET_OPTIONS | OptionSet(
    (_idle("cache-dir", FILE, "", Section.CONFIGURATION, "a mirror caches nothing"),)
)
"""Of rclone's face only: secrets, and names that have another meaning elsewhere."""

CONFIGURATION = OptionSet(
    (
        _value("config", FILE, None, Section.CONFIGURATION, "The rclone.conf to read"),
        _value("disable", TEXT, "", Section.CONFIGURATION, "Do without Copy, Move or DirMove of stores (help: list)"),
        _value("password-command", COMMAND, (), Section.CONFIGURATION, "Prints the password of --config"),
        _switch(
            "auto-confirm",
            Section.CONFIGURATION,
            "Answer questions of the configuration",
            hidden=True,
            no_effect="there are none, and those of --interactive are always asked, as by rclone",
        ),
    )
)

OUTPUT = log_options.OUTPUT

LISTING = OptionSet(
    (
        _value("format", TEXT, "p", _SAID, "What to print of each item: p path, s size, t time, h hash …", "F"),
        _value("separator", TEXT, ";", _SAID, "What stands between the parts of --format", "s"),
        _value("dir-slash", SWITCH, True, _SAID, "Append a slash to directories", "d"),
        _switch("csv", _SAID, "Print CSV"),
        _switch("absolute", _SAID, "Put a slash before each path"),
        _switch("dirs-only", _SAID, "List directories only"),
        _switch("files-only", _SAID, "List files only"),
        _value("hash", HASH, "md5", _SAID, "The hash that `h` in --format means"),
        _switch("recursive", _SAID, "List everything below", "R"),
        _value("time-format", TEXT, "", _SAID, "How times are written", "t"),
    )
)

CHECKING = OptionSet(
    (
        _switch("download", Section.MAIN, "Compare the content byte by byte"),
        _switch("one-way", Section.MAIN, "Check only that the source's files are at the destination"),
        _value("checkfile", HASH, "", Section.MAIN, "SOURCE is a sum file with hashes of this type", "C"),
    )
)

MOVING = OptionSet((_switch("delete-empty-src-dirs", _DELETE, "Delete the source's directories that are empty then"),))
_LINES = NETWORK | network_options.OPTIONS
GLOBAL = _LINES | CONCURRENCY | CONFIGURATION | OUTPUT | NAMES | WITHOUT_EFFECT | backend_options.OPTIONS
"""What every verb of the mirror takes."""

COPY = COMPARISON | CARRYING | FILTERS | REPORTS | AFTER | LOCAL | PREVIEW | GLOBAL
SYNC = COPY | DELETION
MOVE = COPY | MOVING
CHECK = (
    OptionSet(option for option in COMPARISON.options if option.name in {"size-only", "ignore-case-sync"})
    | CHECKING
    | FILTERS
    | REPORTS
    | LOCAL
    | GLOBAL
)
LS = LISTING | FILTERS | LOCAL | GLOBAL
SIZE_VERB = FILTERS | LOCAL | GLOBAL
