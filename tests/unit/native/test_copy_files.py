"""Copying batches of files, by both implementations: what is copied, what is refused, what is left after a failure."""

import errno
import fcntl
import os
import resource
import subprocess
import sys
import threading
from array import array
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from plait.native import Outcome, stages
from plait.testing import syscalls

LARGE = 300_000
SIZES = [0, 1, 4096, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1, LARGE, (9 << 20) + 1]


def expectation(directory: Path, names: Sequence[str]) -> bytes:
    rows = array("q")
    for name in names:
        st = (directory / name).lstat()
        rows.extend((st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_ino, st.st_dev))
    return rows.tobytes()


class Folders:
    """A source and a destination, and a copy between them."""

    def __init__(self, implementation: ModuleType, base: Path) -> None:
        self.implementation = implementation
        self.source = base / "source"
        self.destination = base / "destination"
        self.source.mkdir()
        self.destination.mkdir()

    def put(self, name: str, content: bytes | int, modified: int = 1_234_567_890_123_456_789) -> Path:
        path = self.source / name
        path.write_bytes(content if isinstance(content, bytes) else os.urandom(content))
        os.utime(path, ns=(modified, modified))
        return path

    def copy(
        self,
        *names: str,
        options: int = 0,
        mode: int = -1,
        expected: bytes | None = None,
        cancel: bytearray | None = None,
        user: int | None = None,
    ) -> list[Outcome]:
        source = os.open(self.source, os.O_RDONLY)
        destination = os.open(self.destination, os.O_RDONLY)
        plain = [os.fsencode(name) for name in names]
        partials = [] if options & (stages.IN_PLACE | stages.UNNAMED) else [name + b".partial" for name in plain]
        expected = expectation(self.source, names) if expected is None else expected
        try:
            if user is not None:
                os.seteuid(user)
            outcomes: list[Outcome] = self.implementation.copy_files(
                source,
                destination,
                plain,
                partials,
                expected,
                options,
                mode,
                cancel,
            )
        finally:
            if user is not None:
                os.seteuid(os.getuid())
            os.close(source)
            os.close(destination)
        return outcomes

    def present(self) -> list[str]:
        return sorted(path.name for path in self.destination.iterdir())


@pytest.fixture
def folders(implementation: ModuleType, tmp_path: Path) -> Folders:
    return Folders(implementation, tmp_path)


UNNAMED = stages.UNNAMED | stages.EXCLUSIVE


@pytest.mark.parametrize("options", [*range(8), UNNAMED, UNNAMED | stages.DURABLE])
def test_contents_and_times_arrive(folders: Folders, options: int) -> None:
    names = [f"é {size}" for size in SIZES]
    for name, size in zip(names, SIZES, strict=True):
        folders.put(name, size, modified=-1_500_000_001 - size)
    outcomes = folders.copy(*names, options=options)
    assert folders.present() == sorted(names)
    for name, outcome in zip(names, outcomes, strict=True):
        path = folders.destination / name
        st = path.stat()
        assert outcome == (stages.DONE, 0)
        assert st.st_mtime_ns == (folders.source / name).stat().st_mtime_ns
        assert path.read_bytes() == (folders.source / name).read_bytes()


def test_access_time_is_the_modification_time(folders: Folders) -> None:
    folders.put("a", 5, modified=10**18)
    folders.copy("a")
    assert (folders.destination / "a").stat().st_atime_ns == 10**18


def test_an_empty_batch(folders: Folders) -> None:
    assert folders.copy() == []


@pytest.mark.parametrize("options", [0, stages.DURABLE, stages.IN_PLACE])
def test_what_stood_there_is_replaced(folders: Folders, options: int) -> None:
    folders.put("small", b"new")
    folders.put("large", LARGE)
    for name in ("small", "large"):
        (folders.destination / name).write_bytes(b"o" * 2 * LARGE)
    assert [outcome[0] for outcome in folders.copy("small", "large", options=options)] == [0, 0]
    for name in ("small", "large"):
        assert (folders.destination / name).read_bytes() == (folders.source / name).read_bytes()


def test_modes(folders: Folders) -> None:
    folders.put("a", 10).chmod(0o751)
    umask = os.umask(0o027)
    try:
        folders.copy("a")
        assert (folders.destination / "a").stat().st_mode & 0o7777 == 0o640
        folders.copy("a", mode=0o604)
        assert (folders.destination / "a").stat().st_mode & 0o7777 == 0o604
        for mode, wanted in ((-1, 0o640), (0o604, 0o604)):
            (folders.destination / "a").unlink()
            folders.copy("a", options=UNNAMED, mode=mode)
            assert (folders.destination / "a").stat().st_mode & 0o7777 == wanted
        folders.copy("a", options=stages.IN_PLACE)
        assert (folders.destination / "a").stat().st_mode & 0o7777 == 0o604
        folders.copy("a", options=stages.IN_PLACE, mode=0o600)
        assert (folders.destination / "a").stat().st_mode & 0o7777 == 0o600
    finally:
        os.umask(umask)


@pytest.mark.parametrize("holes", [(), (0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
def test_holes_stay_holes(folders: Folders, holes: tuple[int, ...]) -> None:
    part = 1 << 20
    path = folders.source / "sparse"
    with path.open("wb") as file:
        for index in range(3):
            if index not in holes:
                file.seek(index * part)
                file.write(os.urandom(part))
        file.truncate(3 * part)
    assert folders.copy("sparse")[0][0] == stages.DONE
    copy = folders.destination / "sparse"
    assert copy.read_bytes() == path.read_bytes()
    assert copy.stat().st_blocks <= path.stat().st_blocks + 16


def test_a_partial_that_exists_is_left_to_the_caller(folders: Folders, tmp_path: Path) -> None:
    folders.put("a", b"new")
    folders.put("b", b"new")
    (folders.destination / "a.partial").write_bytes(b"half of what another writer writes")
    (tmp_path / "victim").write_bytes(b"precious")
    (folders.destination / "b.partial").symlink_to(tmp_path / "victim")
    assert folders.copy("a", "b") == [(stages.CREATE, errno.EEXIST)] * 2
    assert (folders.destination / "a.partial").read_bytes() == b"half of what another writer writes"
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert folders.present() == ["a.partial", "b.partial"]


@pytest.mark.parametrize("size", [3, LARGE])
@pytest.mark.parametrize("row", range(5))
def test_a_source_other_than_expected_is_left_alone(folders: Folders, size: int, row: int) -> None:
    folders.put("a", size)
    (folders.destination / "a").write_bytes(b"old")
    values = array("q", expectation(folders.source, ["a"]))
    values[row] += 1
    assert folders.copy("a", expected=values.tobytes()) == [(stages.SOURCE_CHANGED, 0)]
    assert (folders.destination / "a").read_bytes() == b"old"
    assert folders.present() == ["a"]


def test_one_failure_stops_no_other(folders: Folders) -> None:
    for name in ("a", "gone", "c"):
        folders.put(name, 10)
    expected = expectation(folders.source, ["a", "gone", "c"])
    (folders.source / "gone").unlink()
    outcomes = folders.copy("a", "gone", "c", expected=expected)
    assert outcomes == [(0, 0), (stages.OPEN_SOURCE, errno.ENOENT), (0, 0)]
    assert outcomes[1] == (stages.OPEN_SOURCE, errno.ENOENT)
    assert folders.present() == ["a", "c"]


def test_sources_that_are_no_files(folders: Folders) -> None:
    (folders.source / "link").symlink_to("/etc/passwd")
    os.mkfifo(folders.source / "pipe")
    (folders.source / "dir").mkdir()
    assert folders.copy("link", "pipe", "dir") == [
        (stages.OPEN_SOURCE, errno.ELOOP),
        (stages.SOURCE_CHANGED, 0),
        (stages.SOURCE_CHANGED, 0),
    ]
    assert folders.present() == []


def test_an_unreadable_source(folders: Folders) -> None:
    folders.put("a", 10).chmod(0)
    folders.put("b", 10).chmod(0o644)
    folders.destination.chmod(0o777)
    (folders.destination / "a").write_bytes(b"old")
    # Root reads everything.
    outcomes = folders.copy("a", "b", user=65534 if os.getuid() == 0 else None)
    assert outcomes == [(stages.OPEN_SOURCE, errno.EACCES), (0, 0)]
    assert (folders.destination / "a").read_bytes() == b"old"
    assert folders.present() == ["a", "b"]


def test_content_of_another_length_than_the_size(implementation: ModuleType, tmp_path: Path) -> None:
    # The kernel's own files say a size that is not their length.
    destination = os.open(tmp_path, os.O_RDONLY)
    for directory, name in (("/proc/sys/kernel", "ostype"), ("/sys/kernel/mm/transparent_hugepage", "enabled")):
        source = os.open(directory, os.O_RDONLY)
        outcomes = implementation.copy_files(
            source, destination, [name.encode()], [b"partial"], expectation(Path(directory), [name]), 0, -1, None
        )
        os.close(source)
        assert outcomes == [(stages.LENGTH, 0)]
    os.close(destination)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [3, LARGE])
def test_destinations_that_cannot_be_replaced(folders: Folders, size: int) -> None:
    for name in ("a", "b"):
        folders.put(name, size)
    (folders.destination / "a").mkdir()
    (folders.destination / "b.partial").mkdir()
    assert folders.copy("a", "b") == [
        (stages.RENAME, errno.EISDIR),
        (stages.CREATE, errno.EEXIST),
    ]
    assert folders.present() == ["a", "b.partial"]


@pytest.mark.parametrize("size", [3, LARGE])
@pytest.mark.parametrize("options", [stages.EXCLUSIVE, UNNAMED])
def test_exclusively_nothing_is_replaced(folders: Folders, size: int, options: int) -> None:
    folders.put("a", size)
    folders.put("b", size)
    (folders.destination / "a").write_bytes(b"old")
    outcomes = folders.copy("a", "b", options=options)
    assert outcomes == [(stages.RENAME, errno.EEXIST), (0, 0)]
    (folders.destination / "b").write_bytes(b"old")
    outcomes = folders.copy("b", options=stages.EXCLUSIVE | stages.IN_PLACE)
    assert outcomes == [(stages.CREATE, errno.EEXIST)]
    assert folders.present() == ["a", "b"]
    assert (folders.destination / "a").read_bytes() == (folders.destination / "b").read_bytes() == b"old"


def test_in_place_nothing_else_is_emptied(folders: Folders, tmp_path: Path) -> None:
    for name in ("same", "link", "pipe", "dir"):
        folders.put(name, b"precious")
    os.link(folders.source / "same", folders.destination / "same")
    (tmp_path / "victim").write_bytes(b"precious")
    (folders.destination / "link").symlink_to(tmp_path / "victim")
    os.mkfifo(folders.destination / "pipe")
    (folders.destination / "dir").mkdir()
    outcomes = folders.copy("same", "link", "pipe", "dir", options=stages.IN_PLACE)
    assert outcomes == [
        (stages.CREATE, errno.EEXIST),
        (stages.CREATE, errno.ELOOP),
        (stages.CREATE, errno.ENXIO),
        (stages.CREATE, errno.EISDIR),
    ]
    assert (folders.source / "same").read_bytes() == (tmp_path / "victim").read_bytes() == b"precious"
    assert folders.present() == ["dir", "link", "pipe", "same"]


@pytest.mark.parametrize("size", [100_000, LARGE])
def test_a_full_destination_keeps_the_old_file(folders: Folders, size: int) -> None:
    folders.put("a", size)
    folders.put("b", 10)
    (folders.destination / "a").write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        outcomes = folders.copy("a", "b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert outcomes == [(stages.WRITE, errno.EFBIG), (0, 0)]
    assert folders.present() == ["a", "b"]
    assert (folders.destination / "a").read_bytes() == b"old"


def test_cancelled_before(folders: Folders) -> None:
    folders.put("a", 10)
    assert folders.copy("a", cancel=bytearray(b"\1")) == [(stages.CANCELLED, 0)]
    assert folders.present() == []
    assert folders.copy("a", cancel=bytearray(1))[0][0] == stages.DONE


def test_cancelled_amidst_a_large_file(folders: Folders) -> None:
    folders.put("a", 64 << 20)
    folders.put("b", 10)
    cancel = bytearray(1)

    def watch() -> None:
        while not (folders.destination / "a.partial").exists():
            pass
        cancel[0] = 1

    thread = threading.Thread(target=watch)
    thread.start()
    outcomes = folders.copy("a", "b", cancel=cancel)
    thread.join()
    assert outcomes == [(stages.CANCELLED, 0)] * 2
    assert folders.present() == []


def test_a_source_that_changes_under_way(folders: Folders) -> None:
    path = folders.put("a", 64 << 20)
    (folders.destination / "a").write_bytes(b"old")

    def watch() -> None:
        while not (folders.destination / "a.partial").exists():
            pass
        os.utime(path)

    thread = threading.Thread(target=watch)
    thread.start()
    outcomes = folders.copy("a")
    thread.join()
    assert outcomes == [(stages.SOURCE_CHANGED, 0)]
    assert folders.present() == ["a"]
    assert (folders.destination / "a").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("names", "partials", "expected", "options", "cancel"),
    [
        ([b""], [b"p"], bytes(32), 0, None),
        ([b"."], [b"p"], bytes(32), 0, None),
        ([b".."], [b"p"], bytes(32), 0, None),
        ([b"a/b"], [b"p"], bytes(32), 0, None),
        ([b"a\0b"], [b"p"], bytes(32), 0, None),
        ([b"a"], [b"../p"], bytes(32), 0, None),
        ([b"a"], [b"a"], bytes(32), 0, None),
        ([b"a"], [], bytes(32), 0, None),
        ([b"a"], [b"p", b"q"], bytes(32), 0, None),
        ([b"a"], [b"p"], bytes(32), stages.IN_PLACE, None),
        ([b"a"], [b"p"], bytes(31), 0, None),
        ([b"a"], [b"p"], bytes(64), 0, None),
        ([b"a"], [b"p"], bytes(40), 16, None),
        ([b"a"], [b"p"], bytes(40), UNNAMED, None),
        ([b"a"], [], bytes(40), stages.UNNAMED, None),
        ([b"a"], [], bytes(40), UNNAMED | stages.IN_PLACE, None),
        ([b"a"], [b"p"], bytes(32), 0, b""),
        ([b"good", b"a/b"], [b"p", b"q"], bytes(64), 0, None),
    ],
)
def test_what_does_not_fit_is_refused(
    folders: Folders, names: list[bytes], partials: list[bytes], expected: bytes, options: int, cancel: bytes | None
) -> None:
    source = os.open(folders.source, os.O_RDONLY)
    try:
        with pytest.raises(ValueError):
            folders.implementation.copy_files(source, source, names, partials, expected, options, -1, cancel)
        with pytest.raises(ValueError):
            folders.implementation.copy_files(source, -100, [], [], b"", 0, -1, None)
        with pytest.raises(TypeError):
            folders.implementation.copy_files(source, source, ["a"], [b"p"], bytes(32), 0, -1, None)
    finally:
        os.close(source)
    assert list(folders.source.iterdir()) == []


def test_threads_copy_at_once(folders: Folders) -> None:
    batches = [[f"{batch}-{number}" for number in range(50)] for batch in range(4)]
    for names in batches:
        for name in names:
            folders.put(name, 1 + hash(name) % 5000)
    seen: list[Outcome] = []
    threads = [threading.Thread(target=lambda names=names: seen.extend(folders.copy(*names))) for names in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome[0] for outcome in seen] == [0] * 200
    for path in folders.source.iterdir():
        assert (folders.destination / path.name).read_bytes() == path.read_bytes()


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
            *(expectation(folders.source, ["a"]).hex(), str(options), str(mode)),
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


def test_a_file_system_without_unnamed_files_says_so(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"new")
    source, destination = os.open(tmp_path, os.O_RDONLY), os.open("/proc", os.O_RDONLY)
    try:
        outcomes = implementation.copy_files(
            source, destination, [b"a"], [], expectation(tmp_path, ["a"]), UNNAMED, -1, None
        )
    finally:
        os.close(source)
        os.close(destination)
    assert outcomes == [(stages.CREATE, errno.EOPNOTSUPP)]
