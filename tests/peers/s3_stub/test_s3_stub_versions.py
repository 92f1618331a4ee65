"""Old versions as a server tells of them, page by page: which are shown, under which names, and what is asked for."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import ObjectNotFoundError, StoreError
from plait.stores.objects import open_s3
from plait.stores.objects.versions import with_version, without_version
from plait.testing.generators import as_source
from plait.testing.s3_stub import QUICK, Stub, keys, options, refusal, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.stores.objects.store import S3Store
    from plait.testing.s3_stub import Seen

SECOND = 10**9
MOMENT = 1704164645 * SECOND
"""2024-01-02 03:04:05 UTC."""


def version(key: str, identifier: str, second: int, *, newest: bool = False, mark: bool = False) -> str:
    tag = "DeleteMarker" if mark else "Version"
    size = "" if mark else f"<ETag>&quot;{'0' * 32}&quot;</ETag><Size>3</Size>"
    return (
        f"<{tag}><Key>{key}</Key><VersionId>{identifier}</VersionId><IsLatest>{str(newest).lower()}</IsLatest>"
        f"<LastModified>2024-01-02T03:04:{second:02d}.678Z</LastModified>{size}"
        f"</{tag}>"
    )


PAGES = {
    "": (
        version("a.txt", "a3", 30, newest=True) + version("a.txt", "a2", 20),
        "<NextKeyMarker>a.txt</NextKeyMarker><NextVersionIdMarker>a2</NextVersionIdMarker>",
    ),
    "a2": (
        # A server may tell of what marks deletions after all versions.
        version("a.txt", "a1", 10)
        + version("d/gone", "g1", 10)
        + version("d/top.tar.gz", "t2", 25, newest=True)
        + version("d/top.tar.gz", "t1", 15)
        + version("d/gone", "g2", 20, newest=True, mark=True),
        "",
    ),
}


def answer(seen: Seen) -> bytes:
    if "versions" not in seen.query:
        return reply(200, b"abc", etag='"x"') if seen.query.get("versionId") else refusal(404, "NoSuchKey")
    found, more = PAGES[seen.query.get("version-id-marker", "")]
    listed = f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{found}"
    return reply(200, f"<ListVersionsResult>{listed}</ListVersionsResult>".encode())


@pytest.fixture
def opened(stub: Stub) -> Iterator[Callable[..., S3Store]]:
    stub.answer = answer
    with ExitStack() as stack:

        def open_with(**more: str) -> S3Store:
            return stack.enter_context(closing(open_s3(options(stub, **more), "bucket", deadlines=QUICK)))

        yield open_with


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("notes.txt", "notes-v2024-01-02-030405-678.txt"),
        ("dir.d/notes", "dir.d/notes-v2024-01-02-030405-678"),
        ("a.tar.gz", "a.tar-v2024-01-02-030405-678.gz"),
        (".hidden", ".hidden-v2024-01-02-030405-678"),
        ("dir/.hidden", "dir/-v2024-01-02-030405-678.hidden"),
    ],
)
def test_a_version_is_named_as_the_original_names_it(key: str, name: str) -> None:
    assert with_version(key, MOMENT + 678_999_999) == name
    assert without_version(name) == key


@pytest.mark.parametrize("name", ["", "a", "a-v2024-01-02-030405.txt", "a-v2024-13-02-030405-678.txt"])
def test_other_names_are_no_versions(name: str) -> None:
    assert without_version(name) is None


def test_all_versions_are_listed_in_the_order_of_their_names(opened: Callable[..., S3Store]) -> None:
    store = opened(versions="true")
    assert keys(store) == [
        "a-v2024-01-02-030410-678.txt",
        "a-v2024-01-02-030420-678.txt",
        "a.txt",
        "d/gone-v2024-01-02-030410-678",
        "d/top.tar-v2024-01-02-030415-678.gz",
        "d/top.tar.gz",
    ]
    assert [item.key for page in store.list_level() for item in page.items()][:1] == ["a-v2024-01-02-030410-678.txt"]


def test_what_marks_a_deletion_is_an_empty_file(opened: Callable[..., S3Store]) -> None:
    store = opened(versions="true", version_deleted="true")
    name = "d/gone-v2024-01-02-030420-678"
    assert name in keys(store)
    stat = store.stat(name)
    assert (stat.size, stat.modified, stat.hashes) == (0, MOMENT + 15 * SECOND + 678_000_000, {})


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2024-01-02T03:04:12Z", ["a.txt", "d/gone"]),
        ("2024-01-02T03:04:22Z", ["a.txt", "d/top.tar.gz"]),
        ("2023-01-01", []),
    ],
)
def test_the_past_is_shown_as_it_was(opened: Callable[..., S3Store], moment: str, shown: list[str]) -> None:
    assert keys(opened(version_at=moment)) == shown


def test_a_version_is_read_deleted_and_looked_for_by_its_identifier(stub: Stub, opened: Callable[..., S3Store]) -> None:
    store = opened(versions="true")
    with store.read("a-v2024-01-02-030410-678.txt") as reader:
        assert reader.read() == b"abc"
    [deleted] = store.delete(["d/top.tar-v2024-01-02-030415-678.gz"])
    assert deleted.error is None
    asked = [seen.query["versionId"] for seen in stub.seen if "versionId" in seen.query]
    assert asked == ["a1", "t1"]
    with pytest.raises(ObjectNotFoundError):
        store.stat("a-v2024-01-02-030411-678.txt")


def test_the_past_is_not_changed(stub: Stub, opened: Callable[..., S3Store]) -> None:
    store = opened(version_at="2024-01-02T03:04:12Z")
    with pytest.raises(StoreError, match="can't modify or delete"):
        store.write("b", as_source(b"x"), 1)
    with pytest.raises(StoreError, match="can't modify or delete"):
        store.set_attributes("a.txt", modified=0)
    [deleted] = store.delete(["a.txt"])
    assert "can't modify or delete" in str(deleted.error)
    assert {seen.method for seen in stub.seen} <= {"GET", "HEAD"}
