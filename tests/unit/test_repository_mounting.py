"""Snapshots as a file system: the operations are asked directly, and, where the machine can, by its kernel."""

from __future__ import annotations

import errno
import os
import random
import stat
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest

from plait.model.errors import ObjectNotFoundError, PlaitError
from plait.repository.browsing import Browser
from plait.repository.mounting.mounting import is_mount_point, serve
from plait.repository.mounting.operations import SnapshotOperations
from plait.repository.mounting.serving import PageServer
from plait.repository.repository import Repository
from plait.repository.seeking import ChunkCache, SeekableContent
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGE = random.Random(5).randbytes(5_000_000)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    (root / "sub").mkdir(mode=0o750)
    (root / "sub/large").write_bytes(LARGE)
    (root / "sub/large").chmod(0o640)
    (root / "small").write_bytes(b"small")
    (root / "link").symlink_to("small")
    os.link(root / "small", root / "hard")
    os.mkfifo(root / "pipe")
    os.utime(root / "small", ns=(10**18, 10**18 + 1))
    return root


@pytest.fixture(scope="module")
def repository(tree: Path) -> Iterator[Repository]:
    with Repository.create(MemoryStore(), None) as made:
        made.backup([str(tree)])
        yield made


@pytest.fixture
def browser(repository: Repository) -> Browser:
    return Browser(repository, lambda: [found.header for found in repository.snapshots()])


@pytest.fixture
def inside(repository: Repository, tree: Path) -> Browser:
    return Browser(repository, tuple, (repository.snapshots()[0], str(tree)))


def operations(browser: Browser) -> SnapshotOperations:
    return SnapshotOperations(browser, lambda _, __: None)


def refused(number: int) -> pytest.RaisesExc[OSError]:
    return pytest.raises(OSError, match=rf"\[Errno {number}\]")


def test_any_range_of_a_content_is_its_own(repository: Repository, tree: Path) -> None:
    blobs = repository.reader.blobs
    snapshot = repository.snapshots()[0]
    item = blobs.object(snapshot.entry(f"{tree}/sub/large").object)
    content = SeekableContent(ChunkCache(blobs, kept=1), item)
    noise = random.Random(1)
    ranges = [(noise.randrange(len(LARGE)), noise.randrange(2_000_000)) for _ in range(50)]
    for offset, length in [*ranges, (0, len(LARGE)), (len(LARGE), 10), (len(LARGE) + 5, 10), (0, 0)]:
        assert content.read(offset, length) == LARGE[offset : offset + length]


def test_the_attributes_are_those_of_the_files(inside: Browser, tree: Path) -> None:
    asked = operations(inside)
    names = {row[0] for row in asked.readdir("/", 0)}
    assert names == {".", "..", *(path.name for path in tree.iterdir())}
    for name in ("", "sub", "sub/large", "small", "link", "hard", "pipe"):
        found, real = asked.getattr(f"/{name}"), (tree / name).lstat()
        assert found["st_mode"] == real.st_mode
        assert (found["st_uid"], found["st_gid"]) == (real.st_uid, real.st_gid)
        assert found["st_mtime"] == real.st_mtime_ns
        if not stat.S_ISDIR(real.st_mode):
            assert (found["st_size"], found["st_nlink"]) == (real.st_size, real.st_nlink)
    assert asked.readlink("/link") == "small"
    assert asked.getattr("/small")["st_ino"] == asked.getattr("/hard")["st_ino"] != asked.getattr("/link")["st_ino"]


def test_what_is_asked_before_and_after_a_listing_is_the_same(inside: Browser) -> None:
    asked = operations(inside)
    before = [asked.getattr(path) for path in ("/small", "/sub")]
    asked.readdir("/", 0)
    assert [asked.getattr(path) for path in ("/small", "/sub")] == before
    for path in ("/nosuch", "/sub/nosuch", "/small/x", "/../small"):
        with refused(errno.ENOENT):
            asked.getattr(path)


def test_files_are_read_and_never_written(inside: Browser) -> None:
    asked = operations(inside)
    handle = asked.open("/sub/large", os.O_RDONLY)
    assert asked.read("/sub/large", 1000, 4_000_000, handle) == LARGE[4_000_000:4_001_000]
    asked.release("/sub/large", handle)
    for flags, path, number in ((os.O_RDWR, "/small", errno.EROFS), (os.O_RDONLY, "/nosuch", errno.ENOENT)):
        with refused(number):
            asked.open(path, flags)


def test_damage_is_an_error_of_reading_and_is_told(tree: Path) -> None:
    store = MemoryStore()
    with Repository.create(store, None) as repository:
        repository.backup([str(tree)])
        told: list[str] = []
        inside = Browser(repository, tuple, (repository.snapshots()[0], str(tree)))
        asked = SnapshotOperations(inside, lambda path, _: told.append(path))
        handle = asked.open("/sub/large", os.O_RDONLY)
        for page in store.list("packfiles/"):
            for name in page.names:
                list(store.delete([page.prefix + name]))
        with refused(errno.EIO):
            asked.read("/sub/large", 1000, 0, handle)
    assert told == ["/sub/large"]


def test_each_snapshot_has_a_directory_and_new_ones_appear(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.repository.browsing._FRESH_SECONDS", 0.0)
    with Repository.create(MemoryStore(), None) as repository:
        asked = operations(Browser(repository, lambda: [found.header for found in repository.snapshots()]))
        assert [row[0] for row in asked.readdir("/", 0)] == [".", ".."]
        first = repository.backup([str(tree)]).snapshot.hex()[:8]
        assert {row[0] for row in asked.readdir("/", 0)} == {".", "..", first}
        assert asked.getattr(f"/{first}{tree}/small")["st_size"] == 5
        second = repository.backup([str(tree)]).snapshot.hex()[:8]
        assert {row[0] for row in asked.readdir("/", 0)} == {".", "..", first, second}


def test_pages_show_the_same(browser: Browser, repository: Repository, tree: Path) -> None:
    name = repository.snapshots()[0].identifier.hex()[:8]
    with PageServer(("127.0.0.1", 0), browser) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            top = f"http://127.0.0.1:{server.server_address[1]}"
            assert f'href="./{name}/"' in fetch(f"{top}/")[1].decode()
            assert 'href="./large"' in fetch(f"{top}/{name}{tree}/sub")[1].decode()
            assert fetch(f"{top}/{name}{tree}/sub/large") == (200, LARGE)
            assert fetch(f"{top}/{name}{tree}/sub/large", "bytes=10-19") == (206, LARGE[10:20])
            assert fetch(f"{top}/{name}{tree}/sub/large", "bytes=-7") == (206, LARGE[-7:])
            assert fetch(f"{top}/{name}{tree}/sub/large", "bytes=4999990-") == (206, LARGE[4999990:])
            assert fetch(f"{top}/{name}{tree}/sub/large", "bytes=5000000-")[0] == 416
            assert fetch(f"{top}/{name}/nosuch")[0] == 404
            assert fetch(f"{top}/nosuch/")[0] == 404
        finally:
            server.shutdown()
            thread.join(20)


def fetch(url: str, wanted: str = "") -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"Range": wanted} if wanted else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def test_mounted_or_else_asked_directly(
    inside: Browser, tree: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Where /dev/fuse can be used the kernel asks; elsewhere what it would ask is asked. The report says which."""
    place = tmp_path / "mount"
    place.mkdir()
    done, ready = threading.Event(), threading.Event()
    troubles: list[PlaitError] = []

    def work() -> None:
        try:
            serve(
                inside,
                str(place),
                others=False,
                told=lambda _, __: None,
                mounted=ready.set,
                cancelled=done.is_set,
            )
        except PlaitError as error:
            troubles.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(60)
    mounted = not troubles
    try:
        record_property("mounted", mounted)
        print("the kernel asked" if mounted else f"asked directly: {troubles[0].message}")  # noqa: T201  (a failed run shows which way was taken)
        if mounted:
            assert (place / "sub/large").read_bytes() == LARGE
            assert {path.name for path in place.iterdir()} == {path.name for path in tree.iterdir()}
            assert (place / "link").readlink() == Path("small")
            assert (place / "small").stat().st_mtime_ns == (tree / "small").stat().st_mtime_ns
            assert is_mount_point(str(place))
            with refused(errno.EROFS):
                (place / "new").touch()
        else:
            asked = operations(inside)
            assert asked.read("/sub/large", len(LARGE), 0, asked.open("/sub/large", os.O_RDONLY)) == LARGE
    finally:
        done.set()
        thread.join(60)
    assert not thread.is_alive()
    assert not is_mount_point(str(place))


def test_only_regular_files_have_content(inside: Browser) -> None:
    for path in ("/link", "/sub", "/pipe"):
        with pytest.raises(ObjectNotFoundError):
            inside.content(inside.node(path))
