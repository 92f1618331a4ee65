"""Trees in repositories as locations: `@NAME:[SNAPSHOT[:PATH]]`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from plait.cli.directories import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.repository.repository import Repository
    from plait.repository.snapshots import SnapshotReader
    from plait.stores.base import Store
    from plait.stores.location import Location
    from plait.stores.registry import Opening


def tree_opener(environment: Mapping[str, str]) -> Callable[[Location, Opening], tuple[Store, str]]:
    """Opens trees in the repositories of `stores.yml`, for reading; without a snapshot, of the newest."""

    def open_tree(location: Location, opening: Opening) -> tuple[Store, str]:
        from plait.cli.passphrases import of_settings
        from plait.cli.repositories import configuration_directory, open_at
        from plait.repository.configured.catalogue import Catalogue, Section
        from plait.repository.configured.names import resolve
        from plait.repository.places import open_place
        from plait.repository.snapshot_store import SnapshotStore
        from plait.stores.local.options import Links

        catalogue = Catalogue(configuration_directory("", environment))
        settings = resolve(f"@{location.name}", catalogue.places(Section.STORES))
        place = open_place(settings, opening, os.getcwd())
        repository = open_at(
            place, of_settings(settings, environment), cache_directory(environment) / "repositories", environment
        )

        def close() -> None:
            repository.close()
            place.store.close()

        try:
            snapshot = _snapshot(repository, location)
            path = snapshot.resolve(location.path)
            links = opening.local.links is Links.TRANSLATE
            return SnapshotStore(snapshot, path, links=links, notice=opening.notice, closing=close), path
        except BaseException:
            close()
            raise

    return open_tree


def _snapshot(repository: Repository, location: Location) -> SnapshotReader:
    from plait.model.errors import DirectoryNotFoundError
    from plait.repository.selection import find_one

    if location.snapshot:
        return repository.snapshot(find_one(repository.reader.snapshots(), location.snapshot))
    found = repository.snapshots()
    if not found:
        raise DirectoryNotFoundError(f"@{location.name} has no snapshot")
    return found[0]
