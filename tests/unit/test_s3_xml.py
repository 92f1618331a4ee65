"""The XML that S3 speaks, and keys that it can and cannot hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.stores.objects.probes import Oddity, oddities
from plait.stores.objects.wire import ProtocolError
from plait.stores.objects.xml import (
    Upload,
    Uploaded,
    can_hold,
    completion,
    deletion,
    location,
    parse,
    parse_deletion,
    parse_listing,
    parse_parts,
    parse_uploads,
)

KEYS = st.text(alphabet=st.characters(codec="utf-8"), min_size=1)


@given(st.lists(KEYS, max_size=5))
def test_a_deletion_names_exactly_its_keys(keys: list[str]) -> None:
    held = [key for key in keys if can_hold(key)]
    root = parse(deletion(held))
    assert [element.findtext("Key") for element in root.iterfind("Object")] == held
    assert root.findtext("Quiet") == "true"


@pytest.mark.parametrize("key", ["\0", "\x01", "\x0b", "\ufffe", "\uffff"])
def test_xml_cannot_hold_every_key(key: str) -> None:
    assert not can_hold(key)
    assert can_hold("\t\n\r")


def test_a_completion_lists_parts_in_order() -> None:
    root = parse(completion([(1, '"a&b"'), (2, '"c"')]))
    assert [(e.findtext("PartNumber"), e.findtext("ETag")) for e in root.iterfind("Part")] == [
        ("1", '"a&b"'),
        ("2", '"c"'),
    ]
    assert parse(location("eu<")).findtext("LocationConstraint") == "eu<"


@pytest.mark.parametrize("version", [1, 2])
def test_a_listing_without_encoding_is_taken_as_it_is(version: int) -> None:
    document = (
        b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+b%20&amp;</Key><Size>5</Size>"
        b"</Contents></ListBucketResult>"
    )
    listed = parse_listing(document, version=version)
    assert listed.keys == ["a+b%20&"]
    assert listed.sizes == [5]
    assert listed.next is None


def test_the_first_version_goes_on_after_the_last_key() -> None:
    document = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>"
        b"<Contents><Key>a%2Bb+c</Key><Size>5</Size></Contents></ListBucketResult>"
    )
    assert parse_listing(document, version=1).next == "a+b c"


def test_uploads_parts_and_failures() -> None:
    uploads = (
        b"<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        b"<NextKeyMarker>a%20b</NextKeyMarker><NextUploadIdMarker>i</NextUploadIdMarker>"
        b"<Upload><Key>a%20b</Key><UploadId>i</UploadId><Initiated>t</Initiated></Upload></ListMultipartUploadsResult>"
    )
    assert parse_uploads(uploads) == ([Upload("a b", "i", "t")], ("a b", "i"))
    parts = b"<ListPartsResult><Part><PartNumber>3</PartNumber><ETag>e</ETag><Size>9</Size></Part></ListPartsResult>"
    assert parse_parts(parts) == ([Uploaded(3, "e", 9)], None)
    deleted = b"<DeleteResult><Error><Key>k</Key><Code>C</Code><Message>M</Message></Error></DeleteResult>"
    assert parse_deletion(deleted) == {"k": ("C", "M")}


def test_entities_are_refused() -> None:
    bomb = b'<!DOCTYPE b [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><ListBucketResult>&b;</ListBucketResult>'
    with pytest.raises(ProtocolError):
        parse(bomb)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("plain/key.txt", []),
        ("..a/b..", []),
        ("a//b", [Oddity.EMPTY]),
        ("/a", [Oddity.LEADING]),
        ("a/", [Oddity.TRAILING]),
        ("./a", [Oddity.DOTS]),
        ("a/..", [Oddity.DOTS]),
        ("a\\b", [Oddity.BACKSLASH]),
        ("a\nb", [Oddity.CONTROL]),
        ("a\0b", [Oddity.NUL]),
        ("//", [Oddity.EMPTY, Oddity.LEADING, Oddity.TRAILING]),
    ],
)
def test_what_is_odd_about_a_key(key: str, expected: list[Oddity]) -> None:
    assert oddities(key) == expected


@pytest.mark.parametrize(
    "start",
    [
        b"<ListBucketResult>",
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
        b"<?xml version='1.0'?>\n<ListBucketResult  xmlns='urn:x'>",
        b'<ListBucketResult a="b" xmlns="urn:x">',
        b'<ListBucketResult xmlns="urn:x" xmlns:y="urn:y">',
    ],
)
def test_a_listing_is_read_whatever_its_namespace(start: bytes) -> None:
    entry = b"<Contents><Key>xmlns</Key><Size>3</Size></Contents>"
    page = parse_listing(start + entry + b"</ListBucketResult>", version=2)
    assert (page.keys, page.sizes, page.etags, page.stored) == (["xmlns"], [3], [""], [""])
