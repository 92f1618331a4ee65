"""The options of the verbs beside sync, copy, move and check; names, letters, defaults and meanings are rclone's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plait.mirror import options
from plait.mirror.option_types import DURATION, FILE, HASH, INTEGER, SWITCH, TEXT
from plait.model.options import Option, OptionSet, Repeat, Section, ValueType

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAIN: Final = Section.MAIN


def _moment(text: str) -> int:
    from plait.model.values.times import parse_time

    return parse_time(text)


def _show_moment(value: int) -> str:
    from plait.model.values.times import show_rfc3339

    return show_rfc3339(value)


MOMENT: Final = ValueType("TIME", _moment, _show_moment)
"""Nanoseconds since the epoch."""


def _switch(name: str, text: str, short: str = "", **more: Any) -> Option:
    return Option(name, SWITCH, default=False, help=text, section=_MAIN, short=short, **more)


def _value(name: str, kind: ValueType, default: Any, text: str, short: str = "", **more: Any) -> Option:
    return Option(name, kind, default, text, _MAIN, short=short, **more)


def _chosen(known: OptionSet, names: Iterable[str]) -> OptionSet:
    wanted = frozenset(names)
    return OptionSet(option for option in known.options if option.name in wanted)


LISTED: Final = OptionSet(
    (
        Option(
            "human-readable",
            SWITCH,
            default=False,
            help="Print sizes and counts with units",
            section=Section.OUTPUT,
            rclone=True,
        ),
        Option(
            "default-time",
            MOMENT,
            946_684_800_000_000_000,
            "The time to show where none is known",
            Section.OUTPUT,
            rclone=True,
        ),
    )
)
"""What all verbs that list take."""

READING: Final = options.FILTERS | options.LOCAL | options.GLOBAL | LISTED
"""What a verb takes that changes nothing."""
METADATA: Final = _chosen(options.CARRYING, ("metadata",))
CHANGING: Final = READING | options.PREVIEW
"""What a verb takes that changes something, at a location that filters may narrow."""
WRITING: Final = CHANGING | options.COMPARISON | options.CARRYING
"""What a verb takes that writes content."""

CAT: Final = OptionSet(
    (
        _value("head", INTEGER, 0, "Print only the first N bytes of each file"),
        _value("tail", INTEGER, 0, "Print only the last N bytes of each file"),
        _value("offset", INTEGER, 0, "Start N bytes after the beginning, or before the end where negative"),
        _value("count", INTEGER, -1, "Print N bytes of each file"),
        _switch("discard", "Read everything and print nothing"),
        _value("separator", TEXT, "", "Print this after each file"),
    )
)
RCAT: Final = OptionSet((_value("size", INTEGER, -1, "How many bytes there will be"),))
COPYURL: Final = OptionSet(
    (
        _switch("auto-filename", "Take the file's name from the URL", "a"),
        _switch("header-filename", "With --auto-filename: take it from the Content-Disposition header"),
        _switch("print-filename", "Print the name that was taken", "p"),
        _switch("no-clobber", "Replace no file"),
        _switch("stdout", "Write to standard output"),
        _switch("urls", "The first word is a CSV file of URLs, and perhaps names"),
    )
)
LSF: Final = OptionSet(
    (
        _value("format", TEXT, "p", "What to print of each item, a letter each: p path, s size, t time, h hash …", "F"),
        _value("separator", TEXT, ";", "What stands between the parts of --format", "s"),
        _value("dir-slash", SWITCH, True, "Append a slash to directories", "d"),
        _value("hash", HASH, "md5", "The hash that `h` in --format means"),
        _switch("files-only", "List files only"),
        _switch("dirs-only", "List directories only"),
        _switch("csv", "Print CSV"),
        _switch("absolute", "Put a slash before each path"),
        _switch("recursive", "List everything below", "R"),
        _value("time-format", TEXT, "", "How times are written: a layout of Go, its name, unix, unixnano or max", "t"),
    )
)
LSD: Final = OptionSet((_switch("recursive", "List everything below", "R"),))
LSJSON: Final = OptionSet(
    (
        _switch("recursive", "List everything below", "R"),
        _switch("hash", "Show hashes"),
        _value("hash-type", TEXT, (), "Show this hash only (may be repeated)", repeat=Repeat.APPEND),
        _switch("no-modtime", "Show no modification times"),
        _switch("no-mimetype", "Show no content types"),
        _switch("encrypted", "Show encrypted names"),
        _switch("original", "Show the ID of the object below"),
        _switch("files-only", "List files only"),
        _switch("dirs-only", "List directories only"),
        _switch("stat", "Show the location itself, not what is in it"),
    )
)
TREE: Final = OptionSet(
    (
        _switch("all", "List also names that begin with a dot", "a"),
        _switch("dirs-only", "List directories only", "d"),
        _switch("full-path", "Print whole paths"),
        _switch("noindent", "Draw no lines"),
        _switch("noreport", "Print no count at the end"),
        _value("level", INTEGER, 0, "Descend so many levels only"),
        _value("output", FILE, "", "Write to FILE", "o"),
        _switch("size", "Print sizes", "s"),
        _switch("protections", "Print permissions", "p"),
        _switch("quote", "Put names in double quotes", "Q"),
        _switch("modtime", "Print modification times", "D"),
        _switch("unsorted", "Do not sort", "U"),
        _switch("version", "Sort by the numbers in names"),
        _switch("sort-modtime", "Sort by modification time", "t"),
        _switch("sort-ctime", "Sort by the time of the last change of attributes"),
        _switch("sort-reverse", "Sort the other way round", "r"),
        _switch("dirsfirst", "List directories before files"),
        _value("sort", TEXT, "", "Sort by name, version, size, mtime or ctime"),
    )
)
HASHSUM: Final = OptionSet(
    (
        _switch("base64", "Print hashes in base64"),
        _value("checkfile", FILE, "", "Check the files against this file of sums", "C"),
        _switch("download", "Read the files and hash them here"),
        _value("output-file", FILE, "", "Write to FILE"),
    )
)
CHECKS_SUMS: Final = _chosen(options.CHECKING, ("one-way",)) | options.REPORTS
"""What a check against a file of sums reads beside `HASHSUM`."""
CHECKSUM: Final = _chosen(options.CHECKING, ("download", "one-way")) | options.REPORTS
TOUCH: Final = OptionSet(
    (
        _switch("no-create", "Make no file", "C"),
        _value("timestamp", TEXT, "", "The time to set: YYMMDD, YYYY-MM-DDTHH:MM:SS, with a fraction", "t"),
        _switch("localtime", "--timestamp is in the local zone"),
        _switch("recursive", "Touch all files below", "R"),
    )
)
RMDIRS: Final = OptionSet((_switch("leave-root", "Leave the location itself"),))
DELETE: Final = OptionSet((_switch("rmdirs", "Remove directories that are empty then, but the location itself"),))
MODES: Final = ("interactive", "skip", "first", "newest", "oldest", "largest", "smallest", "rename", "list")


def _mode(text: str) -> str:
    if text.lower() not in MODES:
        raise ValueError(f'unknown mode for dedupe "{text}"')
    return text.lower()


DEDUPE: Final = OptionSet(
    (
        _value("dedupe-mode", ValueType("MODE", _mode), "interactive", "What to do with duplicates"),
        _switch("by-hash", "Find equal content instead of equal names"),
    )
)
LINK: Final = OptionSet(
    (
        _value("expire", DURATION, None, "How long the link is valid"),
        _switch("unlink", "Remove the link"),
    )
)
JSON: Final = _chosen(options.OUTPUT, ("json",))
ABOUT: Final = JSON | OptionSet((_switch("full", "Print whole numbers"),))
BACKEND: Final = JSON | OptionSet(
    (_value("option", TEXT, (), "An option of the command: NAME=VALUE or NAME", "o", repeat=Repeat.APPEND),)
)
LISTREMOTES: Final = JSON | OptionSet(
    (
        _switch("long", "Show type and description"),
        _value("name", TEXT, "", "Only those whose name matches"),
        _value("type", TEXT, "", "Only those whose type matches"),
        _value("source", TEXT, "", "Only those from `file` or `environment`"),
        _value("description", TEXT, "", "Only those whose description matches"),
        _switch("exact", "Patterns match the whole text"),
        _value("order-by", TEXT, "", "How to sort: type,name=descending"),
    )
)
CONFIG_WRITE: Final = OptionSet(
    (
        _switch("obscure", "Obscure passwords, whatever they look like"),
        _switch("no-obscure", "Passwords are obscured already"),
        _switch("no-output", "Print nothing"),
        _switch("non-interactive", "Ask nothing: print the next question as JSON"),
        _switch("continue", "Go on with an answer"),
        _switch("all", "Ask everything"),
        _value("state", TEXT, "", "The state to go on from"),
        _value("result", TEXT, "", "The answer"),
    )
)
