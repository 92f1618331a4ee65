"""The rclone front's verbs beside sync, copy, move, check, ls, size and version."""

from __future__ import annotations

from typing import Final

from plait.cli.fronts.rclone_verb import FrontVerb
from plait.mirror import options
from plait.mirror import verb_options as own
from plait.model.options import OptionSet

_COMMANDS: Final = "plait.cli.commands."
_NONE: Final = OptionSet(())
_LIST: Final = ("Filter", "Listing")
_IMPORTANT: Final = ("Important",)
_CARRY: Final = ("Copy", "Important", "Filter", "Listing")
_ONE: Final = "remote:path"
_TWO: Final = "source:path dest:path"


def _verb(  # noqa: PLR0917  (the columns of the table below)
    run: str,
    summary: str,
    words: str = _ONE,
    takes: tuple[int, int] = (1, 1),
    flags: OptionSet = _NONE,
    groups: tuple[str, ...] = (),
    known: OptionSet = _NONE,
) -> FrontVerb:
    return FrontVerb(summary, words, takes, flags, groups, known, _COMMANDS + run)


MORE: Final[dict[str, FrontVerb]] = {
    "about": _verb("facts:about", "Say how full a remote is.", "remote:", flags=own.ABOUT),
    "backend": _verb(
        "facts:backend",
        "Run a command of a backend.",
        "<command> remote:path [opts] <args>",
        (2, 1000000),
        own.BACKEND,
        _IMPORTANT,
    ),
    "cat": _verb("contents:cat", "Print the content of files.", flags=own.CAT, groups=_LIST),
    "checksum": _verb(
        "sums:checksum",
        "Check the files of dst against a file of sums.",
        "<hash> sumfile dst:path",
        (3, 3),
        own.CHECKSUM,
        _LIST,
        options.CHECK,
    ),
    "cleanup": _verb("deleting:cleanup", "Empty the trash of a remote, or end old uploads.", groups=_IMPORTANT),
    "config create": _verb(
        "remotes:create",
        "Make a remote.",
        "name type [key value]*",
        (2, 256),
        own.CONFIG_WRITE,
    ),
    "config delete": _verb("remotes:delete", "Delete a remote.", "name"),
    "config dump": _verb("remotes:dump", "Print the configuration as JSON.", "", (0, 0)),
    "config disconnect": _verb("accounts:disconnect", "Give up the token of a remote."),
    "config encryption check": _verb("encryption:check", "Check that the configuration is encrypted.", "", (0, 0)),
    "config encryption remove": _verb("encryption:remove", "Take the encryption off.", "", (0, 0)),
    "config encryption set": _verb("encryption:set_password", "Set the password of the configuration.", "", (0, 0)),
    "config file": _verb("remotes:file", "Print where the configuration is.", "", (0, 0)),
    "config password": _verb("remotes:password", "Set passwords of a remote.", "name [key value]+", (3, 256)),
    "config paths": _verb("remotes:paths", "Print where configuration, cache and temporary files are.", "", (0, 0)),
    "config providers": _verb("remotes:providers", "Print the types of remotes as JSON.", "", (0, 0)),
    "config reconnect": _verb("accounts:reconnect", "Have a remote authorised anew."),
    "config redacted": _verb("remotes:redacted", "Print the configuration without secrets.", "[<remote>]", (0, 1)),
    "config show": _verb("remotes:show", "Print the configuration, or that of one remote.", "[<remote>]", (0, 1)),
    "config string": _verb("accounts:string", "Print a location with the options of its remote.", "<remote>"),
    "config touch": _verb("remotes:touch", "Make the configuration where there is none.", "", (0, 0)),
    "config unset": _verb("remotes:unset", "Take keys out of a remote.", "name [key]+", (2, 256)),
    "config userinfo": _verb("accounts:userinfo", "Print whose account a remote is.", flags=own.JSON),
    "config update": _verb(
        "remotes:update",
        "Change keys of a remote.",
        "name [key value]+",
        (1, 256),
        own.CONFIG_WRITE,
    ),
    "copyto": _verb(
        "transfer:single",
        "Copy a file to a name, or a directory.",
        _TWO,
        (2, 2),
        options.REPORTS | options.AFTER,
        _CARRY,
        options.COPY,
    ),
    "copyurl": _verb(
        "contents:copyurl",
        "Copy what a URL gives.",
        "https://example.com dest:path",
        (1, 2),
        own.COPYURL,
        _IMPORTANT,
    ),
    "dedupe": _verb(
        "deleting:dedupe",
        "Find duplicates, and delete or rename them.",
        "[mode] remote:path",
        (1, 2),
        own.DEDUPE,
        _IMPORTANT,
    ),
    "delete": _verb("deleting:delete", "Delete the files of a path.", flags=own.DELETE, groups=("Important", *_LIST)),
    "deletefile": _verb("deleting:deletefile", "Delete one file.", groups=_IMPORTANT),
    "hashsum": _verb(
        "sums:hashsum",
        "Print hashes of the files of a path.",
        "[<hash> remote:path]",
        (0, 2),
        own.HASHSUM,
        _LIST,
        own.CHECKS_SUMS,
    ),
    "link": _verb("facts:link", "Print a link to a file.", flags=own.LINK),
    "listremotes": _verb("remotes:listremotes", "List the remotes.", "[<filter>]", (0, 1), own.LISTREMOTES),
    "lsd": _verb("listings:lsd", "List the directories of a path.", flags=own.LSD, groups=_LIST),
    "lsf": _verb("listings:lsf", "List a path in a form of one's choice.", flags=own.LSF, groups=_LIST),
    "lsjson": _verb("listings:lsjson", "List a path as JSON.", flags=own.LSJSON, groups=_LIST),
    "lsl": _verb("listings:lsl", "List the files of a path with their sizes and times.", groups=_LIST),
    "md5sum": _verb(
        "sums:md5sum", "Print MD5 sums of the files of a path.", _ONE, (0, 1), own.HASHSUM, _LIST, own.CHECKS_SUMS
    ),
    "mkdir": _verb("directories:mkdir", "Make a directory.", groups=_IMPORTANT),
    "moveto": _verb(
        "transfer:single",
        "Move a file to a name, or a directory.",
        _TWO,
        (2, 2),
        options.REPORTS | options.AFTER,
        _CARRY,
        options.MOVE,
    ),
    "obscure": _verb("remotes:obscure", "Obscure a password for rclone.conf.", "password"),
    "purge": _verb("directories:purge", "Remove a path and everything in it.", groups=_IMPORTANT),
    "rcat": _verb("contents:rcat", "Write standard input to a file.", flags=own.RCAT, groups=_IMPORTANT),
    "reveal": _verb("remotes:reveal", "Reveal an obscured password.", "password"),
    "rmdir": _verb("directories:rmdir", "Remove an empty directory.", groups=_IMPORTANT),
    "rmdirs": _verb(
        "directories:rmdirs", "Remove the empty directories of a path.", flags=own.RMDIRS, groups=_IMPORTANT
    ),
    "sha1sum": _verb(
        "sums:sha1sum", "Print SHA-1 sums of the files of a path.", _ONE, (0, 1), own.HASHSUM, _LIST, own.CHECKS_SUMS
    ),
    "touch": _verb(
        "deleting:touch", "Set modification times, or make a file.", flags=own.TOUCH, groups=("Important", *_LIST)
    ),
    "tree": _verb("listings:tree", "Draw a path as a tree.", flags=own.TREE, groups=_LIST),
}
HIDDEN: Final = frozenset({"reveal"})
"""Verbs that rclone's help does not list."""
