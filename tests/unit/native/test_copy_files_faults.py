"""Copying batches of files while calls of the system fail, or the process is killed at one."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from plait.native import stages
from plait.testing import syscalls

if TYPE_CHECKING:
    from tests.unit.native.conftest import Folders


LARGE = 300_000


UNNAMED = stages.UNNAMED | stages.EXCLUSIVE


CHILD = """
import errno, importlib, os, sys
from plait.testing import syscalls
implementation = importlib.import_module(sys.argv[1])
source, destination = int(sys.argv[2]), int(sys.argv[3])
options, mode = int(sys.argv[5]), int(sys.argv[6])
partials = [] if options & 10 else [b"a.partial"]
arguments = source, destination, [b"a"], partials, bytes.fromhex(sys.argv[4]), options, mode, None
faults = dict(pair.split("=") for pair in sys.argv[7:])
syscalls.fail({name: int(error) for name, error in faults.items()})
outcomes = implementation.copy_files(*arguments)
os.write(1, repr(outcomes[0]).encode())
os._exit(0)
"""


def copy_with_faults(
    folders: Folders, *, options: int = 0, mode: int = -1, **faults: int
) -> tuple[int, tuple[int, int] | None]:
    """The exit status of a child process that copies `a` under faults, and stage and errno where it lived."""
    source = os.open(folders.source, os.O_RDONLY)
    destination = os.open(folders.destination, os.O_RDONLY)
    run = subprocess.run(
        [
            sys.executable,
            *("-c", CHILD, folders.implementation.__name__, str(source), str(destination)),
            *(folders.expectation(["a"]).hex(), str(options), str(mode)),
            *(f"{name}={error}" for name, error in faults.items()),
        ],
        pass_fds=(source, destination),
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(source)
    os.close(destination)
    assert run.stderr == ""
    if not run.stdout:
        return run.returncode, None
    stage, _, error = run.stdout.strip("()").partition(", ")
    return run.returncode, (int(stage), int(error))


# What fails, the options and the mode that bring it about, and the stage that is blamed, by size.
FAULTS: list[tuple[dict[str, int], int, int, int, int]] = [
    ({"read": errno.EIO}, 0, -1, 3, stages.READ),
    ({"pwrite64": errno.ENOSPC}, 0, -1, 3, stages.WRITE),
    ({"copy_file_range": errno.ENOSPC}, 0, -1, LARGE, stages.WRITE),
    ({"fallocate": errno.ENOSPC}, 0, -1, 1 << 20, stages.WRITE),
    ({"copy_file_range": errno.EIO, "pread64": errno.EIO}, 0, -1, LARGE, stages.READ),
    ({"copy_file_range": errno.EXDEV, "pwrite64": errno.EIO}, 0, -1, LARGE, stages.WRITE),
    ({"fchmod": errno.EPERM}, 0, 0o600, 3, stages.SET_MODE),
    ({"utimensat": errno.EPERM}, 0, -1, 3, stages.SET_TIMES),
    ({"utimensat": errno.EPERM}, 0, -1, LARGE, stages.SET_TIMES),
    ({"fdatasync": errno.EIO}, stages.DURABLE, -1, 3, stages.SYNC),
    ({"close": errno.EDQUOT}, 0, -1, 3, stages.CLOSE),
    ({"renameat": errno.EIO}, 0, -1, 3, stages.RENAME),
    ({"renameat2": errno.ENOSYS, "linkat": errno.EPERM}, stages.EXCLUSIVE, -1, 3, stages.RENAME),
    ({"read": errno.EIO}, UNNAMED, -1, 3, stages.READ),
    ({"pwrite64": errno.ENOSPC}, UNNAMED, -1, 3, stages.WRITE),
    ({"linkat": errno.ENOENT}, UNNAMED, -1, 3, stages.RENAME),
    ({"linkat": errno.EPERM}, UNNAMED, -1, LARGE, stages.RENAME),
    ({"close": errno.EDQUOT}, UNNAMED, -1, 3, stages.CLOSE),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "+".join(fault[0]) + "-unnamed" * bool(fault[1] & 8))
def test_whatever_fails_the_old_file_stays(folders: Folders, fault: tuple[dict[str, int], int, int, int, int]) -> None:
    faults, options, mode, size, stage = fault
    folders.put("a", size)
    old = [] if options & stages.EXCLUSIVE else ["a"]
    for name in old:
        (folders.destination / name).write_bytes(b"old")
    status, outcome = copy_with_faults(folders, options=options, mode=mode, **faults)
    assert status == 0
    assert outcome == (stage, list(faults.values())[-1])
    assert folders.present() == old
    for name in old:
        assert (folders.destination / name).read_bytes() == b"old"


@pytest.mark.parametrize("error", [errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EIO])
def test_without_the_kernels_copy_it_is_read_and_written(folders: Folders, error: int) -> None:
    path = folders.put("a", 3 * LARGE)
    assert copy_with_faults(folders, copy_file_range=error) == (0, (stages.DONE, 0))
    assert (folders.destination / "a").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_reserved_space_it_is_written_all_the_same(folders: Folders, error: int) -> None:
    path = folders.put("a", 1 << 20)
    assert copy_with_faults(folders, fallocate=error) == (0, (stages.DONE, 0))
    assert (folders.destination / "a").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EINVAL])
def test_without_an_exclusive_rename_it_is_linked(folders: Folders, error: int) -> None:
    folders.put("a", b"new")
    how = stages.EXCLUSIVE
    assert copy_with_faults(folders, options=how, renameat2=error) == (0, (stages.DONE, 0))
    assert folders.present() == ["a"]
    assert copy_with_faults(folders, options=how, renameat2=error) == (0, (stages.RENAME, errno.EEXIST))
    assert folders.present() == ["a"]


def test_a_file_half_written_in_place_is_removed(folders: Folders) -> None:
    folders.put("a", LARGE)
    (folders.destination / "a").write_bytes(b"old")
    faults = {"copy_file_range": errno.EXDEV, "pwrite64": errno.ENOSPC}
    _, outcome = copy_with_faults(folders, options=stages.IN_PLACE, **faults)
    assert outcome == (stages.WRITE, errno.ENOSPC)
    assert folders.present() == []


def test_in_place_a_small_file_that_cannot_be_read_removes_nothing(folders: Folders) -> None:
    folders.put("a", b"new")
    (folders.destination / "a").write_bytes(b"old")
    _, outcome = copy_with_faults(folders, options=stages.IN_PLACE, read=errno.EIO)
    assert outcome == (stages.READ, errno.EIO)
    assert (folders.destination / "a").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("call", "size"),
    [
        ("read", 3),
        ("pwrite64", 3),
        ("copy_file_range", LARGE),
        ("utimensat", 3),
        ("utimensat", LARGE),
        ("close", 3),
        ("renameat", 3),
    ],
)
def test_killed_at_any_call_the_old_file_stays_and_what_is_left_over_is_unlocked(
    folders: Folders, call: str, size: int
) -> None:
    path = folders.put("a", size)
    (folders.destination / "a").write_bytes(b"old")
    status, outcome = copy_with_faults(folders, **{call: syscalls.KILL})
    assert status < 0
    assert outcome is None
    assert (folders.destination / "a").read_bytes() == b"old"
    assert set(folders.present()) <= {"a", "a.partial"}
    if folders.present() == ["a", "a.partial"]:
        assert folders.copy("a") == [(stages.CREATE, errno.EEXIST)]
        with (folders.destination / "a.partial").open("rb") as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folders.destination / "a.partial").unlink()
    assert folders.copy("a")[0][0] == stages.DONE
    assert folders.present() == ["a"]
    assert (folders.destination / "a").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("call", ["read", "pwrite64", "utimensat", "linkat"])
def test_of_a_file_without_a_name_nothing_is_left_over(folders: Folders, call: str) -> None:
    path = folders.put("a", b"new")
    status, outcome = copy_with_faults(folders, options=UNNAMED, **{call: syscalls.KILL})
    assert status < 0
    assert outcome is None
    assert folders.present() == []
    assert folders.copy("a", options=UNNAMED) == [(stages.DONE, 0)]
    assert (folders.destination / "a").read_bytes() == path.read_bytes()
