"""What rclone's JSON log lines say of themselves: `objectType`, and `source`, the line of its code (v1.75.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from plait.stores.location import LocationKind

if TYPE_CHECKING:
    from plait.stores.location import Location
    from plait.stores.registry import Remotes

_SOURCE, _DESTINATION = range(2)
_DIRECTORY: Final = "string"
"""The type of what is only a name."""
_PLACES: Final = (
    ("(Multi-thread )?Copied ", "operations/copy.go:382", _SOURCE),
    ("Moved .* to: ", "operations/operations.go:493", _SOURCE),
    ("Moved into", "operations/operations.go:581", _DESTINATION),
    ("Moved ", "operations/operations.go:495", _SOURCE),
    ("Deleted$", "operations/operations.go:581", _DESTINATION),
    ("Unchanged skipping", "operations/operations.go:1828", _SOURCE),
    ("Updated modification time", "operations/operations.go:353", _SOURCE),
    ("Updated directory metadata", "operations/operations.go:2746", _DIRECTORY),
    ("Set directory modification time", "operations/operations.go:2794", _DIRECTORY),
    ("Made directory", "operations/operations.go:1112", _DIRECTORY),
    ("Removing directory", "operations/operations.go:1158", _DIRECTORY),
    ("Skipped .* directory", "operations/operations.go:2674", _DIRECTORY),
    ("Skipped delete|Skipped move into", "operations/operations.go:2672", _DESTINATION),
    ("Skipped ", "operations/operations.go:2672", _SOURCE),
    ("Can't transfer non file", "local/local.go:1375", _SOURCE),
    ("Can't follow symlink", "local/local.go:1370", _SOURCE),
    ("Source and destination exist but", "sync/sync.go:421", _DESTINATION),
    ("Timestamp mismatch", "operations/operations.go:325", _DESTINATION),
    ("Got fatal error on delete", "operations/operations.go:618", _DESTINATION),
    ("Cancelling sync", "sync/sync.go:340", None),
    ("not deleting files", "sync/sync.go:994", None),
    ("not deleting directories", "sync/sync.go:1008", None),
    ("Nothing to do as source", "sync/sync.go:938", None),
    ("max transfer duration", "sync/sync.go:1027", None),
    ("error reading source root", "march/march.go:568", None),
    ("error listing", "walk/walk.go:175", _DIRECTORY),
    ("Using .* for hash comparisons", "check/check.go:198", None),
    ("sizes differ", "operations/check.go:131", _DESTINATION),
    ("contents differ", "operations/check.go:378", _DESTINATION),
    (r"\w+ differ$", "operations/check.go:287", _DESTINATION),
    (r"\d+ differences found", "operations/check.go:252", None),
    (r"\d+ errors while", "operations/check.go:254", None),
    (r"\d+ matching files", "operations/check.go:260", None),
    ("Fatal error received", "cmd/cmd.go:268", None),
    ("Can't retry", "cmd/cmd.go:272", None),
    (r"Attempt \d+/\d+ failed", "cmd/cmd.go:283", None),
    (r"Failed to \w+ with", "cmd/cmd.go:336", None),
    ("Failed to create file system", "cmd/cmd.go:148", None),
    (r"Failed to \w+: ", "cmd/cmd.go:334", None),
    (r"\nTransferred:", "accounting/stats.go:549", None),
)
"""How a line begins; where it is written; the side whose object it is about, or that object's type."""
_SIDED: Final = (
    (r"file not in ", ("operations/check.go:86", "operations/check.go:108")),
    (r"\d+ files missing", ("operations/check.go:249", "operations/check.go:242")),
)
"""Lines that are written elsewhere for the source than for the destination."""


class Side(msgspec.Struct, frozen=True):
    """A location as the log names it, and rclone's package for its store; "" where that is not known."""

    text: str
    package: str


class Origins:
    """Finds the fields of a line; what is not known is left out."""

    def __init__(self, source: Side, destination: Side) -> None:
        self._sides = (source, destination)

    def __call__(self, text: str, subject: str) -> dict[str, str]:
        """The fields that the line has besides."""
        fields = {}
        where, about = self._find(text, subject)
        kind = self._type(subject, about) if subject else ""
        if kind:
            fields["objectType"] = kind
        if where:
            fields["source"] = where
        return fields

    def _find(self, text: str, subject: str) -> tuple[str, int | str | None]:
        for pattern, (at_source, at_destination) in _SIDED:
            if re.match(pattern, text):
                missing = self._sides[_SOURCE].text in {subject, text.removeprefix("file not in ")}
                side = _DESTINATION if missing else _SOURCE
                return (at_source if missing else at_destination), side
        for pattern, where, about in _PLACES:
            if re.match(pattern, text):
                return where, about
        return "", None

    def _type(self, subject: str, about: int | str | None) -> str:
        if isinstance(about, str):
            return about
        for side in self._sides:
            if subject == side.text and side.package:
                return f"*{side.package}.Fs"
        if about is None:
            return ""
        package = self._sides[about].package
        return f"*{package}.Object" if package else ""


def side_of(location: Location, remotes: Remotes) -> Side:
    """A location as the lines about it name it."""
    match location.kind:
        case LocationKind.LOCAL:
            package = "local"
        case LocationKind.REMOTE:
            package = remotes.backend(location.name)
        case _:
            package = location.backend or ""
    # What an alias stands for is not asked.
    return Side(location.text, "" if package == "alias" else package)
