"""Where the next LTX file begins: each branch of the rule, and the ways in which a real log loses commits silently."""

import itertools
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from plait.replication.continuation import Continue, Decision, Full, Idle, Reason, decide
from plait.replication.ltx.header import Header, Salts
from plait.replication.wal.frames import WAL_HEADER_SIZE, WalHeader, decode_wal_header, frame_size
from plait.replication.wal.observation import Observation, observe
from plait.replication.wal.segment import scan

SIZE = 512
FRAME = frame_size(SIZE)
OLD = Salts(7, 1000)
NEXT = Salts(8, 2000)
END = 32 + 3 * FRAME
LONG = END + FRAME


def last(*, frames: int = 3, offset: int = 32, salts: Salts = OLD, page_size: int = SIZE) -> Header:
    return Header(
        page_size=page_size,
        commit=4,
        min_txid=5,
        max_txid=5,
        timestamp=0,
        wal_offset=offset,
        wal_size=frames * FRAME,
        wal_salts=salts,
    )


def log(
    salts: Salts | None = OLD,
    *,
    size: int = LONG,
    page_size: int = SIZE,
    stands: bool = True,
    tail: bool = False,
    other: bool = False,
) -> Observation:
    header = None if salts is None else WalHeader(False, page_size, 1, salts, (0, 0))
    return Observation(
        size=size, header=header, last_frame_stands=stands, has_unsynced_tail=tail, has_other_generation=other
    )


COMPACTED = Header(page_size=SIZE, commit=4, min_txid=2, max_txid=5, timestamp=0)
EMPTY = last(frames=0)
WRAP = last(salts=Salts(0xFFFFFFFF, 9))

# The last file, the log, the decision after a start, and that of who watched.
TABLE: dict[str, tuple[Header | None, Observation, Decision, Decision]] = {
    "no file": (None, log(), Full(Reason.FIRST), Full(Reason.FIRST)),
    "no file, no log": (None, log(None, size=0), Full(Reason.FIRST), Full(Reason.FIRST)),
    "file of a compaction": (COMPACTED, log(), Full(Reason.NO_PLACE), Full(Reason.NO_PLACE)),
    "page size of the file": (last(page_size=1024), log(), Full(Reason.PAGE_SIZE), Full(Reason.PAGE_SIZE)),
    "page size of the log": (last(), log(page_size=1024), Full(Reason.PAGE_SIZE), Full(Reason.PAGE_SIZE)),
    "log gone": (last(), log(None, size=0), Full(Reason.NO_LOG), Idle()),
    "log unreadable": (last(), log(None), Full(Reason.NO_LOG), Full(Reason.NO_LOG)),
    "same generation": (last(), log(), Continue(END), Continue(END)),
    "same generation, nothing new": (last(), log(size=END), Continue(END), Continue(END)),
    "same generation, in the middle": (last(frames=1, offset=32 + 2 * FRAME), log(), Continue(END), Continue(END)),
    "same generation, file without frames": (EMPTY, log(stands=False), Continue(32), Continue(32)),
    "same generation, truncated": (last(), log(size=END - 1), Full(Reason.TRUNCATED), Full(Reason.TRUNCATED)),
    "same generation, frame differs": (last(), log(stands=False), Full(Reason.OVERWRITTEN), Full(Reason.OVERWRITTEN)),
    "one restart": (last(), log(NEXT), Continue(32), Continue(32)),
    "one restart, salt wraps": (WRAP, log(Salts(0, 3)), Continue(32), Continue(32)),
    "one restart, frame overwritten": (last(), log(NEXT, stands=False), Full(Reason.OVERWRITTEN), Continue(32)),
    "one restart, truncated": (last(), log(NEXT, size=END - 1), Full(Reason.TRUNCATED), Continue(32)),
    "one restart, unsynced tail": (last(), log(NEXT, tail=True), Full(Reason.UNSYNCED), Continue(32)),
    "one restart, file without frames": (EMPTY, log(NEXT, stands=False), Full(Reason.UNPROVEN), Continue(32)),
    "two restarts": (last(), log(Salts(9, 3)), Full(Reason.SKIPPED), Full(Reason.SKIPPED)),
    "a log made anew": (last(), log(Salts(123456, 3)), Full(Reason.SKIPPED), Full(Reason.SKIPPED)),
    "first salt the same": (last(), log(Salts(7, 3)), Full(Reason.SKIPPED), Full(Reason.SKIPPED)),
    "salt went back": (last(), log(Salts(6, 3)), Full(Reason.SKIPPED), Full(Reason.SKIPPED)),
    "one restart, third salts": (last(), log(NEXT, other=True), Full(Reason.SKIPPED), Continue(32)),
}


@pytest.mark.parametrize("watched", [False, True], ids=["started", "watched"])
@pytest.mark.parametrize("case", list(TABLE))
def test_each_branch(case: str, watched: bool) -> None:
    header, observation, started, held = TABLE[case]
    assert decide(header, observation, page_size=SIZE, watched=watched) == (held if watched else started)


def test_another_page_size_of_the_database_is_seen_without_a_log() -> None:
    assert decide(last(), log(None, size=0), page_size=1024, watched=True) == Full(Reason.PAGE_SIZE)


def test_after_a_start_only_proof_lets_the_chain_go_on() -> None:
    for salts, size, stands, tail, other in itertools.product(
        [None, OLD, NEXT, Salts(9, 3)], [0, END - 1, END, LONG], [False, True], [False, True], [False, True]
    ):
        state = log(salts, size=size, stands=stands, tail=tail, other=other)
        decision = decide(last(), state, page_size=SIZE, watched=False)
        proven = stands and size >= END and (salts == OLD or (salts == NEXT and not tail and not other))
        assert isinstance(decision, Full) is not proven
        assert decision != Idle()


class Database:
    """A live database, and the last file of level 0, as a daemon that was stopped there left it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = apsw.Connection(str(path))
        self.connection.execute("PRAGMA page_size = 512")
        self.connection.execute("PRAGMA journal_mode = wal")
        self.connection.execute("PRAGMA wal_autocheckpoint = 0")
        self.connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        self.connection.execute("CREATE TABLE other (v)")
        self.last: Header | None = None
        self.pages: dict[int, bytes] = {}

    @property
    def log(self) -> bytes:
        path = self.path.with_name(self.path.name + "-wal")
        return path.read_bytes() if path.exists() else b""

    def read(self, offset: int, length: int) -> bytes:
        return self.log[offset : offset + length]

    def write(self, rows: int = 1, table: str = "t") -> None:
        for _ in range(rows):
            self.connection.execute(f"INSERT INTO {table} (v) VALUES (randomblob(300))")

    def checkpoint(self, mode: str = "PASSIVE") -> None:
        [(busy, frames, moved)] = self.connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        assert busy == 0
        assert frames == moved

    def sync(self) -> None:
        header = decode_wal_header(self.log)
        assert header is not None
        segment = scan(self.read, header)
        self.pages = dict(segment.pages(self.read))
        self.last = Header(
            page_size=SIZE,
            commit=segment.commit,
            min_txid=1,
            max_txid=1,
            timestamp=0,
            wal_offset=segment.start,
            wal_size=segment.end - segment.start,
            wal_salts=header.salts,
        )

    def decide(self) -> Decision:
        observation = observe(self.read, len(self.log), self.last, lambda number, data: self.pages.get(number) == data)
        return decide(self.last, observation, page_size=SIZE, watched=False)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "app.db")


def nothing(database: Database) -> None:
    assert database.last is not None


def more_rows(database: Database) -> None:
    database.write(5)


def checkpointed(database: Database) -> None:
    database.checkpoint()


def restarted_once(database: Database) -> None:
    database.checkpoint()
    database.write(1)


def tail_then_restart(database: Database) -> None:
    """Commits nobody read, a checkpoint of all, and a restart that leaves the last frame that was read."""
    database.write(5)
    database.checkpoint()
    database.write(1)


def rolled_back_tail_then_restart(database: Database) -> None:
    """The frames behind the last that was read belong to no commit: nothing is lost."""
    database.connection.execute("PRAGMA cache_size = 2")
    database.connection.execute("BEGIN")
    before = len(database.log)
    database.write(40)
    assert len(database.log) > before
    database.connection.execute("ROLLBACK")
    database.checkpoint()
    database.write(1)


def skipped_generation(database: Database) -> None:
    """A small generation was checkpointed and overwritten by the next."""
    database.checkpoint()
    database.write(1, "other")
    database.checkpoint()
    database.write(1)


def overwritten(database: Database) -> None:
    """The new generation is longer than the old."""
    database.checkpoint()
    database.write(40)


def truncated(database: Database) -> None:
    database.write(3)
    database.checkpoint("TRUNCATE")


def truncated_and_written(database: Database) -> None:
    database.write(3)
    database.checkpoint("TRUNCATE")
    database.write(1)


def closed(database: Database) -> None:
    """The last connection takes the log with it."""
    database.write(3)
    database.connection.close()


def closed_and_written(database: Database) -> None:
    database.write(3)
    database.connection.close()
    database.connection = apsw.Connection(str(database.path))
    database.write(1)


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [
        (nothing, None),
        (more_rows, None),
        (checkpointed, None),
        (restarted_once, Continue(WAL_HEADER_SIZE)),
        (rolled_back_tail_then_restart, Continue(WAL_HEADER_SIZE)),
        (tail_then_restart, Full(Reason.UNSYNCED)),
        (skipped_generation, Full(Reason.SKIPPED)),
        (overwritten, Full(Reason.OVERWRITTEN)),
        (truncated, Full(Reason.NO_LOG)),
        (truncated_and_written, Full(Reason.TRUNCATED)),
        (closed, Full(Reason.NO_LOG)),
        (closed_and_written, Full(Reason.SKIPPED)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_database_that_went_on_alone(
    database: Database, meanwhile: Callable[[Database], None], expected: Decision | None
) -> None:
    database.write(8)
    database.sync()
    assert database.last is not None
    end = database.last.wal_end
    meanwhile(database)
    assert database.decide() == (expected or Continue(end))


def test_what_is_continued_holds_every_row_that_followed(database: Database) -> None:
    database.write(8)
    database.sync()
    database.write(3)
    decision = database.decide()
    assert isinstance(decision, Continue)
    header = decode_wal_header(database.log)
    assert header is not None
    rest, whole = scan(database.read, header, decision.offset), scan(database.read, header)
    together = database.pages | dict(rest.pages(database.read))
    assert together == dict(whole.pages(database.read))
