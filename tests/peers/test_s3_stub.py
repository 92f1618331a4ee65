"""An S3 store and a server that misbehaves: whatever it sends, nothing is lost, nothing hangs and nobody is misled.

The server here is a real one, on a socket, that answers each request with the bytes a test gives it.
"""

from __future__ import annotations

import hashlib
import io
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_to_bytes

import pytest

from plait.model.errors import (
    AlreadyExistsError,
    DirectoryNotFoundError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PlaitError,
    SecretError,
    SourceChangedError,
    StoreError,
    TemporaryError,
    UnknownOutcomeError,
)
from plait.model.items import Kind, Stat, order_bytes
from plait.stores.base import Deadlines, Outgoing
from plait.stores.objects import open_s3
from plait.testing.generators import as_source, content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plait.stores.objects.store import S3Store

SECRET = "a-secret-that-must-not-show"
QUICK = Deadlines(connect=5.0, idle=0.4)


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass
class Stub:
    """Answers with what `answer` returns; None closes the connection, an empty answer says nothing at all."""

    answer: Callable[[Seen], bytes | None] = lambda _: reply(200)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    reads_bodies: bool = True
    closes_after: int | None = None
    """How many requests a connection lives for; it is closed without a word."""
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        # A thread waits in accept, which keeps a listener alive that is closed only.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        served = 0
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection, connection.makefile("rb") as file:
                while (seen := self._read(file)) is not None:
                    self.seen.append(seen)
                    data = self.answer(seen)
                    if data is None:
                        return
                    connection.sendall(data)
                    served += 1
                    if data.startswith(CLOSING) or served == self.closes_after:
                        return
        except OSError:
            return

    def _read(self, file: io.BufferedReader) -> Seen | None:
        words = file.readline().decode("latin-1").split()
        # What follows may be a body that was left unread: no request line, whatever its words.
        if len(words) != 3 or words[2] != "HTTP/1.1":
            return None
        headers = {}
        while line := file.readline().strip():
            name, _, value = line.decode("utf-8").partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        return Seen(words[0], words[1], headers, file.read(length) if self.reads_bodies else b"")


CLOSING = b"HTTP/1.1 299"


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("content-length", str(len(body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + body


def refusal(status: int, code: str, message: str = "No.", **headers: str) -> bytes:
    return reply(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode(), **headers)


def listing(*keys: str, following: str = "", extra: str = "") -> bytes:
    entries = "".join(
        f"<Contents><Key>{key}</Key><Size>3</Size><ETag>&quot;{'0' * 32}&quot;</ETag>"
        "<LastModified>2024-01-02T03:04:05.678Z</LastModified></Contents>"
        for key in keys
    )
    token = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<EncodingType>url</EncodingType><IsTruncated>{str(bool(following)).lower()}</IsTruncated>{token}"
        f"{entries}{extra}</ListBucketResult>"
    ).encode()


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.close()


@pytest.fixture
def store(stub: Stub) -> Iterator[S3Store]:
    store = open_s3(options(stub), "bucket", deadlines=QUICK)
    yield store
    store.close()


def options(stub: Stub, **more: str) -> dict[str, str]:
    return {
        "provider": "Minio",
        "endpoint": stub.url,
        "access_key_id": "access",
        "secret_access_key": SECRET,
        "no_check_bucket": "true",
        **more,
    }


def keys(store: S3Store, prefix: str = "", start_after: str = "") -> list[str]:
    return [item.key for page in store.list(prefix, start_after) for item in page.items()]


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


# Reading


def ranged(body: bytes, first: int, last: int, total: int, status: int = 206) -> bytes:
    return reply(status, body, content_range=f"bytes {first}-{last}/{total}", etag='"e"')


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, b"0123456789"),
        reply(206, b"234"),
        ranged(b"012", 0, 2, 10),
        ranged(b"2345", 2, 5, 10),
        ranged(b"23", 2, 3, 10),
        ranged(b"23", 2, 4, 10),
        ranged(b"345", 3, 5, 10, 200),
        reply(206, b"234", content_range="nonsense"),
    ],
)
def test_a_range_that_was_not_asked_for_is_refused(stub: Stub, store: S3Store, answer: bytes) -> None:
    stub.answer = lambda _: answer
    with pytest.raises(TemporaryError, match="another range"):
        store.read("key", 2, 3).read()
    assert stub.seen[0].headers["range"] == "bytes=2-4"


def test_a_range_with_status_200_is_taken_by_what_it_is(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: ranged(b"234", 2, 4, 10, 200)
    with store.read("key", 2, 3) as reader:
        assert reader.read() == b"234"
        assert reader.stat.size == 10


@pytest.mark.parametrize("sent", [b"", b"01234"])
def test_a_body_that_ends_early_is_a_passing_fault(stub: Stub, store: S3Store, sent: bytes) -> None:
    stub.closes_after = 1
    stub.answer = lambda _: reply(200, sent, content_length="10")
    with store.read("key") as reader, pytest.raises(TemporaryError):
        reader.read()


def test_a_stalled_body_ends_within_the_deadline(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, b"01234", content_length="10")
    with store.read("key") as reader:
        with pytest.raises(UnknownOutcomeError):
            reader.read()
        with pytest.raises(TemporaryError):
            reader.read(5)


def test_a_stalled_answer_ends_within_the_deadline(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: b""
    for call in (
        lambda: store.read("key"),
        lambda: store.stat("key"),
        lambda: list(store.list()),
        lambda: store.write("key", as_source(b"x"), 1),
    ):
        with pytest.raises(UnknownOutcomeError):
            call()


def test_a_server_that_stops_reading_ends_within_the_deadline(stub: Stub, store: S3Store) -> None:
    stub.reads_bodies = False
    stub.answer = lambda _: b""
    size = 64 << 20
    with pytest.raises(UnknownOutcomeError):
        store.write("key", as_source(bytes(size)), size)


def test_reads_chunks(stub: Stub, store: S3Store) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: y\r\n\r\n"
    stub.answer = lambda _: chunked
    for _ in range(2):
        with store.read("key") as reader:
            assert reader.read() == b"abcde"
    assert stub.connections == 1


@pytest.mark.parametrize(
    "rest", [b"zz\r\nabc", b"\r\n", b"3\r\nabcX\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"-3\r\nabc\r\n", b"3\r\nab"]
)
def test_broken_chunks_are_a_passing_fault(stub: Stub, store: S3Store, rest: bytes) -> None:
    stub.closes_after = 1
    stub.answer = lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest
    with pytest.raises(TemporaryError):
        store.read("key").read()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_what_is_not_http_is_a_passing_fault(stub: Stub, store: S3Store, answer: bytes) -> None:
    stub.closes_after = 1
    stub.answer = lambda _: answer
    with pytest.raises(TemporaryError):
        store.read("key").read()


def test_an_interim_answer_is_not_the_answer(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: b"HTTP/1.1 100 Continue\r\n\r\n" + reply(200, b"abc")
    with store.read("key") as reader:
        assert reader.read() == b"abc"


def test_an_answer_larger_than_its_bound_is_refused(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, b"x", content_length=str(1 << 40))
    with pytest.raises((StoreError, TemporaryError)):
        list(store.list())


def test_a_changed_object_is_told(stub: Stub, store: S3Store) -> None:
    expected = Stat(Kind.FILE, 3, etag="old")
    stub.answer = lambda _: refusal(412, "PreconditionFailed")
    with pytest.raises(SourceChangedError):
        store.read("key", expected=expected)
    assert stub.seen[0].headers["if-match"] == '"old"'
    stub.answer = lambda _: reply(200, b"abc", etag='"new"')
    with pytest.raises(SourceChangedError):
        store.read("key", expected=expected)


# Writing


def test_an_etag_that_is_another_hash_is_told(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, etag=f'"{"0" * 32}"')
    with pytest.raises(IntegrityError):
        store.write("key", as_source(b"abc"), 3)
    with pytest.raises(IntegrityError):
        store.write("key", as_source(b"a" * (5 << 20)), 5 << 20)


def test_a_lost_answer_to_a_write_is_unknown(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: None
    with pytest.raises(UnknownOutcomeError):
        store.write("key", as_source(b"abc"), 3)
    with pytest.raises(TemporaryError) as caught:
        store.stat("key")
    assert not isinstance(caught.value, UnknownOutcomeError)


@pytest.mark.parametrize("size", [100, 30 << 20])
def test_a_refusal_before_the_body_was_read_is_understood(stub: Stub, store: S3Store, size: int) -> None:
    stub.reads_bodies = False
    stub.closes_after = 1
    stub.answer = lambda _: refusal(403, "AccessDenied", connection="close")
    with pytest.raises((PermissionDeniedError, UnknownOutcomeError)):
        store.write("key", as_source(bytes(size)), size)


def test_a_body_goes_with_its_hash_and_length(stub: Stub, store: S3Store) -> None:
    data = content(1000)
    stub.answer = lambda seen: reply(200, etag=f'"{hashlib.md5(seen.body).hexdigest()}"')
    store.write("key.txt", as_source(data), 1000, Outgoing(modified=1_500_000_000_250_000_000))
    [seen] = stub.seen
    assert seen.body == data
    assert seen.headers["content-md5"]
    assert seen.headers["x-amz-meta-mtime"] == "1500000000.25"
    assert seen.headers["content-type"] == "text/plain; charset=utf-8"


def test_too_little_content_never_ends_the_body(stub: Stub, store: S3Store) -> None:
    for size in (3, 6 << 20):
        for data in (b"a" * (size - 1), b"a" * (size + 1)):
            with pytest.raises(IntegrityError):
                store.write("key", as_source(data), size)
    assert all(len(seen.body) < int(seen.headers["content-length"]) for seen in stub.seen)


class Failing:
    """Content whose reading fails as a disk does."""

    def read(self, size: int = -1, /) -> bytes:
        raise OSError(5, "Input/output error", str(size))


def test_an_error_of_the_source_is_the_sources(store: S3Store) -> None:
    with pytest.raises(OSError, match="Input/output error"):
        store.write("key", Failing(), 10 << 20)
    with pytest.raises(OSError, match="Input/output error"):
        store.write("key", Failing(), 10)


def uploading(stub: Stub, complete: Callable[[Seen], bytes | None], head: bytes | None = None) -> None:
    def answer(seen: Seen) -> bytes | None:
        if "uploads" in seen.query:
            return reply(200, b"<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>")
        if seen.method == "PUT":
            return reply(200, etag=f'"{hashlib.md5(seen.body).hexdigest()}"')
        if seen.method == "HEAD":
            return head
        return complete(seen) if seen.method == "POST" else reply(204)

    stub.answer = answer


ETAG = f"{hashlib.md5(hashlib.md5(b'abc').digest()).hexdigest()}-1"


def commit(store: S3Store) -> Stat:
    partial = store.begin("key", 3)
    partial.write_part(0, as_source(b"abc"), 3)
    try:
        return partial.commit()
    finally:
        partial.abort()


def test_a_refusal_with_status_200_is_a_refusal(stub: Stub, store: S3Store) -> None:
    uploading(stub, lambda _: reply(200, b"<Error><Code>InternalError</Code><Message>Oops</Message></Error>"))
    with pytest.raises(TemporaryError, match="InternalError"):
        commit(store)
    assert [seen.method for seen in stub.seen] == ["POST", "PUT", "POST", "DELETE"]


def test_a_completion_without_an_answer_is_looked_up(stub: Stub, store: S3Store) -> None:
    uploading(stub, lambda _: None, reply(200, etag=f'"{ETAG}"'))
    assert commit(store).etag == ETAG
    assert [seen.method for seen in stub.seen] == ["POST", "PUT", "POST", "HEAD"]


def test_a_completion_that_cannot_be_looked_up_is_unknown(stub: Stub, store: S3Store) -> None:
    uploading(stub, lambda _: None, reply(404))
    with pytest.raises(UnknownOutcomeError):
        commit(store)


def test_parts_that_were_put_together_wrongly_are_told(stub: Stub, store: S3Store) -> None:
    body = f"<CompleteMultipartUploadResult><ETag>{'0' * 32}-1</ETag></CompleteMultipartUploadResult>"
    uploading(stub, lambda _: reply(200, body.encode()))
    with pytest.raises(IntegrityError):
        commit(store)


def test_a_part_that_fails_for_a_moment_is_sent_again(
    stub: Stub, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plait.stores.objects.multipart.FIRST_PAUSE", 0.01)
    data = content(40 << 20)
    parts: dict[int, bytes] = {}
    failed: set[str] = set()

    def answer(seen: Seen) -> bytes:
        if "uploads" in seen.query:
            return reply(200, b"<X><UploadId>id</UploadId></X>")
        if seen.method == "PUT":
            number = seen.query["partNumber"]
            if number not in failed:
                failed.add(number)
                return refusal(503, "SlowDown")
            parts[int(number)] = seen.body
            return reply(200, etag=f'"{hashlib.md5(seen.body).hexdigest()}"')
        return reply(200, b"<CompleteMultipartUploadResult/>")

    stub.answer = answer
    assert store.write("key", io.BytesIO(data), None).size == len(data)
    assert b"".join(parts[number] for number in sorted(parts)) == data


# Conditions


def test_conditions_that_are_ignored_are_found_out(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200)
    for how in (Outgoing(if_absent=True), Outgoing(if_match="e")):
        with pytest.raises(NotSupportedError):
            store.write("key", as_source(b"x"), 1, how)
    assert not any(seen.path.endswith("/key") for seen in stub.seen)
    assert stub.seen[-1].method == "DELETE"


def test_conditions_that_are_obeyed_are_used(stub: Stub, store: S3Store) -> None:
    held: set[str] = set()

    def answer(seen: Seen) -> bytes:
        if seen.method == "DELETE":
            held.discard(seen.path)
            return reply(204)
        if seen.path in held or "if-match" in seen.headers:
            return refusal(412, "PreconditionFailed")
        held.add(seen.path)
        return reply(200, etag='"e"')

    stub.answer = answer
    store.write("key", as_source(b"x"), 1, Outgoing(if_absent=True))
    with pytest.raises(AlreadyExistsError):
        store.write("key", as_source(b"x"), 1, Outgoing(if_absent=True))
    assert held == {"/bucket/key"}


# Deleting


def test_each_key_has_its_own_result(stub: Stub, store: S3Store) -> None:
    body = (
        b"<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>No</Message></Error>"
        b"<Error><Key>c</Key><Code>NoSuchKey</Code></Error></DeleteResult>"
    )
    stub.answer = lambda _: reply(200, body)
    results = {result.key: result.error for result in store.delete(["a", "b", "c"])}
    assert results["a"] is None
    assert isinstance(results["b"], PermissionDeniedError)
    assert results["c"] is None
    [seen] = stub.seen
    assert seen.headers["content-md5"]


def test_deletes_one_by_one_where_batches_are_unknown(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda seen: refusal(501, "NotImplemented") if seen.method == "POST" else reply(204)
    assert [result.error for result in store.delete(["a", "b"])] == [None, None]
    assert [seen.method for seen in stub.seen] == ["POST", "DELETE", "DELETE"]
    assert [result.error for result in store.delete(["c", "d"])] == [None, None]
    assert [seen.method for seen in stub.seen[3:]] == ["DELETE", "DELETE"]


# Refusals


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(503, "SlowDown", retry_after="7"), TemporaryError),
        (refusal(500, "InternalError"), TemporaryError),
        (reply(502, b"<html>bad gateway</html>"), TemporaryError),
        (reply(429), TemporaryError),
        (refusal(403, "AccessDenied"), PermissionDeniedError),
        (refusal(403, "InvalidAccessKeyId"), SecretError),
        (refusal(403, "SignatureDoesNotMatch", "x&#13;&#10;y\u202ez"), SecretError),
        (refusal(404, "NoSuchKey"), ObjectNotFoundError),
        (refusal(404, "NoSuchBucket"), DirectoryNotFoundError),
        (reply(307, location="http://127.0.0.1:9/elsewhere"), StoreError),
        (reply(418, b"\xff" * 1000), StoreError),
    ],
)
def test_refusals_are_typed_and_of_one_line(stub: Stub, store: S3Store, answer: bytes, kind: type[PlaitError]) -> None:
    stub.answer = lambda _: answer
    with pytest.raises(kind) as caught:
        store.read("key")
    message = f"{caught.value}{caught.value.hint}"
    assert message.isprintable()
    assert SECRET not in message
    assert caught.value.key == "key"
    if b"retry-after" in answer:
        assert isinstance(caught.value, TemporaryError)
        assert caught.value.retry_after == 7


def test_a_redirect_is_not_followed(stub: Stub, store: S3Store) -> None:
    other = Stub()
    stub.answer = lambda seen: reply(307, location=f"{other.url}{seen.target}")
    with pytest.raises(PlaitError):
        store.read("key")
    assert other.seen == []
    other.close()


@pytest.mark.parametrize("status", [301, 307, 400])
def test_goes_to_the_region_that_the_bucket_names(stub: Stub, store: S3Store, status: int) -> None:
    stub.answer = lambda seen: (
        reply(200, b"" if seen.method == "HEAD" else b"abc")
        if "/eu-west-9/s3/" in seen.headers["authorization"]
        else reply(status, x_amz_bucket_region="eu-west-9")
    )
    store.stat("key")
    with store.read("key") as reader:
        assert reader.read() == b"abc"
    assert [seen.method for seen in stub.seen] == ["HEAD", "HEAD", "GET"]


def test_an_unknown_host_is_told(stub: Stub) -> None:
    store = open_s3({**options(stub), "endpoint": "http://no-such-host.invalid"}, "bucket", deadlines=QUICK)
    with pytest.raises((StoreError, TemporaryError), match=r"no-such-host\.invalid"):
        store.stat("key")
    store.close()


def test_a_closed_port_is_a_passing_fault(stub: Stub, store: S3Store) -> None:
    stub.close()
    with pytest.raises(TemporaryError, match="refused") as caught:
        store.write("key", as_source(b"x"), 1)
    assert not isinstance(caught.value, UnknownOutcomeError)


# What goes with an object


STORED = {
    "acl": "private",
    "storage_class": "STANDARD_IA",
    "server_side_encryption": "aws:kms",
    "sse_kms_key_id": "arn:aws:kms:x",
    "requester_pays": "true",
}
CUSTOMER = {"sse_customer_algorithm": "AES256", "sse_customer_key": "0123456789abcdef0123456789abcdef"}


def uploaded(stub: Stub, **more: str) -> dict[str, Seen]:
    """Writes an object in one piece and in parts, and gives the requests by what they are."""
    uploading(stub, lambda _: reply(200, b"<CompleteMultipartUploadResult/>"))
    store = open_s3({**options(stub), **more}, "bucket", deadlines=QUICK)
    md5 = hashlib.md5(b"abc").hexdigest()
    store.write("key", as_source(b"abc"), 3, Outgoing(hashes={"md5": md5}))
    partial = store.begin("key", 3, Outgoing(hashes={"md5": md5}))
    partial.write_part(0, as_source(b"abc"), 3)
    partial.commit()
    store.read("key").close()
    store.close()
    names = ("put", "begin", "part", "complete", "get")
    return dict(zip(names, stub.seen, strict=True))


def test_class_owner_and_encryption_go_with_every_object(stub: Stub) -> None:
    seen = uploaded(stub, **STORED)
    for name in ("put", "begin"):
        headers = seen[name].headers
        assert headers["x-amz-acl"] == "private"
        assert headers["x-amz-storage-class"] == "STANDARD_IA"
        assert headers["x-amz-server-side-encryption"] == "aws:kms"
        assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "arn:aws:kms:x"
        # The etag of an encrypted object is not its MD5, which is kept beside it.
        assert headers["x-amz-meta-md5chksum"] == "kAFQmDzST7DWlj99KOF/cg=="
    assert all(request.headers["x-amz-request-payer"] == "requester" for request in seen.values())
    assert "x-amz-acl" not in seen["part"].headers


def test_a_customers_key_goes_with_every_request_for_content(stub: Stub) -> None:
    seen = uploaded(stub, **CUSTOMER)
    for request in seen.values():
        assert request.headers["x-amz-server-side-encryption-customer-algorithm"] == "AES256"
        assert request.headers["x-amz-server-side-encryption-customer-key"] == (
            "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
        )
        assert request.headers["x-amz-server-side-encryption-customer-key-md5"]


def test_the_md5_is_left_out_where_it_is_not_wanted(stub: Stub) -> None:
    seen = uploaded(stub, **STORED, disable_checksum="true")
    assert "x-amz-meta-md5chksum" not in seen["begin"].headers
    assert "x-amz-meta-md5chksum" not in seen["put"].headers


def test_a_change_of_time_keeps_what_an_object_has(stub: Stub) -> None:
    held = reply(
        200,
        b"",
        etag='"e"',
        content_type="a/b",
        cache_control="no-cache",
        x_amz_storage_class="STANDARD_IA",
        x_amz_meta_mtime="1",
        x_amz_meta_colour="green",
        x_amz_meta_md5chksum="kAFQmDzST7DWlj99KOF/cg==",
    )
    stub.answer = lambda seen: held if seen.method == "HEAD" else reply(200, b"<CopyObjectResult/>")
    store = open_s3({**options(stub), **CUSTOMER}, "bucket", "dir", deadlines=QUICK)
    store.set_attributes("a b", modified=2_500_000_000)
    headers = stub.seen[-1].headers
    assert headers["x-amz-copy-source"] == "/bucket/dir/a%20b"
    assert headers["x-amz-copy-source-if-match"] == '"e"'
    assert headers["x-amz-metadata-directive"] == "REPLACE"
    assert headers["x-amz-meta-mtime"] == "2.5"
    assert headers["x-amz-meta-colour"] == "green"
    assert headers["x-amz-meta-md5chksum"] == "kAFQmDzST7DWlj99KOF/cg=="
    assert headers["content-type"] == "a/b"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-amz-storage-class"] == "STANDARD_IA"
    assert headers["x-amz-copy-source-server-side-encryption-customer-algorithm"] == "AES256"
    store.close()


def test_an_archived_object_keeps_its_time(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, x_amz_storage_class="GLACIER")
    with pytest.raises(NotSupportedError, match="archived"):
        store.set_attributes("key", modified=1)
    assert [seen.method for seen in stub.seen] == ["HEAD"]


def test_a_copy_that_is_refused_with_status_200_is_refused(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda seen: (
        reply(200, etag='"e"') if seen.method == "HEAD" else refusal(200, "InternalError", "Oops")
    )
    with pytest.raises(TemporaryError, match="InternalError"):
        store.set_attributes("key", modified=1)


def test_anonymous_requests_are_not_signed(stub: Stub) -> None:
    store = open_s3({"provider": "Minio", "endpoint": stub.url}, "bucket", deadlines=QUICK)
    stub.answer = lambda _: reply(200, b"abc")
    with store.read("key") as reader:
        assert reader.read() == b"abc"
    assert "authorization" not in stub.seen[0].headers
    store.close()


def test_a_role_is_assumed(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", stub.url)
    assumed = (
        b'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
        b"<AccessKeyId>ROLEKEY</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>"
        b"<SessionToken>role-token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
        b"</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    stub.answer = lambda seen: reply(200, assumed if b"AssumeRole" in seen.body else b"abc")
    role = {"role_arn": "arn:aws:iam::1:role/plait", "role_external_id": "outside", "role_session_duration": "1h"}
    store = open_s3({**options(stub), **role}, "bucket", deadlines=QUICK)
    for _ in range(2):
        with store.read("key") as reader:
            assert reader.read() == b"abc"
    store.close()
    asked, first, second = stub.seen
    body = dict(parse_qsl(asked.body.decode()))
    assert body["RoleArn"] == role["role_arn"]
    assert body["ExternalId"] == "outside"
    assert body["DurationSeconds"] == "3600"
    assert "Credential=access/" in asked.headers["authorization"]
    for seen in (first, second):
        assert "Credential=ROLEKEY/" in seen.headers["authorization"]
        assert seen.headers["x-amz-security-token"] == "role-token"


def test_a_role_that_is_refused_is_told_without_secrets(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", stub.url)
    stub.answer = lambda _: reply(
        403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not yours</Message></Error></ErrorResponse>"
    )
    store = open_s3({**options(stub), "role_arn": "arn:aws:iam::1:role/plait"}, "bucket", deadlines=QUICK)
    with pytest.raises(SecretError, match="not yours") as caught:
        store.stat("key")
    assert SECRET not in str(caught.value)
    store.close()


# TLS


def certificate(directory: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stub")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM) + encoded)
    return path


def test_speaks_tls_with_those_it_trusts_only(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(path)
    stub = Stub(tls=served, answer=lambda seen: reply(200, seen.body or b"abc"))
    stranger = open_s3(options(stub), "bucket", deadlines=QUICK)
    with pytest.raises(StoreError, match="not trusted") as caught:
        stranger.stat("key")
    assert not isinstance(caught.value, TemporaryError)
    stranger.close()
    friend = open_s3(options(stub), "bucket", deadlines=QUICK, tls=ssl.create_default_context(cafile=str(path)))
    with friend.read("key") as reader:
        assert reader.read() == b"abc"
    large = content(3 << 20)
    friend.write("key", as_source(large), len(large))
    assert stub.seen[-1].body == large
    friend.close()
    plain = open_s3({**options(stub), "endpoint": stub.url.replace("https", "http")}, "bucket", deadlines=QUICK)
    with pytest.raises(TemporaryError):
        plain.stat("key")
    plain.close()
    stub.close()


def test_a_server_without_tls_is_told(stub: Stub) -> None:
    store = open_s3({**options(stub), "endpoint": stub.url.replace("http", "https")}, "bucket", deadlines=QUICK)
    with pytest.raises((StoreError, TemporaryError), match=r"127\.0\.0\.1"):
        store.stat("key")
    store.close()


# Connections


def test_connections_are_kept(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, b"abc")
    for _ in range(5):
        with store.read("key") as reader:
            assert reader.read() == b"abc"
    assert stub.connections == 1


def test_a_kept_connection_that_was_closed_is_replaced(stub: Stub, store: S3Store) -> None:
    stub.closes_after = 1
    stub.answer = lambda seen: reply(200, b"" if seen.method == "HEAD" else b"abc", etag='"e"')
    for _ in range(3):
        assert store.stat("key").etag == "e"
        store.write("key", as_source(b"x"), 1)
    assert stub.connections == 6


def test_closing_frees_what_is_idle(stub: Stub, store: S3Store) -> None:
    stub.answer = lambda _: reply(200, b"abc")
    reader = store.read("key")
    store.close()
    store.close()
    assert reader.read() == b"abc"
    reader.close()
    reader.close()
