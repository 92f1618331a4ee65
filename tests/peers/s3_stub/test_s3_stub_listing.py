"""What an S3 store makes of listings, whatever the server sends."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import pytest

from plait.model.errors import (
    DirectoryNotFoundError,
    NotSupportedError,
    ObjectNotFoundError,
    StoreError,
)
from plait.model.items import Kind, Stat, order_bytes
from plait.stores.objects import open_s3
from plait.testing.generators import as_source
from plait.testing.s3_stub import QUICK, Seen, Stub, keys, listing, options, refusal, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.stores.objects.store import S3Store


# Listing


def test_lists_odd_keys_exactly(stub: Stub, store: S3Store) -> None:
    odd = [
        "%01",
        "..%2Fup",
        ".%2Fhere",
        "%2Fabsolute",
        "a",
        "a+b",
        "a%2B",
        "a/",
        "a//b",
        "a%0Anew%0D",
        "a%FFb",
        "%C3%A9",
    ]
    stub.answer = lambda _: reply(200, listing(*odd))
    exact = [unquote_to_bytes(key.replace("+", " ")) for key in odd]
    assert keys(store) == [key.decode("utf-8", "surrogateescape") for key in sorted(exact)]
    assert stub.seen[0].query["encoding-type"] == "url"


def test_a_listed_stat_has_what_the_server_says(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, listing("key"))
    [item] = [item for page in store.list() for item in page.items()]
    assert item.stat == Stat(Kind.FILE, 3, stored_at=1_704_164_645_678_000_000, etag="0" * 32, hashes={"md5": "0" * 32})


def pages_of(pages: dict[str, bytes]) -> Callable[[Seen], bytes]:
    return lambda seen: reply(200, pages[seen.query.get("continuation-token", "")])


def test_follows_pages(stub: Stub, store: S3Store) -> None:
    stub.answer = pages_of({"": listing("a", "b", following="x+/="), "x+/=": listing("c")})
    assert keys(store) == ["a", "b", "c"]


def test_follows_pages_of_the_first_version(stub: Stub) -> None:
    pages = {"": listing("a", "b+c", following="ignored"), "b c": listing("d")}
    stub.answer = lambda seen: reply(200, pages[seen.query.get("marker", "")])
    store = open_s3({**options(stub), "provider": "Ceph"}, "bucket", deadlines=QUICK)
    assert keys(store) == ["a", "b c", "d"]
    assert "list-type" not in stub.seen[0].query
    store.close()


def test_sorts_what_comes_in_another_order(stub: Stub, store: S3Store) -> None:
    stub.answer = pages_of({"": listing("a/x", "a.txt", "b", following="2"), "2": listing("b/x", "b-", "c")})
    assert keys(store) == ["a.txt", "a/x", "b", "b-", "b/x", "c"]
    assert keys(store, "", "a.txt") == ["a/x", "b", "b-", "b/x", "c"]


def test_sorts_when_the_disorder_shows_late(stub: Stub, store: S3Store) -> None:
    stub.answer = pages_of({"": listing("a", "b", following="2"), "2": listing("d", "c")})
    assert keys(store) == ["a", "b", "c", "d"]


def test_tells_when_the_disorder_shows_too_late(stub: Stub, store: S3Store) -> None:
    stub.answer = pages_of({"": listing("a/x", "a/y", following="2"), "2": listing("a.txt")})
    found: list[str] = []
    with pytest.raises(StoreError, match="out of order"):
        found.extend(item.key for page in store.list() for item in page.items())
    assert keys(store) == ["a.txt", "a/x", "a/y"]


def test_sorts_more_than_fits_into_memory(stub: Stub, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.stores.objects.ordering.RUN", 7)
    names = [f"{number % 10}/{number}.txt" for number in range(50)]
    stub.answer = pages_of({"": listing(*names[:30], following="2"), "2": listing(*names[30:])})
    assert keys(store) == sorted(names, key=order_bytes)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not xml",
        b"<ListBucketResult>",
        b"<Other/>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult>&a;</ListBucketResult>',
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>9999999999999999999</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>\x01</Key><Size>1</Size></Contents></ListBucketResult>",
    ],
)
def test_a_listing_that_is_none_is_an_error(stub: Stub, store: S3Store, document: bytes) -> None:
    stub.answer = lambda _: reply(200, document)
    with pytest.raises(StoreError):
        list(store.list())


def test_a_listing_that_goes_round_is_an_error(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, listing("a", following="same"))
    with pytest.raises(StoreError, match="again and again"):
        list(store.list())


def test_keys_that_were_not_asked_for_are_an_error(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, listing("elsewhere"))
    with pytest.raises(StoreError, match="not asked for"):
        list(store.list("here/"))


def test_a_missing_bucket_is_a_missing_directory(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: refusal(404, "NoSuchBucket")
    with pytest.raises(DirectoryNotFoundError):
        list(store.list())


# Odd keys in every verb


@pytest.mark.parametrize("key", ["a//b", "/x", "./x", "../x", "a/", "a\\b", "a\nb", "x/.", "nul\0"])
def test_an_odd_key_arrives_as_it_is(stub: Stub, store: S3Store, key: str) -> None:
    held: dict[bytes, bytes] = {}

    def answer(seen: Seen) -> bytes:
        name = unquote_to_bytes(seen.path.removeprefix("/bucket/"))
        if "list-type" in seen.query:
            from urllib.parse import quote

            prefix = seen.query["prefix"].encode()
            return reply(200, listing(*[quote(k) for k in sorted(held) if k.startswith(prefix)][:1]))
        if seen.method == "PUT":
            held[name] = seen.body
            return reply(200, etag=f'"{hashlib.md5(seen.body).hexdigest()}"')
        if seen.method == "DELETE":
            held.pop(name, None)
            return reply(204)
        return reply(200, held[name]) if name in held else refusal(404, "NoSuchKey")

    stub.answer = answer
    with pytest.raises(ObjectNotFoundError):
        store.read(key)
    store.write(key, as_source(b"odd"), 3)
    assert held == {key.encode(): b"odd"}
    with store.read(key) as reader:
        assert reader.read() == b"odd"
    assert [result.error for result in store.delete([key])] == [None]
    assert held == {}


def test_a_key_that_is_not_utf8_is_refused(stub: Stub, store: S3Store) -> None:
    with pytest.raises(NotSupportedError):
        store.write("not utf-8 \udcff", as_source(b"x"), 1)
    assert stub.seen == []
