"""`--json` of the verbs that list: an object a line, with the names that `plait ls --json` has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from plait.cli.output.records import key_fields
from plait.model.values.times import show_rfc3339

if TYPE_CHECKING:
    from plait.cli.forms import Invocation
    from plait.mirror.verbs.entries import Entry


def asks_for_records(invocation: Invocation) -> bool:
    """True for `--json` on Plait's own face; rclone's has another meaning for it, or none."""
    return invocation.face == "plait" and bool(invocation.values.json)


def entry_line(entry: Entry) -> str:
    """What is known of an item."""
    record: dict[str, Any] = key_fields(entry.path, "key")
    record["kind"] = "directory" if entry.is_directory else "file"
    if not entry.is_directory and entry.size >= 0:
        record["size"] = entry.size
    if entry.modified is not None:
        record["modified"] = show_rfc3339(entry.modified)
    if entry.hashes:
        record["hashes"] = dict(entry.hashes)
    return msgspec.json.encode(record).decode()


def hash_line(value: str, name: str, path: str) -> str:
    """The hash of a file; no value where it has none."""
    record = key_fields(path, "key") | {"hashes": {name: value} if value else {}}
    return msgspec.json.encode(record).decode()
