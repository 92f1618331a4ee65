"""Copies of snapshots as actions of a plan (`docs/formats/plan.md`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.actions import Action, Verb
from plait.model.errors import ConfigurationError
from plait.model.items import Item, Kind, Stat

if TYPE_CHECKING:
    from plait.repository.syncing.settings import Planned

_LOCAL: Final = "local/"
_PEER: Final = "peer/"
_CHECKSUM: Final = "blake3"
_DIRECTORY: Final = "directory"
_SIZE: Final = 32
"""Bytes of identifiers and checksums."""


class PlannedCopy(msgspec.Struct, frozen=True):
    """A snapshot that is to be copied, and how both sides were when that was planned.

    `header`: the checksum of what it says of itself. `backwards`: to the local repository. `restored`: it was removed
    from where it goes.
    """

    snapshot: bytes
    header: bytes
    backwards: bool
    restored: bool


def action_of(planned: Planned) -> Action:
    """The action of one copy; its key says which repository the snapshot goes to."""
    key = (_LOCAL if planned.backwards else _PEER) + planned.snapshot.hex()
    source = Stat(
        Kind.FILE,
        planned.size,
        planned.timestamp,
        hashes={_CHECKSUM: planned.header.hex()},
        metadata={_DIRECTORY: planned.directory},
    )
    shown = planned.directory.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if not planned.restored:
        return Action(Verb.CREATE, key, Item(key, source), reason=f"{shown}, not in destination")
    removed = Item(key, Stat(Kind.SPECIAL))
    return Action(Verb.REPLACE, key, Item(key, source), removed, f"{shown}, removed from destination")


def copy_of(action: Action) -> PlannedCopy:
    """The inverse of `action_of`. Raises ConfigurationError for what is no copy of a snapshot."""
    for prefix in (_LOCAL, _PEER):
        if action.key.startswith(prefix) and action.source is not None and action.verb in {Verb.CREATE, Verb.REPLACE}:
            snapshot = _from_hex(action.key.removeprefix(prefix))
            header = _from_hex(action.source.stat.hashes.get(_CHECKSUM, ""))
            if snapshot and header:
                return PlannedCopy(snapshot, header, prefix == _LOCAL, action.verb is Verb.REPLACE)
    raise ConfigurationError(f"the plan has an item that is no snapshot: {action.key}")


def _from_hex(text: str) -> bytes:
    """The bytes; none where it is no identifier."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return b""
    return data if len(data) == _SIZE else b""
