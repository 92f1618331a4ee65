from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def _open_files() -> list[Path]:
    """What descriptors of this process lead to, directories left out: the roots of stores stay open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sorted(link.readlink() for link in links if not link.is_dir())


@pytest.fixture
def no_file_is_left_open() -> Iterator[None]:
    # What other tests left to the collector is closed before, not meanwhile.
    gc.collect()
    before = _open_files()
    yield
    assert _open_files() == before
