"""Looking into the golden repositories: digests, names and differences, as the original printed them or should have."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.cli.main import main
from plait.model.errors import NotSupportedError, ObjectNotFoundError, StoreError, UsageError
from plait.repository.comparing import (
    CommonDirectories,
    ContentsDiffer,
    Kind,
    LocalSide,
    OnlyIn,
    SnapshotSide,
    WithoutContents,
    compare,
    unified,
)
from plait.repository.digests import Digest, digests
from plait.repository.format import entries
from plait.repository.locating import locate, matcher
from plait.repository.repository import Repository
from plait.repository.restoring.local import LocalTarget
from plait.repository.restoring.restoring import restore
from plait.repository.restoring.settings import Failure, RestoreSettings
from plait.stores.local.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.golden.conftest import Golden

FOLDER = Path(__file__).parent / "kloset"


def is_shown_as_it_is(path: str) -> bool:
    """Whether the original prints a path so; it puts a question mark where a character is no text."""
    return re.fullmatch(r"[!-~]*", path) is not None and "?" not in path


def test_digests_are_those_that_the_original_printed(golden: Golden, repository: Repository) -> None:
    for story in golden.story["snapshots"]:
        if not story.get("digest"):
            continue
        snapshot = repository.snapshot(bytes.fromhex(story["id"]))
        printed = re.findall(r"^SHA256 \((.*)\) = ([0-9a-f]{64})$", story["digest"], re.MULTILINE)
        found = {}
        for item in story["source_tree"]:
            if item["type"] != "file":
                continue
            path = bytes.fromhex(item["path_hex"]).decode("utf-8", "surrogateescape")
            try:
                (digest,) = digests(snapshot, path)
            except ObjectNotFoundError:
                continue
            assert isinstance(digest, Digest)
            assert digest.hexadecimal == item["sha256"]
            found[digest.path] = digest.hexadecimal
        plain = {path: value for path, value in printed if is_shown_as_it_is(path)}
        assert plain.items() <= found.items()
        assert sorted(value for _, value in printed) == sorted(found.values()) or golden.name == "xattr-change"


def test_a_digest_of_everything_goes_on_behind_a_link_that_leads_nowhere(
    golden: Golden, repository: Repository
) -> None:
    for snapshot in repository.snapshots():
        found = list(digests(snapshot, "/"))
        assert not [digest for digest in found if isinstance(digest, Failure)]
        paths = {digest.path for digest in found if isinstance(digest, Digest)}
        assert paths >= {entry.path for entry in snapshot.walk() if entry.file_info.is_regular}
    del golden


def test_unknown_algorithms() -> None:
    with pytest.raises(NotSupportedError, match="unknown hashing algorithm: MD5"):
        list(digests(None, "/", "MD5"))  # type: ignore[arg-type]  # what it is not meant to get


def test_links_are_followed_inside_of_the_snapshot(unpacked: Callable[[str], Path]) -> None:
    with Repository.open(LocalStore(unpacked("plain"))) as repository:
        snapshot = repository.snapshots()[-1]
        followed = 0
        for entry in snapshot.walk():
            if not entry.file_info.mode & entries.MODE_SYMLINK:
                assert snapshot.follow(entry.path) == entry
                continue
            try:
                target = snapshot.follow(entry.path)
            except ObjectNotFoundError:
                continue
            followed += 1
            assert not target.file_info.mode & entries.MODE_SYMLINK
            if target.file_info.is_directory:
                for child in snapshot.children(target.path):
                    if child.file_info.is_regular:
                        assert snapshot.follow(f"{entry.path}/{child.file_info.name}") == child
        assert followed >= 2


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a.txt", ["a.txt"], ["a.txt2", "xa.txt"]),
        ("*.t?t", ["b.txt", ".tat", "a.b.tct"], ["txt", "a.tt"]),
        ("[a-c]*", ["a", "bcd"], ["d", ""]),
        ("[^a-c]x", ["dx", "\nx"], ["ax", "x"]),
        (r"\*", ["*"], ["a", "\\*x"]),
        (r"[\]]", ["]"], ["\\"]),
        ("[c-a]", ["[c-a]"], ["b"]),
        ("*", ["", "a b\n"], []),
        ("[x", ["[x"], []),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    if pattern == "[x":
        with pytest.raises(UsageError, match="could not match pattern: syntax error in pattern"):
            matcher(pattern)
        return
    matches = matcher(pattern)
    assert [name for name in yes if not matches(name)] == []
    assert [name for name in no if matches(name)] == []


@pytest.mark.parametrize("pattern", ["[", "[]", "[a", "[a-", "a\\", "[a-]", "[^]"])
def test_malformed_patterns(pattern: str) -> None:
    with pytest.raises(UsageError):
        matcher(pattern)


def test_locating(unpacked: Callable[[str], Path]) -> None:
    with Repository.open(LocalStore(unpacked("plain"))) as repository:
        snapshot = repository.snapshots()[-1]
        assert set(locate(snapshot, [matcher("*")])) == {entry.path for entry in snapshot.walk()}
        assert list(locate(snapshot, [matcher("/")])) == ["/"]
        assert list(locate(snapshot, [matcher("docs"), matcher("src")])) == ["/data/src", "/data/src/docs"]
        assert list(locate(snapshot, [])) == []


def test_differences_of_two_snapshots(unpacked: Callable[[str], Path]) -> None:
    with Repository.open(LocalStore(unpacked("plain"))) as repository:
        second, first = repository.snapshots()[1:]
        found = list(compare(SnapshotSide(first), "/data/src", SnapshotSide(second), "/data/src", recursive=True))
        ours = {entry.path: entry for entry in first.walk("/data/src")}
        theirs = {entry.path: entry for entry in second.walk("/data/src")}
        only = {f"{item.directory}/{item.name}" for item in found if isinstance(item, OnlyIn)}
        assert only <= ours.keys() ^ theirs.keys()
        for path in ours.keys() ^ theirs.keys():
            assert any((path + "/").startswith(other + "/") for other in only)
        changed = {item.first for item in found if isinstance(item, ContentsDiffer)}
        assert changed
        for path in ours.keys() & theirs.keys():
            if ours[path].has_content and theirs[path].has_content:
                same = b"".join(first.content(ours[path])) == b"".join(second.content(theirs[path]))
                assert same == (path not in changed)
        side = SnapshotSide(first)
        with_itself = list(compare(side, "/data/src", side, "/data/src", recursive=True))
        assert {type(item) for item in with_itself} == {CommonDirectories, WithoutContents}
        flat = list(compare(SnapshotSide(first), "/data", SnapshotSide(second), "/data", recursive=False))
        assert flat == [CommonDirectories("/data/src", "/data/src")]
        file = next(path for path, entry in ours.items() if entry.has_content)
        with pytest.raises(StoreError, match="can't diff different file types"):
            list(compare(SnapshotSide(first), file, SnapshotSide(first), "/data", recursive=True))
        with pytest.raises(ObjectNotFoundError):
            list(compare(SnapshotSide(first), "/nothing", SnapshotSide(first), "/data", recursive=True))


def test_differences_from_the_files_of_this_machine(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    with Repository.open(LocalStore(unpacked("sha256-nocompress"))) as repository:
        (snapshot,) = repository.snapshots()
        root = snapshot.source.importer.directory
        restore(snapshot, LocalTarget(str(tmp_path / "out"), RestoreSettings()))
        side, local = SnapshotSide(snapshot), LocalSide()
        assert not [
            item
            for item in compare(side, root, local, str(tmp_path / "out"), recursive=True)
            if isinstance(item, OnlyIn | ContentsDiffer)
        ]
        text = next(
            entry
            for entry in snapshot.walk(root)
            if entry.content_type.startswith("text/plain") and entry.file_info.size > 3
        )
        changed = tmp_path / "out" / text.path.removeprefix(root).lstrip("/")
        changed.write_bytes(changed.read_bytes() + b"more\n")
        (difference,) = compare(side, text.path, local, str(changed), recursive=False)
        assert isinstance(difference, ContentsDiffer)
        assert difference.lines is not None
        assert difference.lines[0] == f"--- {snapshot.identifier.hex()[:8]}:{text.path}"
        assert difference.lines[1] == f"+++ {changed}"
        assert "+more" in difference.lines


def test_a_snapshot_and_a_directory(
    unpacked: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = unpacked("sha256-nocompress")
    with Repository.open(LocalStore(place)) as repository:
        (snapshot,) = repository.snapshots()
        restore(snapshot, LocalTarget(str(tmp_path / "out"), RestoreSettings()))
        names = [entry.file_info.name for entry in snapshot.children(snapshot.source.importer.directory)]
    (tmp_path / "out" / names[0]).rename(tmp_path / "out/new")
    words = ["at", str(place), "diff", "--cachedir", str(tmp_path / "cache"), "d452", str(tmp_path / "out")]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"Only in {tmp_path}/out: new" in lines
    assert [line for line in lines if line.startswith("Only in") and line.endswith(f": {names[0]}")]


def test_the_unified_form_is_the_original_s() -> None:
    lines = list(unified(b"one\ntwo\nthree\n", b"one\nTWO\nthree\n", "cfaf6dcc:/data/df/x", "5c52a4f9:/data/df/x"))
    assert lines == [
        "--- cfaf6dcc:/data/df/x",
        "+++ 5c52a4f9:/data/df/x",
        "@@ -1,4 +1,4 @@",
        " one",
        "-two",
        "+TWO",
        " three",
        " ",
    ]


def test_binary_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\0" * 3_000_000)
    (tmp_path / "b").write_bytes(b"\0" * 3_000_000)
    assert list(compare(LocalSide(), f"{tmp_path}/a", LocalSide(), f"{tmp_path}/b", recursive=False)) == []
    (tmp_path / "b").write_bytes(b"\0" * 2_999_999 + b"\1")
    (found,) = compare(LocalSide(), f"{tmp_path}/a", LocalSide(), f"{tmp_path}/b", recursive=False)
    assert isinstance(found, ContentsDiffer)
    assert found.lines is None
    assert LocalSide().kind(str(tmp_path)) is Kind.DIRECTORY
    with closing(LocalStore(tmp_path)), pytest.raises(ObjectNotFoundError):
        LocalSide().kind(f"{tmp_path}/c")
