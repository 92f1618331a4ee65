"""Refusals, redirects, TLS and kept connections."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import (
    DirectoryNotFoundError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PlaitError,
    SecretError,
    StoreError,
    TemporaryError,
    UnknownOutcomeError,
)
from plait.stores.network import Network
from plait.stores.objects import open_s3
from plait.testing.generators import as_source, content
from plait.testing.s3_stub import QUICK, SECRET, Stub, certificate, options, refusal, reply

if TYPE_CHECKING:
    from pathlib import Path

    from plait.stores.objects.store import S3Store


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


# TLS


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
    friend = open_s3(options(stub), "bucket", deadlines=QUICK, network=Network(certificates=(str(path),)))
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
