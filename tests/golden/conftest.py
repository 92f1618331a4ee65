"""The golden repositories: made by the original program, never by Plait (see kloset/README.md)."""

from __future__ import annotations

import io
import json
import os
import tarfile
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plait.repository.format import archives, btrees, configuration, packfiles, states, wire
from plait.repository.format.headers import Header
from plait.repository.format.merging import Holdings, Lineage, order
from plait.repository.format.objects import Object
from plait.repository.format.resources import VERSION_1_0_0, Resource
from plait.repository.repository import Repository
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.repository.format.codec import Codec

FOLDER = Path(__file__).parent / "kloset"
NAMES = [
    *("plain", "encrypted", "sha256-nocompress", "encrypted-sha256", "errors", "removed", "dup", "xattr-change"),
    *("interrupted", "archive.ptar", "archive-encrypted.ptar"),
]


class Golden:
    """One repository, read into memory by the format's own functions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.story: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
        self.is_archive = name.endswith(".ptar")
        self.files = self._read_archive() if self.is_archive else self._read_folder()

    def _read_folder(self) -> dict[str, bytes]:
        files = {}
        with tarfile.open(FOLDER / f"{self.name}.tar.xz") as archive:
            for member in archive:
                if content := archive.extractfile(member) if member.isfile() else None:
                    files[member.name.partition("/")[2]] = content.read()
        return files

    def _read_archive(self) -> dict[str, bytes]:
        data = (FOLDER / self.name).read_bytes()
        layout = archives.read_layout(
            len(data), data[: archives.HEADER_SIZE], data[len(data) - archives.TRAILER_SIZE :]
        )
        parts = [data[extent.offset : extent.offset + extent.length] for extent in layout]
        assert archives.write(*parts) == data
        names = ("CONFIG", f"packfiles/00/{archives.PACKFILE_NAME.hex()}", f"states/0f/{archives.STATE_NAME.hex()}")
        return dict(zip(names, parts, strict=True))

    def framed(self, kind: str) -> dict[bytes, bytes]:
        """The stored files of a kind, by name; those whose name is none are left out, as every reader does."""
        found = {path.rpartition("/")[2]: data for path, data in self.files.items() if path.startswith(f"{kind}/")}
        return {bytes.fromhex(name): data for name, data in found.items() if len(name) == 64}

    @property
    def passphrase(self) -> bytes | None:
        """What opens it."""
        found = self.story["passphrase"]
        return None if found is None else str(found).encode()

    def store(self, *keys: str) -> MemoryStore:
        """A store of its files, or of those named."""
        return _store({key: self.files[key] for key in keys or self.files})

    def opened(self) -> Repository:
        """The repository, in memory."""
        if not self.is_archive:
            return Repository.open(self.store(), self.passphrase)
        return Repository.open_archive(
            _store({self.name: (FOLDER / self.name).read_bytes()}), self.name, self.passphrase
        )

    @cached_property
    def unlocked(self) -> configuration.Unlocked:
        return configuration.unlock(self.files["CONFIG"], self.passphrase, os.urandom)

    @property
    def codec(self) -> Codec:
        return self.unlocked.codec

    @cached_property
    def bodies(self) -> dict[bytes, bytes]:
        """The packfiles' bodies, their checksums verified."""
        return {
            name: self.codec.unwrap(data, Resource.PACKFILE, VERSION_1_0_0)[1]
            for name, data in self.framed("packfiles").items()
        }

    @cached_property
    def holdings(self) -> Holdings:
        found = {name: states.read(data, self.codec) for name, data in self.framed("states").items()}
        records = {name: list(items) for name, (_, items) in found.items()}
        lineages = {}
        for name, (parent, _) in found.items():
            end = records[name][-1]
            assert isinstance(end, states.End)
            lineages[name] = Lineage(parent, end.timestamp)
        holdings = Holdings()
        for name in order(lineages).names:
            assert holdings.apply(records[name])
        return holdings

    def stored(self, resource: int, mac: bytes) -> bytes:
        """The plain bytes of a blob."""
        place = self.holdings.places(resource, mac)[0]
        (only, *_) = self.bodies if self.is_archive else (place.packfile,)
        return self.codec.decode(self.bodies[only][place.offset : place.offset + place.length])

    def headers(self) -> list[Header]:
        return [wire.decode(self.stored(Resource.SNAPSHOT, mac), Header) for mac in self.holdings.snapshots()]

    def items(self, kind: btrees.Kind, descriptor: bytes) -> list[tuple[str, bytes]]:
        """Keys and values of a tree."""
        root = btrees.read_root(self.stored(kind.root, descriptor))
        return list(btrees.walk(root, lambda mac: btrees.read_node(self.stored(kind.node, mac))))

    def content(self, mac: bytes) -> bytes:
        """The content of an object."""
        chunks = wire.decode(self.stored(Resource.OBJECT, mac), Object).chunks or ()
        return b"".join(self.stored(Resource.CHUNK, chunk.content_mac) for chunk in chunks)

    def index(self, name: bytes) -> packfiles.Index:
        return packfiles.read_index(self.bodies[name], self.codec)


def _store(files: dict[str, bytes]) -> MemoryStore:
    store = MemoryStore()
    for key, data in files.items():
        store.write(key, io.BytesIO(data), len(data))
    return store


@cache
def _golden(name: str) -> Golden:
    return Golden(name)


@pytest.fixture(params=NAMES)
def golden(request: pytest.FixtureRequest) -> Golden:
    name: str = request.param
    return _golden(name)


@pytest.fixture
def goldens() -> Callable[[str], Golden]:
    """Each by its name."""
    return _golden


@pytest.fixture
def original(golden: Golden) -> Iterator[Repository]:
    """The repository, in memory."""
    with golden.opened() as repository:
        yield repository


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The directory of each, by its name; nobody changes it."""

    @cache
    def unpack(name: str) -> Path:
        folder = tmp_path_factory.mktemp("golden")
        with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        return folder / name

    return unpack


@pytest.fixture
def repository(golden: Golden, unpacked: Callable[[str], Path]) -> Iterator[Repository]:
    """The repository, in its directory."""
    if golden.is_archive:
        opened = Repository.open_archive(LocalStore(FOLDER), golden.name, golden.passphrase)
    else:
        opened = Repository.open(LocalStore(unpacked(golden.name)), golden.passphrase)
    with opened:
        yield opened
