"""What goes with an object: class, owner, keys, times, roles."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from plait.model.errors import (
    ConfigurationError,
    NotSupportedError,
    SecretError,
    TemporaryError,
)
from plait.stores.base import Outgoing
from plait.stores.objects import open_s3
from plait.testing.generators import as_source
from plait.testing.s3_stub import QUICK, SECRET, Seen, Stub, options, refusal, reply, uploading

if TYPE_CHECKING:
    from plait.stores.objects.store import S3Store


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


def test_locks_go_with_every_object_and_the_leave_to_break_them_with_deletions(stub: Stub) -> None:
    more = {
        "object_lock_mode": "governance",
        "object_lock_retain_until_date": "2031-02-03T04:05:06Z",
        "object_lock_legal_hold_status": "on",
        "bypass_governance_retention": "true",
    }
    store = open_s3(options(stub, **more), "bucket", deadlines=QUICK)
    stub.answer = lambda seen: reply(200, etag=f'"{hashlib.md5(seen.body).hexdigest()}"')
    store.write("key", as_source(b"x"), 1)
    list(store.delete(["key"]))
    store.close()
    put, delete = (seen.headers for seen in stub.seen)
    assert put["x-amz-object-lock-mode"] == "GOVERNANCE"
    assert put["x-amz-object-lock-retain-until-date"] == "2031-02-03T04:05:06Z"
    assert put["x-amz-object-lock-legal-hold"] == "ON"
    assert "content-md5" in put
    assert delete["x-amz-bypass-governance-retention"] == "true"


@pytest.mark.parametrize(
    "more",
    [
        {"object_lock_mode": "forever"},
        {"object_lock_mode": "copy"},
        {"object_lock_mode": "COMPLIANCE", "object_lock_retain_until_date": "some day"},
        {"object_lock_legal_hold_status": "maybe"},
    ],
)
def test_locks_that_cannot_be_are_refused(stub: Stub, more: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"object_lock|object locks"):
        open_s3(options(stub, **more), "bucket")
