"""Moves from one local tree to another: by a rename wherever one gives what a copy and a deletion would."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from plait.engine.transfer import Manner, Transfer, TransferSettings
from plait.mirror.carrier import CarrierSettings, MirrorCarrier
from plait.mirror.keeping import KeptNames, RenamingKeeper
from plait.model.actions import Action, Status, Verb
from plait.model.errors import PermissionDeniedError, PlaitError, SourceChangedError
from plait.model.items import Item
from plait.stores.base import Outgoing
from plait.stores.copies import CopyRequest
from plait.stores.local import Links, LocalOptions, LocalStore
from plait.testing.store_tools import MOMENT, files, get, items, put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.stores.copies import CopyResult


@pytest.fixture
def origin(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "origin")
    put(store, "dir/file", b"content", Outgoing(modified=MOMENT))
    return store


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A directory on another file system."""
    path = Path(tempfile.mkdtemp(dir="/dev/shm"))
    assert path.stat().st_dev != tmp_path.stat().st_dev
    yield path
    shutil.rmtree(path)


def inode(store: LocalStore, key: str) -> int:
    return Path(store.path, key).lstat().st_ino


def only(store: LocalStore) -> Item:
    return Item("dir/file", store.stat("dir/file"))


def move(store: LocalStore, origin: LocalStore, replaces: bool = False) -> CopyResult | None:
    replaced = store.stat("dir/file") if replaces else None
    request = CopyRequest(only(origin), "dir/file", replaced)
    [result] = store.move_batch(origin, [request], Outgoing(), lambda: False)
    return result


def transfer(store: LocalStore, origin: LocalStore, *, verify: bool = False) -> Transfer:
    return Transfer(origin, store, TransferSettings(moves=True, verify=verify), cancelled=lambda: False)


def test_the_file_itself_arrives(origin: LocalStore, store: LocalStore) -> None:
    before = inode(origin, "dir/file")
    path = Path(origin.path, "dir/file")
    path.chmod(0o751)
    result = move(store, origin)
    assert result is not None
    assert result.moved
    assert inode(store, "dir/file") == before
    assert store.stat("dir/file").modified == MOMENT
    assert Path(store.path, "dir/file").stat().st_mode & 0o777 == 0o751
    assert files(origin) == []


def test_two_names_of_one_file_are_left_to_a_copy(origin: LocalStore, store: LocalStore) -> None:
    store.make_directory("dir")
    os.link(Path(origin.path, "dir/file"), Path(store.path, "dir/file"))
    for replaces in (True, False):
        assert move(store, origin, replaces) is None
    assert files(origin) == files(store) == ["dir/file"]


def test_a_link_is_moved_itself_where_what_it_led_to_has_gone(origin: LocalStore, store: LocalStore) -> None:
    path = Path(origin.path, "dir/file")
    path.rename(path.with_name("other"))
    path.symlink_to("other")
    followed = LocalStore(origin.path, LocalOptions(links=Links.FOLLOW))
    requests = [CopyRequest(item, item.key, None) for item in items(followed, "dir/")]
    assert [request.key for request in requests] == ["dir/file", "dir/other"]
    requests.reverse()
    results = Transfer(followed, store, TransferSettings(moves=True), cancelled=lambda: False).carry_batch(
        requests, Outgoing()
    )
    assert [result.moved for result in results] == [True, True]
    assert Path(store.path, "dir/file").readlink() == Path("other")
    assert Path(store.path, "dir/file").read_bytes() == b"content"
    assert files(origin) == []


def test_links_are_left_to_a_copy(origin: LocalStore, store: LocalStore) -> None:
    path = Path(origin.path, "dir/file")
    path.rename(path.with_name("other"))
    path.symlink_to("other")
    followed = LocalStore(origin.path, LocalOptions(links=Links.FOLLOW))
    assert move(store, followed) is None
    assert path.is_symlink()


def test_a_directory_in_the_way_stays(origin: LocalStore, store: LocalStore) -> None:
    store.make_directory("dir/file/below")
    assert move(store, origin) is None
    assert get(origin, "dir/file") == b"content"


def test_another_file_system_is_left_to_a_copy(origin: LocalStore, elsewhere: Path) -> None:
    store = LocalStore(elsewhere)
    assert move(store, origin) is None
    carriage = transfer(store, origin).carry(only(origin), "dir/file", Outgoing(), lambda _: None)
    assert carriage.manner is Manner.COPY
    assert get(store, "dir/file") == get(origin, "dir/file") == b"content"


def test_what_is_to_be_verified_is_copied(origin: LocalStore, store: LocalStore) -> None:
    for verify, manner in ((True, Manner.COPY), (False, Manner.MOVE)):
        target = f"{verify}/file"
        carriage = transfer(store, origin, verify=verify).carry(only(origin), target, Outgoing(), lambda _: None)
        assert carriage.manner is manner
        assert get(store, target) == b"content"
    assert files(origin) == []


@contextmanager
def nobody() -> Iterator[None]:
    """Without the rights of a superuser, who may do everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_what_may_not_be_taken_away_is_not_copied(elsewhere: Path) -> None:
    elsewhere.chmod(0o755)
    origin, store = LocalStore(elsewhere / "origin"), LocalStore(elsewhere / "store")
    put(origin, "dir/file", b"content")
    store.make_directory("dir")
    Path(origin.path, "dir").chmod(0o555)
    Path(store.path, "dir").chmod(0o777)
    with nobody():
        result = move(store, origin)
    assert result is not None
    assert isinstance(result.error, PermissionDeniedError)
    assert files(store) == []


def carrier(store: LocalStore, origin: LocalStore, kept: LocalStore) -> MirrorCarrier:
    above = LocalStore(Path(store.path).parent)
    across = Transfer(store, kept, TransferSettings(), cancelled=lambda: False)
    keeper = RenamingKeeper(above, "store/", "kept/", kept.path, KeptNames(), across, durable=False)
    return MirrorCarrier(transfer(store, origin), CarrierSettings(moves=True), keeper, lambda _: None)


def test_what_a_move_replaces_is_kept_first(origin: LocalStore, store: LocalStore, tmp_path: Path) -> None:
    kept = LocalStore(tmp_path / "kept")
    put(store, "dir/file", b"old")
    action = Action(Verb.REPLACE, "dir/file", only(origin), only(store))
    before = inode(origin, "dir/file")
    [outcome] = carrier(store, origin, kept).carry([action], lambda: False)
    assert (outcome.status, outcome.moved, outcome.kept) == (Status.DONE, True, f"{kept.path}/dir/file")
    assert inode(store, "dir/file") == before
    assert get(kept, "dir/file") == b"old"
    assert files(origin) == []


def test_what_is_kept_on_another_file_system_replaces_what_was_kept_there(store: LocalStore, elsewhere: Path) -> None:
    kept = LocalStore(elsewhere / "kept")
    across = Transfer(store, kept, TransferSettings(), cancelled=lambda: False)
    above = LocalStore("/")
    keeper = RenamingKeeper(
        above, f"{store.path[1:]}/", f"{kept.path[1:]}/", kept.path, KeptNames(), across, durable=False
    )
    for content in (b"first", b"second", b"third"):
        put(store, "dir/file", content)
        assert keeper.keep(only(store)) == f"{kept.path}/dir/file"
        assert get(kept, "dir/file") == content
        assert files(store) == []


def test_the_source_stays_until_what_it_replaces_is_kept(origin: LocalStore, store: LocalStore, tmp_path: Path) -> None:
    put(store, "dir/file", b"old")
    # As a plan of another version may know it: not where it lies.
    listed = Item("dir/file", structs.replace(only(origin).stat, posix=None))
    action = Action(Verb.REPLACE, "dir/file", listed, only(store))
    (tmp_path / "kept").write_bytes(b"no directory")
    [outcome] = carrier(store, origin, LocalStore(tmp_path / "kept")).carry([action], lambda: False)
    assert outcome.error is not None
    assert get(store, "dir/file") == b"old"
    assert get(origin, "dir/file") == b"content"


def test_nothing_is_taken_away_for_a_source_that_changed(origin: LocalStore, store: LocalStore, tmp_path: Path) -> None:
    put(store, "dir/file", b"old")
    action = Action(Verb.REPLACE, "dir/file", only(origin), only(store))
    put(origin, "dir/file", b"changed since")
    [outcome] = carrier(store, origin, LocalStore(tmp_path / "kept")).carry([action], lambda: False)
    assert isinstance(outcome.error, SourceChangedError)
    assert get(store, "dir/file") == b"old"
    assert get(origin, "dir/file") == b"changed since"


def test_a_batch_moves_what_it_can_and_copies_the_rest(origin: LocalStore, store: LocalStore, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        put(origin, f"dir/{name}", name.encode(), Outgoing(modified=MOMENT))
    put(store, "dir/b", b"in the way since")
    (tmp_path / "store" / "dir" / "c").symlink_to("nowhere")
    actions = [Action(Verb.CREATE, item.key, item) for item in items(origin, "dir/")]
    mover = MirrorCarrier(transfer(store, origin), CarrierSettings(moves=True), None, lambda _: None)
    outcomes = {outcome.action.key: outcome for outcome in mover.carry(actions, lambda: False)}
    assert {key: outcome.moved for key, outcome in outcomes.items()} == {
        "dir/a": True,
        "dir/b": False,
        "dir/c": False,
        "dir/file": True,
    }
    assert isinstance(outcomes["dir/b"].error, PlaitError)
    assert outcomes["dir/c"].status is Status.DONE
    assert get(store, "dir/b") == b"in the way since"
    assert get(store, "dir/c") == b"c"
    assert files(origin) == ["dir/b"]
