"""The options of an s3 remote, and where they lead."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import ConfigurationError, MissingExtraError, SecretError
from plait.stores.objects import open_s3
from plait.stores.objects.endpoint import endpoint_of, identity_of, region_of
from plait.stores.objects.options import (
    PROVIDERS,
    REFUSED,
    WITHOUT_EFFECT,
    S3Options,
    parse_options,
    quirks_of,
)
from plait.stores.objects.signing import Keys

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {"access_key_id": "access", "secret_access_key": "secret-that-must-not-show"}


def place(bucket: str, **options: str) -> str:
    parsed = parse_options(options)
    endpoint = endpoint_of(parsed, quirks_of(parsed), bucket, region_of(parsed))
    scheme = "https" if endpoint.address.tls else "http"
    return f"{scheme}://{endpoint.address.authority} {endpoint.target('a//b ü')}"


@pytest.mark.parametrize(
    ("options", "bucket", "expected"),
    [
        ({"provider": "AWS"}, "bucket", "https://bucket.s3.us-east-1.amazonaws.com /a//b%20%C3%BC"),
        ({"provider": "AWS", "region": "eu-west-1"}, "buck", "https://buck.s3.eu-west-1.amazonaws.com /a//b%20%C3%BC"),
        ({"provider": "AWS"}, "dotted.name", "https://s3.us-east-1.amazonaws.com /dotted.name/a//b%20%C3%BC"),
        ({"provider": "AWS"}, "Upper", "https://s3.us-east-1.amazonaws.com /Upper/a//b%20%C3%BC"),
        (
            {"provider": "AWS", "region": "cn-north-1"},
            "bucket",
            "https://bucket.s3.cn-north-1.amazonaws.com.cn /a//b%20%C3%BC",
        ),
        (
            {"provider": "AWS", "use_dual_stack": "true"},
            "bucket",
            "https://bucket.s3.dualstack.us-east-1.amazonaws.com /a//b%20%C3%BC",
        ),
        (
            {"provider": "AWS", "use_accelerate_endpoint": "true"},
            "bucket",
            "https://bucket.s3-accelerate.amazonaws.com /a//b%20%C3%BC",
        ),
        ({"provider": "Minio", "endpoint": "localhost:9000"}, "b", "https://localhost:9000 /b/a//b%20%C3%BC"),
        ({"provider": "Minio", "endpoint": "http://[::1]:9000/s3/"}, "b", "http://[::1]:9000 /s3/b/a//b%20%C3%BC"),
        (
            {"provider": "Minio", "endpoint": "https://h.example", "force_path_style": "false"},
            "bucket",
            "https://bucket.h.example /a//b%20%C3%BC",
        ),
        (
            {"provider": "Wasabi", "endpoint": "s3.wasabi.example"},
            "buc",
            "https://buc.s3.wasabi.example /a//b%20%C3%BC",
        ),
        ({"provider": "Wasabi", "endpoint": "http://127.0.0.1:1"}, "buc", "http://127.0.0.1:1 /buc/a//b%20%C3%BC"),
        ({"endpoint": "http://h.example:80"}, "bucket", "http://h.example /bucket/a//b%20%C3%BC"),
    ],
)
def test_where_a_bucket_is_reached(options: dict[str, str], bucket: str, expected: str) -> None:
    assert place(bucket, **options) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"provider": "Wasabi"},
        {"endpoint": "ftp://host"},
        {"endpoint": "http://user:password@host"},
        {"endpoint": "http://host:port"},
        {"endpoint": "http://"},
        {"endpoint": "http://host?x=y"},
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        place("bucket", **options)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "s3:amazonaws.com"),
        ({"region": "eu-west-1"}, "s3:amazonaws.com"),
        ({"endpoint": "https://h.example:443"}, "s3:h.example"),
        ({"endpoint": "http://h.example:9000/x"}, "s3:h.example:9000/x"),
    ],
)
def test_the_identity_is_the_server(options: dict[str, str], expected: str) -> None:
    assert identity_of(parse_options(options)) == expected


def test_options_are_parsed_as_rclone_does() -> None:
    parsed = parse_options(
        {
            "type": "s3",
            "unknown": "x",
            "upload_cutoff": "10Mi",
            "chunk_size": "6M",
            "env_auth": "true",
            "list_url_encode": "unset",
            "use_multipart_etag": "false",
        }
    )
    assert parsed == S3Options(
        upload_cutoff=10 << 20, chunk_size=6 << 20, env_auth=True, list_url_encode=None, use_multipart_etag=False
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chunk_size": "1M"}, "chunk_size"),
        ({"chunk_size": "large"}, "chunk_size"),
        ({"upload_cutoff": "6G"}, "upload_cutoff"),
        ({"copy_cutoff": "0"}, "copy_cutoff"),
        ({"env_auth": "perhaps"}, "env_auth"),
        ({"list_chunk": "0"}, "list_chunk"),
        ({"list_version": "3"}, "list_version"),
        ({"access_key_id": "a"}, "secret_access_key not found"),
        ({"secret_access_key": "a"}, "access_key_id not found"),
        ({"sse_customer_key": "a", "sse_customer_key_base64": "b"}, "sse_customer_key"),
        ({"encoding": "Slash,Colon"}, "encoding Colon"),
        ({"versions": "true", "version_at": "1d"}, "at the same time"),
        ({"version_at": "yesterday"}, "version_at"),
        ({"ibm_api_key": "x"}, "ibm_api_key"),
        ({"download_url": "ftp://host/"}, "download_url"),
        ({"role_arn": "arn:aws:iam::1:role/x", "role_session_duration": "soon", **KEYS}, "role_session_duration"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        open_s3(options, "bucket")


def test_every_option_of_the_original_is_known() -> None:
    assert not set(WITHOUT_EFFECT) & set(S3Options.__struct_fields__)
    assert not set(REFUSED) & set(S3Options.__struct_fields__)
    for name in (*WITHOUT_EFFECT, *REFUSED):
        parse_options({name: "false"})


def test_quirks_follow_the_provider_and_the_persons_words() -> None:
    assert quirks_of(parse_options({"provider": "AWS"})) == PROVIDERS["AWS"]
    assert quirks_of(parse_options({"provider": "Nobody Knows"})) == PROVIDERS["Other"]
    assert not quirks_of(parse_options({"provider": "Minio", "force_path_style": "false"})).path_style
    assert quirks_of(parse_options({"provider": "AWS", "list_version": "1"})).list_version == 1
    assert quirks_of(parse_options({"max_upload_parts": "50"})).most_parts == 50
    assert not quirks_of(parse_options({"server_side_encryption": "aws:kms"})).etag_is_md5
    assert not quirks_of(parse_options({"sse_customer_algorithm": "AES256"})).etag_is_md5


def test_the_secret_does_not_show() -> None:
    assert KEYS["secret_access_key"] not in repr(parse_options(KEYS))


def test_a_bucket_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="no bucket"):
        open_s3(KEYS, "")


# Credentials


def keys_of(options: dict[str, str]) -> Keys | None:
    from plait.stores.objects.credentials import completed, key_source

    parsed = completed(parse_options(options))
    return key_source(parsed, region_of(parsed))()


def test_keys_are_those_of_the_options() -> None:
    assert keys_of(KEYS) == Keys("access", "secret-that-must-not-show")
    assert keys_of({**KEYS, "session_token": "t", "env_auth": "true"}) == Keys("access", KEYS["secret_access_key"], "t")
    assert keys_of({}) is None


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment")
    assert keys_of({}) is None
    assert keys_of({"env_auth": "true"}) == Keys("from", "environment")


def test_region_and_endpoint_come_with_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    from plait.stores.objects.credentials import completed

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    found = completed(parse_options({"env_auth": "true"}))
    assert (found.region, found.endpoint) == ("eu-west-1", "http://127.0.0.1:1")
    given = completed(parse_options({"env_auth": "true", "region": "r", "endpoint": "e"}))
    assert (given.region, given.endpoint) == ("r", "e")
    without = completed(parse_options(KEYS))
    assert (without.region, without.endpoint) == ("", "")


def test_keys_come_from_a_profile(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[work]\naws_access_key_id = from\naws_secret_access_key = profile\nregion = eu-central-9\n")
    options = {"env_auth": "true", "profile": "work", "shared_credentials_file": str(file)}
    assert keys_of(options) == Keys("from", "profile")
    with pytest.raises(ConfigurationError, match="missing"):
        keys_of({**options, "profile": "missing"})


def test_no_keys_anywhere_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "credentials"
    empty.write_text("")
    with pytest.raises(SecretError, match="no credentials"):
        keys_of({"env_auth": "true", "shared_credentials_file": str(empty)})


def test_a_missing_library_gives_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(MissingExtraError) as caught:
        keys_of({"env_auth": "true"})
    assert caught.value.hint == "pip install 'plait[s3]'"
