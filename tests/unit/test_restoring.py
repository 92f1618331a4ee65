"""Restores from replicas on files: the merge, damaged and missing files, and where the result goes."""

from pathlib import Path

import pytest

from plait.model.errors import (
    AlreadyExistsError,
    ConfigurationError,
    IntegrityError,
    ObjectNotFoundError,
    PlaitError,
)
from plait.replication.ltx.header import Header
from plait.replication.ltx.names import Span, file_name
from plait.replication.ltx.writer import encode
from plait.replication.replica import Chunks, Replica
from plait.replication.restoring.finding import Damage, Target
from plait.replication.restoring.restore import Request, restore
from plait.stores.local.store import LocalStore

PAGE = 512
SECOND = 10**9


def page(number: int, txid: int) -> bytes:
    return bytes([number % 251, txid % 251]) * (PAGE // 2)


class Story:
    """A replica that is written transaction by transaction, and the database that each of them leaves."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.replica = Replica(LocalStore(directory))
        self.pages: dict[int, bytes] = {}
        self.states: dict[int, bytes] = {}

    def file(self, level: int, span: Span, numbers: list[int], commit: int) -> None:
        """A file of the present content of these pages."""
        header = Header(
            page_size=PAGE,
            commit=commit,
            min_txid=span.min_txid,
            max_txid=span.max_txid,
            timestamp=1000 * span.max_txid,
        )
        data = b"".join(encode(header, [(number, self.pages[number]) for number in numbers]))
        self.replica.write(level, span, lambda: Chunks([data]), len(data), header.timestamp)

    def commit(self, txid: int, numbers: list[int], size: int) -> None:
        """Transaction `txid` writes these pages; the database has `size` of them then. One file of level 0."""
        for number in numbers:
            self.pages[number] = page(number, txid)
        self.pages = {number: data for number, data in self.pages.items() if number <= size}
        self.states[txid] = b"".join(self.pages[number] for number in range(1, size + 1))
        self.file(0, Span(txid, txid), [number for number in numbers if number <= size], size)

    def whole(self, level: int, last: int) -> None:
        """A file of this level from the first transaction to the present one."""
        self.file(level, Span(1, last), sorted(self.pages), len(self.pages))

    def path(self, level: int, span: Span) -> Path:
        return self.directory / "ltx" / str(level) / file_name(span)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    story = Story(tmp_path / "rep")
    story.commit(1, [1, 2, 3], 3)
    story.commit(2, [2, 4], 4)
    story.whole(1, 2)
    story.commit(3, [1], 2)
    story.commit(4, [2, 3, 4, 5], 5)
    story.whole(9, 4)
    story.commit(5, [5], 5)
    return story


def restored(
    story: Story, to: Path, damaged: list[Damage] | None = None, txid: int | None = None, before: int | None = None
) -> bytes:
    found: list[Damage] = [] if damaged is None else damaged
    restore(story.replica, str(to), Request(target=Target(txid, before), force=True), found.append)
    return to.read_bytes()


def test_every_transaction_that_has_its_own_end_is_restored(story: Story, tmp_path: Path) -> None:
    for txid, state in story.states.items():
        assert restored(story, tmp_path / "out", txid=txid) == state
    assert restored(story, tmp_path / "out") == story.states[5]


def test_a_time_restores_what_was_made_before_it(story: Story, tmp_path: Path) -> None:
    assert restored(story, tmp_path / "out", before=3 * SECOND) == story.states[2]
    assert restored(story, tmp_path / "out", before=3 * SECOND + 1) == story.states[3]


def test_a_time_behind_the_last_file_is_the_last_transaction(story: Story, tmp_path: Path) -> None:
    assert restored(story, tmp_path / "out", before=999 * SECOND) == story.states[5]
    with pytest.raises(ObjectNotFoundError, match="timestamp does not exist"):
        restore(story.replica, str(tmp_path / "x"), Request(target=Target(before=999 * SECOND, bounded=True)))


def test_a_time_before_the_first_file_is_refused(story: Story, tmp_path: Path) -> None:
    with pytest.raises(ObjectNotFoundError):
        restore(story.replica, str(tmp_path / "x"), Request(target=Target(before=SECOND)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rep"]


@pytest.mark.parametrize("damage", ["flipped", "shortened", "misplaced"])
def test_a_damaged_file_is_told_and_another_level_stands_in(story: Story, tmp_path: Path, damage: str) -> None:
    path = story.path(9, Span(1, 4))
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    elif damage == "shortened":
        del data[-40:]
    else:
        data = bytearray(story.path(1, Span(1, 2)).read_bytes())
    path.write_bytes(data)
    found: list[Damage] = []
    assert restored(story, tmp_path / "out", found) == story.states[5]
    assert [one.key for one in found] == ["ltx/9/0000000000000001-0000000000000004.ltx"]


def test_several_damaged_files_are_all_left_out(story: Story, tmp_path: Path) -> None:
    for path in (story.path(9, Span(1, 4)), story.path(1, Span(1, 2))):
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    found: list[Damage] = []
    assert restored(story, tmp_path / "out", found) == story.states[5]
    assert len(found) == 2


def test_a_damaged_file_that_nothing_stands_for_names_itself_and_what_can_be_had(story: Story, tmp_path: Path) -> None:
    path = story.path(0, Span(5, 5))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"ltx/0/0000000000000005-0000000000000005.ltx: .*checksum") as caught:
        restore(story.replica, str(tmp_path / "out"), Request())
    assert "0000000000000004" in str(caught.value.hint)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rep"]
    assert restored(story, tmp_path / "out", txid=4) == story.states[4]


def test_a_file_that_vanishes_between_listing_and_reading_is_done_without(story: Story, tmp_path: Path) -> None:
    """B7, seen from a restore: retention deletes, in that moment, what the plan was made of."""

    class Forgetful(Replica):
        def all_files(self, levels=(9, 1, 0)):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  (as the method that it stands for)
            files = super().all_files(levels)
            story.path(9, Span(1, 4)).unlink(missing_ok=True)
            return files

    replica = Forgetful(LocalStore(story.directory))
    result = restore(replica, str(tmp_path / "out"), Request())
    assert (tmp_path / "out").read_bytes() == story.states[5]
    assert result.damaged == ()


def test_a_newest_file_that_vanishes_is_not_passed_over(story: Story, tmp_path: Path) -> None:
    class Losing(Replica):
        def all_files(self, levels=(9, 1, 0)):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  (as the method that it stands for)
            files = super().all_files(levels)
            story.path(0, Span(5, 5)).unlink(missing_ok=True)
            return files

    with pytest.raises(IntegrityError, match=r"0000000000000005-0000000000000005\.ltx"):
        restore(Losing(LocalStore(story.directory)), str(tmp_path / "out"), Request())


def test_a_gap_behind_which_files_stand_is_no_end(story: Story, tmp_path: Path) -> None:
    story.commit(6, [1], 5)
    story.path(0, Span(5, 5)).unlink()
    with pytest.raises(IntegrityError, match="have up to 0000000000000004 but next file starts at 0000000000000006"):
        restore(story.replica, str(tmp_path / "out"), Request())
    assert not (tmp_path / "out").exists()


def test_a_page_that_no_file_holds_is_found_before_the_database_gets_its_name(tmp_path: Path) -> None:
    """B2: a file by which the database grew, without all of its new pages."""
    story = Story(tmp_path / "rep")
    story.commit(1, [1, 2], 2)
    story.pages |= {3: page(3, 2), 4: page(4, 2)}
    story.file(0, Span(2, 2), [4], 4)
    with pytest.raises(IntegrityError, match="nonsequential page numbers in snapshot transaction: 2,4"):
        restore(story.replica, str(tmp_path / "out"), Request())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rep"]


def test_overlapping_files_of_two_writers_are_merged(story: Story, tmp_path: Path) -> None:
    """B8: overlaps are tolerated, the file that reaches further wins."""
    story.commit(6, [2], 5)
    story.file(1, Span(4, 6), [1, 2, 3, 4, 5], 5)
    for txid in (5, 6):
        story.path(0, Span(txid, txid)).unlink()
    assert restored(story, tmp_path / "out") == story.states[6]


def test_a_database_that_shrank_is_as_small_as_it_was(story: Story, tmp_path: Path) -> None:
    """B3: pages beyond the final size are dropped."""
    assert len(restored(story, tmp_path / "out", txid=3)) == 2 * PAGE


def test_nothing_is_overwritten_unasked(story: Story, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"mine")
    with pytest.raises(AlreadyExistsError, match="already exists and is not empty"):
        restore(story.replica, str(out), Request())
    assert out.read_bytes() == b"mine"
    out.write_bytes(b"")
    (tmp_path / "out-wal").write_bytes(b"")
    with pytest.raises(AlreadyExistsError, match=r"sidecar path already exists: .*out-wal"):
        restore(story.replica, str(out), Request())
    (tmp_path / "out-wal").unlink()
    restore(story.replica, str(out), Request())
    assert out.read_bytes() == story.states[5]


def test_force_removes_the_logs_beside_the_old_database(story: Story, tmp_path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        (tmp_path / f"out{end}").write_bytes(b"old")
    assert restored(story, tmp_path / "out") == story.states[5]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "rep"]


def test_a_link_stays_one_and_what_it_leads_to_is_restored(story: Story, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "data" / "real")
    restore(story.replica, str(tmp_path / "out"), Request())
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "data" / "real").read_bytes() == story.states[5]


def test_bad_outputs_are_refused_before_anything_is_made(story: Story, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="output path is a directory"):
        restore(story.replica, str(tmp_path), Request(force=True))
    with pytest.raises(PlaitError):
        restore(story.replica, str(story.path(0, Span(1, 1)) / "out"), Request(force=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rep"]


def test_a_missing_directory_is_made(story: Story, tmp_path: Path) -> None:
    restore(story.replica, str(tmp_path / "a" / "b" / "out"), Request())
    assert (tmp_path / "a" / "b" / "out").read_bytes() == story.states[5]


def test_a_result_that_fails_its_check_never_gets_the_name(story: Story, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="fails its integrity check"):
        restore(story.replica, str(tmp_path / "out"), Request(check="quick"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rep"]


def test_many_files_are_fetched_in_order_whatever_the_number_of_workers(tmp_path: Path) -> None:
    story = Story(tmp_path / "rep")
    story.commit(1, [1], 1)
    for txid in range(2, 120):
        story.commit(txid, sorted({txid % 7 + 1, *range(len(story.pages) + 1, min(txid, 9) + 1)}), min(txid, 9))
    for parallelism in (0, 1, 3, 16):
        restore(story.replica, str(tmp_path / "out"), Request(parallelism=parallelism, force=True))
        assert (tmp_path / "out").read_bytes() == story.states[119]
