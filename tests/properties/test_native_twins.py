"""The C extension and its Python twin give the same for any tree, any batch and any range."""

import os
import random
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from hypothesis import given
from hypothesis import strategies as st

from plait import native
from plait.native import Scan, pure, stages

IMPLEMENTATIONS: list[ModuleType] = [pure]
if native.IMPLEMENTATION == "c":
    from plait.native import _native

    IMPLEMENTATIONS.append(_native)

# Few characters make neighbours such as `a`, `a/`, `a.`; the others are at the ends of UTF-8, or outside it.
NAMES = st.one_of(
    st.text("a-./0é\ue000\U0001f40d".replace("/", ""), min_size=1, max_size=4).map(os.fsencode),
    st.binary(min_size=1, max_size=12),
).filter(lambda name: name not in {b".", b".."} and not set(name) & {0, ord("/")})
KINDS = st.sampled_from(["file", "file", "directory", "link", "pipe"])
TIMES = st.integers(-(2**33), 2**35).map(lambda seconds: seconds * 10**9 + 123_456_789)
SIZES = st.one_of(st.integers(0, 20), st.sampled_from([131_071, 131_072, 131_073, 300_000]))
PIECES = st.lists(st.tuples(st.booleans(), st.integers(1, 40_000)), max_size=8)


@contextmanager
def opened(*paths: Path) -> Iterator[list[int]]:
    descriptors = [os.open(path, os.O_RDONLY) for path in paths]
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def make(path: Path, kind: str, modified: int, content: bytes = b"12345") -> None:
    match kind:
        case "file":
            path.write_bytes(content)
        case "directory":
            path.mkdir()
        case "link":
            path.symlink_to("target")
        case _:
            os.mkfifo(path)
    os.utime(path, ns=(modified, modified), follow_symlinks=False)


@given(entries=st.dictionaries(NAMES, st.tuples(KINDS, TIMES), max_size=20))
def test_scan(entries: dict[bytes, tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, (kind, modified) in entries.items():
            make(root / os.fsdecode(name), kind, modified)
        with opened(root) as (descriptor,):
            results: list[Scan] = [implementation.scan(descriptor) for implementation in IMPLEMENTATIONS]
        with opened(root.parent) as (above,):
            for implementation in IMPLEMENTATIONS:
                [(inner, rows)] = implementation.scan_below(above, [os.fsencode(root.name)], 1 << 20)
                assert (inner >= 0) is (1 in rows[1])
                if inner >= 0:
                    os.close(inner)
                results.append(rows)
    names, kinds, *_ = results[0]
    keys = [os.fsencode(name) + b"/" * (kind == 1) for name, kind in zip(names, kinds, strict=True)]
    assert keys == sorted(name + b"/" * (entries[name][0] == "directory") for name in entries)
    assert all(result == results[0] for result in results)


def snapshot(root: Path) -> dict[str, tuple[int, int, bytes | None]]:
    found = {}
    for path in root.iterdir():
        status = path.lstat()
        regular = path.is_file() and not path.is_symlink()
        found[path.name] = (
            status.st_mode,
            status.st_mtime_ns if regular else 0,
            path.read_bytes() if regular else None,
        )
    return found


@given(
    files=st.dictionaries(NAMES, st.tuples(KINDS, TIMES, SIZES), max_size=6),
    present=st.dictionaries(NAMES, KINDS, max_size=4),
    also=st.data(),
    options=st.sampled_from([*range(8), 9, 13]),
    mode=st.sampled_from([-1, 0o600, 0o644, 0o755]),
)
def test_copy_files(
    files: dict[bytes, tuple[str, int, int]], present: dict[bytes, str], also: st.DataObject, options: int, mode: int
) -> None:
    names = sorted(files)
    over = also.draw(st.dictionaries(st.sampled_from(names), KINDS, max_size=4)) if names else {}
    wrong = also.draw(st.sets(st.integers(0, 5 * len(names) - 1), max_size=2)) if names else set()
    outcomes, trees = [], []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        source.mkdir()
        expected = array("q")
        for name in names:
            kind, modified, size = files[name]
            path = source / os.fsdecode(name)
            make(path, kind, modified, bytes(index * 7 % 251 for index in range(size)))
            status = path.lstat()
            modified = min(max(status.st_mtime_ns, -(2**63)), 2**63 - 1)
            expected.extend((status.st_size, modified, status.st_ctime_ns, status.st_ino, status.st_dev))
        for index in wrong:
            expected[index] -= 1
        for number, implementation in enumerate(IMPLEMENTATIONS):
            destination = Path(folder, str(number))
            destination.mkdir()
            for name, kind in (present | over).items():
                make(destination / os.fsdecode(name), kind, 0, b"old")
            unnamed = options & (stages.IN_PLACE | stages.UNNAMED)
            partials = [] if unnamed else [b"~%d" % index for index in range(len(names))]
            partials = [partial + b"~" * (partial in names or partial in present) * 20 for partial in partials]
            with opened(source, destination) as (reading, writing):
                result = implementation.copy_files(
                    reading, writing, names, partials, expected.tobytes(), options, mode, None
                )
            assert all(error == 0 for stage, error in result if stage == stages.DONE)
            outcomes.append(result)
            trees.append(snapshot(destination))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert all(tree == trees[0] for tree in trees)


@given(pieces=PIECES, offset=st.integers(0, 150_000), length=st.integers(0, 200_000), sparse=st.booleans())
def test_copy_range(pieces: list[tuple[bool, int]], offset: int, length: int, *, sparse: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        with source.open("wb") as file:
            for hole, size in pieces:
                if hole:
                    file.truncate(file.seek(size, os.SEEK_END))
                else:
                    file.write(bytes(1 + index % 250 for index in range(size)))
            file.flush()
        content = source.read_bytes()
        for number, implementation in enumerate(IMPLEMENTATIONS):
            target = Path(folder, str(number))
            with source.open("rb") as reading, target.open("w+b") as writing:
                writing.truncate(len(content))
                count = implementation.copy_range(reading.fileno(), writing.fileno(), offset, length, sparse)
            wanted = content[offset : offset + length]
            assert count == len(wanted)
            after = target.read_bytes()
            assert after[offset : offset + count] == wanted
            assert not any(after[:offset])
            assert not any(after[offset + count :])


@given(
    data=st.binary(max_size=3000) | st.integers(0, 2**32).map(lambda seed: random.Random(seed).randbytes(20_000)),
    gear=st.integers(0, 2**32).map(lambda seed: random.Random(seed).randbytes(2048)),
    sizes=st.tuples(st.integers(1, 200), st.integers(0, 400), st.integers(0, 2000)),
    masks=st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)),
    final=st.booleans(),
)
def test_cut_points(
    data: bytes, gear: bytes, sizes: tuple[int, int, int], masks: tuple[int, int], *, final: bool
) -> None:
    ordered = (sizes[0], sizes[0] + sizes[1], sum(sizes))
    sparse = (masks[0] & 0xFF0, masks[1] & 0xF00)
    for chosen in (masks, sparse):
        results = [implementation.cut_points(data, gear, ordered, chosen, final) for implementation in IMPLEMENTATIONS]
        assert all(result == results[0] for result in results)


@given(data=st.binary(max_size=3000) | st.lists(st.sampled_from([0, 1, 97, 255]), max_size=2000).map(bytes))
def test_entropy(data: bytes) -> None:
    results = [implementation.entropy(data) for implementation in IMPLEMENTATIONS]
    assert 0 <= results[0] <= 8
    assert all(result == results[0] for result in results)


@given(
    size=st.integers(0, 700) | st.sampled_from([4095, 16_384, 70_000]),
    record=st.integers(1, 300) | st.just(65_536),
    seed=st.integers(0, 2**32),
    flipped=st.none() | st.floats(0, 1, exclude_max=True),
    left_out=st.integers(0, 60),
)
def test_encrypted_streams(size: int, record: int, seed: int, flipped: float | None, left_out: int) -> None:
    random_bytes = random.Random(seed).randbytes
    plain, key, record = random_bytes(size), random_bytes(32), max(record, size // 50)
    secret = random_bytes(32 + 12 * -(-size // record))
    streams = [module.seal_stream(key, secret, plain, record) for module in (pure, native)]
    assert streams[0] == streams[1]
    altered = bytearray(streams[0][: -left_out or None])
    if flipped is not None and altered:
        altered[int(flipped * len(altered))] ^= 1 << seed % 8
    results = []
    for module in (pure, native):
        try:
            results.append(module.open_stream(key, altered, record))
        except ValueError as error:
            results.append(str(error))
    assert results[0] == results[1]
    assert altered != streams[0] or results[0] == plain


@given(
    data=st.binary(max_size=800).map(lambda data: data[: len(data) // 8 * 8]),
    big_endian=st.booleans(),
    seed=st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)),
)
def test_wal_checksum(data: bytes, *, big_endian: bool, seed: tuple[int, int]) -> None:
    results = [implementation.wal_checksum(data, big_endian, seed) for implementation in IMPLEMENTATIONS]
    assert all(result == results[0] for result in results)
