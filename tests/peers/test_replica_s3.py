"""Replicas on a real S3 server: keys, metadata, times, and two daemons on one of them."""

import http.client
import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from plait.cli.databases.opening import opener
from plait.model.errors import BusyError, DirectoryNotFoundError, ObjectNotFoundError, PlaitError
from plait.replication.configuration.places import parse_replica_url
from plait.replication.ltx.header import Header
from plait.replication.ltx.names import Span
from plait.replication.ltx.writer import encode
from plait.replication.replica import Chunks, Replica
from plait.testing.servers import S3Endpoint

TIMESTAMP = 1_795_226_532_874
SPAN = Span(3, 4)
KEY = "pre/app/0001/0000000000000003-0000000000000004.ltx"


def content(fill: int = 1, pages: int = 1) -> bytes:
    header = Header(page_size=4096, commit=pages, min_txid=3, max_txid=4, timestamp=TIMESTAMP)
    return b"".join(encode(header, ((number, bytes([fill]) * 4096) for number in range(1, pages + 1))))


@pytest.fixture
def opened(seaweedfs: S3Endpoint, bucket: str) -> Iterator[Callable[[str], Replica]]:
    replicas: list[Replica] = []

    def open_at(path: str) -> Replica:
        keys = {"LITESTREAM_ACCESS_KEY_ID": seaweedfs.access_key, "LITESTREAM_SECRET_ACCESS_KEY": seaweedfs.secret_key}
        name = path.format(bucket)
        replicas.append(opener()(parse_replica_url(f"s3://{name}?endpoint={seaweedfs.url}", keys)))
        return replicas[-1]

    yield open_at
    for replica in replicas:
        replica.close()


@pytest.fixture
def replica(opened: Callable[[str], Replica]) -> Replica:
    return opened("{}/pre/app")


def put(replica: Replica, data: bytes) -> None:
    replica.write(1, SPAN, lambda: Chunks([data]), len(data), TIMESTAMP)


def test_the_key_and_the_metadata_are_litestreams(replica: Replica, seaweedfs: S3Endpoint, bucket: str) -> None:
    put(replica, content())
    assert seaweedfs.request("GET", f"{bucket}/{KEY}") == content()
    signed = AWSRequest(method="HEAD", url=f"{seaweedfs.url}/{bucket}/{KEY}")
    S3SigV4Auth(Credentials(seaweedfs.access_key, seaweedfs.secret_key), "s3", seaweedfs.region).add_auth(signed)
    connection = http.client.HTTPConnection(urlsplit(seaweedfs.url).netloc, timeout=60)
    connection.request("HEAD", f"/{bucket}/{KEY}", headers=dict(signed.prepare().headers.items()))
    headers = {name.lower(): value for name, value in connection.getresponse().getheaders()}
    connection.close()
    assert headers["x-amz-meta-litestream-timestamp"] == "2026-11-21T02:02:12.874Z"
    assert not {name for name in headers if name.startswith("x-amz-meta-")} - {"x-amz-meta-litestream-timestamp"}


def test_the_servers_time_and_the_replicas_are_two(replica: Replica) -> None:
    put(replica, content())
    (listed,) = replica.files(1)
    assert listed.created != TIMESTAMP * 10**6
    (timed,) = replica.with_timestamps([listed])
    assert timed.created == TIMESTAMP * 10**6
    assert timed.span == SPAN


def test_two_daemons_on_one_bucket_notice_each_other(replica: Replica, opened: Callable[[str], Replica]) -> None:
    """B8: conditional writes, by which the second one's file is refused."""
    put(replica, content(1))
    put(replica, content(1))
    other = opened("{}/pre/app")
    with pytest.raises(BusyError, match="with other content"):
        put(other, content(2))
    (file,) = replica.files(1)
    assert b"".join(replica.chunks(file)) == content(1)


def test_a_stream_of_unknown_length_is_stored_whole(replica: Replica) -> None:
    data = content(pages=3000)
    pieces = [data[index : index + 100_000] for index in range(0, len(data), 100_000)]
    replica.write(9, Span(1, 4), lambda: Chunks(pieces), None, TIMESTAMP, replace=True)
    (file,) = replica.files(9)
    assert (file.level, file.size) == (9, len(data))
    assert replica.open(file, 1000, 50).read() == data[1000:1050]


def test_what_is_deleted_is_gone(replica: Replica) -> None:
    put(replica, content())
    files = replica.files(1)
    replica.delete(files)
    replica.delete(files)
    assert replica.all_files() == []
    with pytest.raises(ObjectNotFoundError):
        replica.open(files[0]).read()


def test_a_bucket_that_is_missing_is_a_mistake_and_none_is_made(opened: Callable[[str], Replica]) -> None:
    replica = opened("no-such-bucket-here/app")
    with pytest.raises(DirectoryNotFoundError):
        replica.all_files()
    with pytest.raises(PlaitError):
        put(replica, content())
    with pytest.raises(DirectoryNotFoundError):
        replica.all_files()


def test_secrets_stand_in_no_error_and_no_log(seaweedfs: S3Endpoint, bucket: str) -> None:
    environment = {
        "PATH": "/usr/bin",
        "HOME": "/nonexistent",
        "LITESTREAM_ACCESS_KEY_ID": seaweedfs.access_key,
        "LITESTREAM_SECRET_ACCESS_KEY": "the-wrong-secret",
    }
    url = f"s3://{bucket}/app?endpoint={seaweedfs.url}"
    for words in (["restore", "-o", "/tmp/never.db", url], ["ltx", url]):
        found = subprocess.run(
            [sys.executable, "-m", "plait", "litestream", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert found.returncode == 1
        assert "the-wrong-secret" not in found.stdout + found.stderr
        assert found.stderr.startswith("Error: ")
