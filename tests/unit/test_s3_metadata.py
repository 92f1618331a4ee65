"""What S3 keeps beside an object's content, read and written as rclone does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model.errors import NotSupportedError
from plait.model.items import Kind, Stat
from plait.stores.objects.metadata import (
    md5_of_etag,
    metadata_headers,
    parse_http_date,
    parse_stamp,
    parse_time,
    plain_etag,
    quoted_etag,
    show_time,
    stat_of,
)

NANOSECONDS = st.integers(-(2**63) + 1, 2**63 - 1)


@given(NANOSECONDS)
def test_a_time_is_read_as_it_is_written(moment: int) -> None:
    assert parse_time(show_time(moment)) == moment


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (1_500_000_000_000_000_000, "1500000000"),
        (1_600_000_000_123_456_789, "1600000000.123456789"),
        (1_600_000_000_100_000_000, "1600000000.1"),
    ],
)
def test_times_are_decimal_seconds(moment: int, text: str) -> None:
    assert show_time(moment) == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1.5", 1_500_000_000),
        ("1.1234567899", 1_123_456_789),
        ("1.", 1_000_000_000),
        ("-1.5", -1_500_000_000),
        ("", None),
        ("now", None),
        ("1e9", None),
        ("99999999999999", None),
        ("9999999999.5", None),
        ("\u0661", None),
    ],
)
def test_reads_other_times_or_none(text: str, moment: int | None) -> None:
    assert parse_time(text) == moment


def test_reads_dates_of_headers_and_listings() -> None:
    assert parse_http_date("Sat, 21 Nov 2026 08:36:57 GMT") == 1_795_250_217_000_000_000
    assert parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == 784_111_777_000_000_000
    assert parse_http_date("yesterday") is None
    assert parse_http_date("Sat, 99 Nov 2026 08:36:57 -9999999") is None
    assert parse_stamp("2026-11-21T08:36:57.345Z") == 1_795_250_217_345_000_000
    assert parse_stamp("2026-11-21T08:36:57Z") == 1_795_250_217_000_000_000
    assert parse_stamp("2026-11-21") is None
    assert parse_stamp("") is None


def test_etags() -> None:
    assert plain_etag('"abc"') == plain_etag("abc") == "abc"
    assert plain_etag("") is None
    assert quoted_etag("abc") == '"abc"'
    assert quoted_etag('W/"abc"') == 'W/"abc"'
    assert md5_of_etag("D41D8CD98F00B204E9800998ECF8427E") == "d41d8cd98f00b204e9800998ecf8427e"
    assert md5_of_etag("d41d8cd98f00b204e9800998ecf8427e-2") is None
    assert md5_of_etag(None) is None


def test_a_stat_from_headers() -> None:
    headers = {
        "etag": '"d41d8cd98f00b204e9800998ecf8427e"',
        "last-modified": "Sat, 21 Nov 2026 08:36:57 GMT",
        "content-type": "text/plain",
        "content-encoding": "aws-chunked, gzip",
        "x-amz-meta-mtime": "1.5",
        "x-amz-meta-colour": "=?UTF-8?B?Z3LDvG4=?=",
    }
    assert stat_of(headers, 5, etag_is_md5=True) == Stat(
        Kind.FILE,
        5,
        modified=1_500_000_000,
        stored_at=1_795_250_217_000_000_000,
        etag="d41d8cd98f00b204e9800998ecf8427e",
        hashes={"md5": "d41d8cd98f00b204e9800998ecf8427e"},
        metadata={"colour": "grün", "content-encoding": "gzip"},
        content_type="text/plain",
    )
    assert stat_of(headers, 5, etag_is_md5=False).hashes == {}


def test_the_servers_time_stands_in_for_a_missing_or_broken_one() -> None:
    stored = {"last-modified": "Sat, 21 Nov 2026 08:36:57 GMT"}
    for more in ({}, {"x-amz-meta-mtime": "broken"}):
        stat = stat_of({**stored, **more}, 0, etag_is_md5=True)
        assert stat.modified == stat.stored_at == 1_795_250_217_000_000_000
    assert stat_of({}, 0, etag_is_md5=True).modified is None


@pytest.mark.parametrize("kept", ["", "broken", "AAAA", "1B2M2Y8AsgTpgAmY7PhCfg=="])
def test_the_kept_md5_of_what_was_written_in_parts(kept: str) -> None:
    stat = stat_of({"etag": '"x-2"', "x-amz-meta-md5chksum": kept}, 0, etag_is_md5=True)
    assert stat.hashes == ({"md5": "d41d8cd98f00b204e9800998ecf8427e"} if kept.startswith("1B2M") else {})
    assert stat.metadata == {}


def test_metadata_become_headers() -> None:
    headers = metadata_headers(
        {
            "Colour": "green",
            "cache-control": "no-cache",
            "content-type": "a/b",
            "mtime": "x",
            "Tier": "x",
            "x-amz-tagging": "a=b",
        },
        modified=1_500_000_000,
        md5="d41d8cd98f00b204e9800998ecf8427e",
        content_type="c/d",
        key="key",
    )
    assert headers == {
        "content-type": "a/b",
        "cache-control": "no-cache",
        "x-amz-tagging": "a=b",
        "x-amz-meta-colour": "green",
        "x-amz-meta-mtime": "1.5",
        "x-amz-meta-md5chksum": "1B2M2Y8AsgTpgAmY7PhCfg==",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("a b", "x"), ("", "x"), ("ü", "x"), ("a:b", "x"), ("a", "x\ny"), ("a", "x\0"), ("a", " x"), ("a\r\nb", "x")],
)
def test_metadata_that_no_header_holds_are_refused(name: str, value: str) -> None:
    with pytest.raises(NotSupportedError, match="cannot hold the metadata"):
        metadata_headers({name: value}, modified=None, md5=None, content_type="a/b", key="key")
