"""Opening Google Drive from the options of a remote."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.stores.drive.store import DriveStore
    from plait.stores.registry import Opening


def open_drive(path: str, options: Mapping[str, str], opening: Opening) -> tuple[DriveStore, str]:
    """Opens a path on a remote of type drive, which need not exist; see `plait.stores.registry.Opener`."""
    from plait.stores.drive.client import DriveClient
    from plait.stores.drive.options import parse_options
    from plait.stores.drive.store import DriveStore

    parsed = parse_options(options)
    client = DriveClient(parsed, opening.deadlines, opening.network, opening.save)
    place = path.strip("/")
    top = parsed.root_folder_id or parsed.team_drive or "root"
    store = DriveStore(client, place, lambda text: opening.notice("", text))
    return store, f"{top}/{place}".rstrip("/")
