"""Where a database is restored to."""

import os
from pathlib import Path

import apsw
import pytest

from plait.model.errors import AlreadyExistsError
from plait.replication.restoring.output import check_output, put_in_place, written_beside


def test_the_log_beside_what_a_link_leads_to_is_not_played_into_the_new_database(tmp_path: Path) -> None:
    real, link, new = tmp_path / "real.db", tmp_path / "link.db", tmp_path / "new.db"
    link.symlink_to(real)
    for path, value in ((new, 1), (real, 2)):
        connection = apsw.Connection(str(path))
        connection.execute("CREATE TABLE t (v)")
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        connection.close()
    # As a process leaves it that was killed.
    live = apsw.Connection(str(real))
    live.execute("PRAGMA journal_mode = wal")
    live.execute("INSERT INTO t VALUES (3)")
    log = (tmp_path / "real.db-wal").read_bytes()
    live.close()
    (tmp_path / "real.db-wal").write_bytes(log)
    real.write_bytes(b"")
    with pytest.raises(AlreadyExistsError, match=r"real\.db-wal"):
        check_output(str(link), force=False)
    with written_beside(str(link)) as (descriptor, beside):
        os.pwrite(descriptor, new.read_bytes(), 0)
        put_in_place(descriptor, beside, str(link), force=True)
    assert link.is_symlink()
    assert sorted(found.name for found in tmp_path.iterdir()) == ["link.db", "new.db", "real.db"]
    restored = apsw.Connection(str(link))
    assert list(restored.execute("SELECT v FROM t")) == [(1,)]
    restored.close()
