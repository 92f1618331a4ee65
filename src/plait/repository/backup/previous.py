"""The snapshot before: which it is, and what it has of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from plait.model.errors import PlaitError
from plait.repository.format import btrees, dirpacks, packed
from plait.repository.format.headers import DIRPACK_INDEX
from plait.repository.format.resources import NO_MAC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.repository.backup.known import Known
    from plait.repository.format.headers import Importer
    from plait.repository.format.packed import Glance
    from plait.repository.reading import RepositoryReader
    from plait.repository.snapshots import SnapshotReader


class Frame(NamedTuple):
    """An entry in the list of a directory: its plain bytes, their identifier, and what they say."""

    plain: bytes
    mac: bytes
    glance: Glance


class Previous:
    """A snapshot that a new one continues, or None where there is none.

    `known`: what this machine remembers of it; None where it does not, and then every folder is looked at.
    """

    def __init__(self, snapshot: SnapshotReader | None, known: Known | None) -> None:
        self.snapshot = snapshot
        self.known = known
        index = None if snapshot is None else snapshot.source.index(DIRPACK_INDEX)
        self._dirpacks = index

    def folder(self, path: str) -> tuple[bytes, bytes]:
        """Signature and packed summary of a folder; empty where they are not known."""
        found = None if self.known is None else self.known.folder(path)
        return found or (b"", b"")

    def frames(self, path: str) -> dict[str, Frame]:
        """The entries of a folder by name; none where it had none, or where they cannot be read: all is new then."""
        if self.snapshot is None or self._dirpacks is None:
            return {}
        reader = self.snapshot.repository
        try:
            mac = reader.find(btrees.INDEX, self._dirpacks, path)
            if mac is None or mac == NO_MAC:
                return {}
            found = {}
            for plain, name in dirpacks.split(reader.content(mac)):
                glance = packed.glance(plain)
                # Other shapes, of older programs, are written anew.
                if glance is not None and reader.codec.mac(plain) == name:
                    found[glance.name] = Frame(plain, name, glance)
        except PlaitError:
            # A damaged snapshot must not keep the next one from being whole.
            return {}
        return found


def choose(
    reader: RepositoryReader, importer: Importer, known: Known | None, listed: Sequence[bytes]
) -> SnapshotReader | None:
    """The snapshot to go on from: the one this machine remembers, else the newest of the same source."""
    if known is not None and known.snapshot in listed:
        return reader.snapshot(known.snapshot)
    newest = None
    for _, header in reader.headers():
        if isinstance(header, PlaitError) or not header.sources or header.sources[0].importer != importer:
            continue
        if newest is None or header.timestamp > newest.timestamp:
            newest = header
    return None if newest is None else reader.snapshot(newest.identifier)
