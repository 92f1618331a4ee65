"""Lines about snapshots and their entries, as the original prints them, and the same as JSON objects."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from plait.model.values.durations import show_go_duration
from plait.model.values.sizes import show_binary_size
from plait.model.values.times import show_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.repository.format.entries import Entry
    from plait.repository.format.headers import Header
    from plait.repository.format.summaries import Summary

_SECOND: Final = 1_000_000_000
_MODE_LETTERS: Final = "dalTLDpSugct?"
"""The letters of Go's file modes, from the highest bit down."""
_PERMISSIONS: Final = "rwxrwxrwx"


def snapshot_line(header: Header, *, whole: bool = False, tags: bool = True) -> str:
    """A snapshot: time, identifier, size, duration, directory, tags. `whole`: with all digits of the identifier."""
    identifier, place = _identifier(header, whole=whole), _place(header, tags=tags)
    return f"{_moment(header)} {identifier}{_size(header):>10}{_took(header):>10} {place}"


def verdict_lines(judged: Sequence[tuple[Header, bool, str]]) -> list[str]:
    """Snapshots of a plan to remove some: whether each is kept, and why, in columns."""
    heads = [
        f"{_moment(header)} {_identifier(header, whole=False)}{_size(header):>10} {_place(header)}"
        for header, _, _ in judged
    ]
    width = max(map(len, heads), default=0)
    return [
        f"{'keep' if kept else 'delete':<8} {head:<{width}}  {reason}"
        for head, (_, kept, reason) in zip(heads, judged, strict=True)
    ]


def snapshot_record(header: Header) -> dict[str, Any]:
    """A snapshot for `--json`: sizes in bytes, the duration in nanoseconds."""
    return {
        "id": header.identifier.hex(),
        "timestamp": show_rfc3339(header.timestamp),
        "duration": header.duration,
        "name": header.name,
        "category": header.category,
        "environment": header.environment,
        "perimeter": header.perimeter,
        "job": header.job,
        "dataset": header.dataset,
        "tags": list(header.tags or ()),
        "size": size_of(header),
        "errors": sum(_errors(source.summary) for source in header.sources or ()),
        "sources": [
            {
                "type": source.importer.type,
                "origin": source.importer.origin,
                "directory": source.importer.directory,
            }
            for source in header.sources or ()
        ],
    }


def entry_line(entry: Entry, name: str) -> str:
    """An entry of a directory: time, mode, owner, group, size, name, and where a link leads."""
    info = entry.file_info
    target = f" -> {entry.symlink_target}" if entry.symlink_target or _is_link(info.mode) else ""
    moment = show_rfc3339(info.mod_time // _SECOND * _SECOND)
    owner, group = user_name(info.uid), group_name(info.gid)
    return f"{moment} {show_mode(info.mode)} {owner:>8} {group:>8} {show_binary_size(info.size):>8} {name}{target}"


def entry_record(entry: Entry) -> dict[str, Any]:
    """An entry for `--json`."""
    info = entry.file_info
    record: dict[str, Any] = {
        "path": entry.path,
        "mode": show_mode(info.mode),
        "size": info.size,
        "modified": show_rfc3339(info.mod_time),
        "uid": info.uid,
        "gid": info.gid,
        "user": info.user,
        "group": info.group,
        "links": info.links,
    }
    if entry.symlink_target:
        record["target"] = entry.symlink_target
    if entry.content_type:
        record["content_type"] = entry.content_type
    return record


def show_mode(mode: int) -> str:
    """A mode as Go prints it: `-rw-r--r--`, `Lrwxrwxrwx`, `dtrwxrwxrwx`."""
    letters = "".join(letter for bit, letter in enumerate(_MODE_LETTERS) if mode & 1 << 31 - bit) or "-"
    bits = "".join(letter if mode & 1 << 8 - bit else "-" for bit, letter in enumerate(_PERMISSIONS))
    return letters + bits


def size_of(header: Header) -> int:
    """Bytes of content of a snapshot's first source."""
    if not header.sources:
        return 0
    summary = header.sources[0].summary
    return int(summary.directory.size + summary.below.size)


@cache
def user_name(uid: int) -> str:
    """The name of a user on this machine, the number where there is none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


@cache
def group_name(gid: int) -> str:
    """The name of a group on this machine, the number where there is none."""
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return str(gid)


def _moment(header: Header) -> str:
    return show_rfc3339(header.timestamp // _SECOND * _SECOND)


def _identifier(header: Header, *, whole: bool) -> str:
    return header.identifier.hex() if whole else f"{header.identifier[:4].hex():>10}"


def _size(header: Header) -> str:
    return show_binary_size(size_of(header))


def _took(header: Header) -> str:
    return show_go_duration((header.duration + _SECOND // 2) // _SECOND * _SECOND)


def _place(header: Header, *, tags: bool = True) -> str:
    directory = header.sources[0].importer.directory if header.sources else ""
    listed = _tags(header.tags or ()) if tags else ""
    return f"{directory}{listed}"


def _tags(tags: Sequence[str]) -> str:
    joined = ",".join(tags)
    return f" tags={joined}" if joined else ""


def _errors(summary: Summary) -> int:
    return int(summary.directory.errors + summary.below.errors)


def _is_link(mode: int) -> bool:
    return bool(mode & 1 << 27)
