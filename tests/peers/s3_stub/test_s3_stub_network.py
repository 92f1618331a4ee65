"""How requests go to an S3 server: through proxies, with a person's headers, shown where that is asked for."""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import ConfigurationError, PlaitError, StoreError
from plait.stores.network import Network, Trace
from plait.stores.objects import open_s3
from plait.testing.generators import as_source, content
from plait.testing.proxies import proxying
from plait.testing.s3_stub import HOST, QUICK, SECRET, Seen, Stub, certificate, options, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plait.stores.objects.store import S3Store
    from plait.testing.proxies import TestProxy


def echo(seen: Seen) -> bytes:
    return reply(200, seen.body or b"abc", etag=f'"{hashlib.md5(seen.body).hexdigest()}"')


def port(stub: Stub) -> int:
    return int(stub.url.rpartition(":")[2])


@pytest.fixture
def proxy(stub: Stub) -> Iterator[TestProxy]:
    stub.answer = echo
    with proxying(("127.0.0.1", port(stub))) as proxy:
        yield proxy


def elsewhere(scheme: str = "http", **more: str) -> dict[str, str]:
    return {**options_of(f"{scheme}://{HOST}:1234"), **more}


def options_of(endpoint: str) -> dict[str, str]:
    return {
        "provider": "Minio",
        "endpoint": endpoint,
        "access_key_id": "access",
        "secret_access_key": SECRET,
        "no_check_bucket": "true",
    }


def works(store: S3Store) -> None:
    data = content(1000)
    store.write("key", as_source(data), 1000)
    with store.read("key") as reader:
        assert reader.read() == b"abc"
    store.close()


def test_a_plain_request_goes_through_the_proxy_as_a_whole(
    stub: Stub, proxy: TestProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@{proxy.address}")
    works(open_s3(elsewhere(), "bucket", deadlines=QUICK))
    assert proxy.asked[0].startswith(f"PUT http://{HOST}:1234/bucket/key HTTP/1.1\r\n".encode())
    assert b"proxy-authorization: Basic bWU6c2VjcmV0\r\n" in proxy.asked[0]
    assert stub.seen[0].headers["host"] == f"{HOST}:1234"


def test_tls_goes_through_a_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = certificate(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(path)
    stub = Stub(tls=served, answer=echo)
    with proxying(("127.0.0.1", port(stub)), "Basic bWU6c2VjcmV0") as proxy:
        monkeypatch.setenv("https_proxy", f"me:secret@{proxy.address}")
        network = Network(certificates=(str(path),))
        works(open_s3(elsewhere("https"), "bucket", deadlines=QUICK, network=network))
        assert proxy.asked[0].startswith(f"CONNECT {HOST}:1234 HTTP/1.1\r\n".encode())
        assert b"authorization: AWS4" not in proxy.asked[0]
        assert "proxy-authorization" not in stub.seen[0].headers
        monkeypatch.setenv("https_proxy", proxy.address)
        refused = open_s3(elsewhere("https"), "bucket", deadlines=QUICK, network=network)
        with pytest.raises(StoreError, match="407 Proxy Authentication Required"):
            refused.stat("key")
    stub.close()


def test_a_proxy_of_socks_is_told_the_name(proxy: TestProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"socks5://{proxy.address}")
    works(open_s3(elsewhere(), "bucket", deadlines=QUICK))
    assert proxy.asked[0] == f"SOCKS {HOST}:1234".encode()


def test_what_is_excepted_is_reached_directly(stub: Stub, proxy: TestProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    works(open_s3(options(stub), "bucket", deadlines=QUICK))
    monkeypatch.setenv("NO_PROXY", "example")
    store = open_s3(elsewhere(), "bucket", deadlines=QUICK)
    with pytest.raises(PlaitError, match=HOST):
        store.stat("key")
    assert proxy.asked == []


def test_headers_go_where_they_are_wanted(stub: Stub) -> None:
    stub.answer = echo
    network = Network(
        headers=(("X-All", "1"),),
        download_headers=(("X-Down", "2"),),
        upload_headers=(("Cache-Control", "no-store"), ("X-Amz-Meta-Who", "me")),
        user_agent="other/1",
        keep_alive=False,
    )
    works(open_s3(options(stub), "bucket", deadlines=QUICK, network=network))
    put, get = (seen.headers for seen in stub.seen)
    assert put["x-all"] == get["x-all"] == "1"
    assert put["user-agent"] == "other/1"
    assert (put["cache-control"], put["x-amz-meta-who"]) == ("no-store", "me")
    assert (put.get("x-down"), get.get("x-down")) == (None, "2")
    assert "cache-control" not in get
    assert stub.connections == 2


def test_a_header_that_no_object_holds_is_refused(stub: Stub) -> None:
    with pytest.raises(ConfigurationError, match="the header X-Other cannot be stored"):
        open_s3(options(stub), "bucket", network=Network(upload_headers=(("X-Other", "1"),)))


def shown(stub: Stub, trace: Callable[[Callable[[str], None]], Trace]) -> str:
    stub.answer = echo
    lines: list[str] = []
    store = open_s3(
        options(stub, session_token="a-token"), "bucket", deadlines=QUICK, network=Network(trace=trace(lines.append))
    )
    store.write("key", as_source(b"the content"), 11)
    store.close()
    return "\n".join(lines)


def test_requests_are_shown_without_secrets(stub: Stub) -> None:
    text = shown(stub, Trace)
    assert "PUT /bucket/key HTTP/1.1" in text
    assert "Authorization: XXXX" in text
    assert "X-Amz-Security-Token: XXXX" in text
    assert "HTTP/1.1 200" in text
    assert "the content" not in text
    assert "Signature=" not in text
    assert "a-token" not in text


def test_bodies_and_secrets_are_shown_where_asked_for(stub: Stub) -> None:
    text = shown(stub, lambda show: Trace(show, requests=True, responses=True, secrets=True))
    assert text.count("the content") == 2
    assert "Signature=" in text
    assert "a-token" in text
