"""Requests are signed as botocore signs them."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.stores.objects.signing import EMPTY, UNSIGNED, Keys, escape_path, query_string, sign
from plait.stores.objects.signing_v2 import sign_v2

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
MOMENT = dt.datetime(2026, 11, 21, 8, 36, 57, tzinfo=dt.UTC)


def authorization_of_botocore(
    method: str, url: str, headers: Mapping[str, str], payload: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> str:
    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    monkeypatch.setattr(auth, "get_current_datetime", lambda: MOMENT)
    signer = auth.S3SigV4Auth(Credentials(keys.access, keys.secret, keys.token), "s3", "eu-west-1")
    monkeypatch.setattr(signer, "payload", lambda _: payload)
    request = AWSRequest(method=method, url=url, headers=dict(headers), data=b"")
    signer.add_auth(request)
    return str(request.headers["Authorization"])


@pytest.mark.parametrize("token", [None, "a session token"])
@pytest.mark.parametrize("payload", [EMPTY, UNSIGNED])
@pytest.mark.parametrize(
    ("method", "key", "query", "headers"),
    [
        ("GET", "plain", [], {}),
        ("GET", "a//b", [], {"range": "bytes=0-9"}),
        ("HEAD", "/x", [], {"if-match": '"e"'}),
        ("PUT", "./x/../y", [], {"content-type": "text/plain; charset=utf-8", "x-amz-meta-mtime": "1.5"}),
        ("PUT", "sp ace+plus%25 ü~*'()", [], {"x-amz-meta-note": "two   spaces", "x-amz-meta-ü": "grün"}),
        ("POST", "key", [("uploads", "")], {}),
        ("PUT", "key", [("uploadId", "a+/="), ("partNumber", "1")], {}),
        ("GET", "", [("list-type", "2"), ("prefix", "a b/ü+"), ("start-after", "~"), ("max-keys", "1000")], {}),
    ],
)
def test_signs_as_botocore_does(
    method: str,
    key: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    payload: str,
    token: str | None,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = Keys(KEYS.access, KEYS.secret, token)
    path = escape_path(f"/bucket/{key}")
    text = query_string(query)
    url = f"https://host.example:8443{path}" + (f"?{text}" if text else "")
    assert urlsplit(url).path == path
    expected = authorization_of_botocore(method, url, headers, payload, keys, monkeypatch)
    signed = sign(
        method,
        path,
        text,
        {**headers, "host": "host.example:8443"},
        payload,
        keys,
        "eu-west-1",
        calendar.timegm(MOMENT.timetuple()),
    )
    assert signed["authorization"] == expected
    assert signed["x-amz-date"] == "20261121T083657Z"


@pytest.mark.parametrize("token", [None, "a session token"])
@pytest.mark.parametrize(
    ("method", "key", "query", "headers"),
    [
        ("GET", "plain", [], {"range": "bytes=0-9"}),
        ("HEAD", "a//b", [], {}),
        ("PUT", "ü x", [], {"content-type": "text/plain", "content-md5": "x==", "x-amz-meta-mtime": "1.5"}),
        ("POST", "key", [("uploads", "")], {}),
        ("PUT", "key", [("uploadId", "a+/="), ("partNumber", "1")], {}),
        ("GET", "", [("list-type", "2"), ("prefix", "a b"), ("max-keys", "1000")], {}),
    ],
)
def test_signs_as_botocore_does_in_version_2(
    method: str,
    key: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    token: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    monkeypatch.setattr(auth, "formatdate", lambda **_: "Sat, 21 Nov 2026 08:36:57 GMT")
    path, text = escape_path(f"/bucket/{key}"), query_string(query)
    url = f"https://host.example{path}" + (f"?{text}" if text else "").replace("uploads=", "uploads")
    request = AWSRequest(method=method, url=url, headers=dict(headers), data=b"")
    signer = auth.HmacV1Auth(Credentials(KEYS.access, KEYS.secret, token), "s3", "eu-west-1")
    signer.add_auth(request)
    keys = Keys(KEYS.access, KEYS.secret, token)
    signed = sign_v2(method, path, query, headers, keys, calendar.timegm(MOMENT.timetuple()))
    assert signed["authorization"] == request.headers["Authorization"]


def test_signs_the_example_of_the_reference() -> None:
    """ "GET Object" of the Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header"."""
    keys = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    signed = sign(
        "GET",
        "/test.txt",
        "",
        {"host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"},
        EMPTY,
        keys,
        "us-east-1",
        calendar.timegm((2013, 5, 24, 0, 0, 0)),
    )
    assert signed["authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_escaping_keeps_every_key(key: str) -> None:
    from urllib.parse import unquote_to_bytes

    escaped = escape_path(key)
    assert escaped.isascii()
    assert not set(escaped) & set(" ?#\n\\")
    assert unquote_to_bytes(escaped) == key.encode()


def test_keys_do_not_show_themselves() -> None:
    assert KEYS.secret not in repr(KEYS)
    assert KEYS.secret not in str([KEYS])
