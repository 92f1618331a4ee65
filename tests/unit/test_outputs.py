"""Files that commands write for a person."""

import os
import threading
from pathlib import Path

import pytest

from plait.engine.planfile import Header, write_plan
from plait.model.errors import ConfigurationError
from plait.stores.outputs import NewFile, is_special
from plait.stores.rclone_config import change_configuration


def test_a_file_takes_its_name_when_it_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.write_bytes(b"old")
    new = NewFile(str(place))
    new.file.write(b"new")
    assert place.read_bytes() == b"old"
    new.keep()
    new.drop()
    assert place.read_bytes() == b"new"
    assert place.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["out"]


def test_a_file_that_is_dropped_leaves_the_old_one(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.write_bytes(b"old")
    new = NewFile(str(place))
    new.file.write(b"new")
    new.drop()
    assert place.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_plan(pipe, Header(command="sync", locations=["a", "b"]), [])
    reader.join(60)
    assert found
    assert b'"command":"sync"' in found[0]
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_configuration_replaces_no_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Whoever reads a configuration opens it: something has to write at the other end.
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"[a]\ntype = local\n"), daemon=True)
    writer.start()
    with pytest.raises(ConfigurationError, match="no regular file"):
        change_configuration(str(pipe), lambda: "", lambda _: None)
    writer.join(60)
    assert pipe.is_fifo()


def test_what_is_special(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(os.devnull)
    assert [is_special(str(tmp_path / name)) for name in ("file", "missing", "link", ".")] == [False, False, True, True]
