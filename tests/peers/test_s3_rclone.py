"""What Plait keeps on S3 is what rclone keeps there, byte for byte and header for header, in both directions."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from plait.model.items import Kind
from plait.stores.base import Outgoing
from plait.stores.objects import open_s3
from plait.testing.generators import content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plait.stores.objects.store import S3Store
    from plait.testing.servers import S3Endpoint

MOMENTS = (
    0,
    1,
    999_999_999,
    1_000_000_000,
    1_500_000_000,
    1_600_000_000_123_456_789,
    1_700_000_000_100_000_000,
    -1,
    -1_500_000_000,
    4_102_444_800_000_000_000,
)
LARGE = 11 << 20


def s3_options(endpoint: S3Endpoint) -> dict[str, str]:
    return {
        "provider": "SeaweedFS",
        "endpoint": endpoint.url,
        "access_key_id": endpoint.access_key,
        "secret_access_key": endpoint.secret_key,
        "region": endpoint.region,
        "upload_cutoff": "6Mi",
        "chunk_size": "5Mi",
    }


@pytest.fixture
def run(rclone: Path, seaweedfs: S3Endpoint) -> Callable[..., str]:
    """Runs the real rclone, whose remote `s3:` is the server, and gives what it wrote on both streams."""
    environment = {**os.environ, **seaweedfs.rclone_environment()}

    def start(*words: str, code: int = 0) -> str:
        command = [str(rclone), "--config", "", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return start


@pytest.fixture
def store(seaweedfs: S3Endpoint, bucket: str) -> Iterator[S3Store]:
    store = open_s3(s3_options(seaweedfs), bucket)
    yield store
    store.close()


def listed(run: Callable[..., str], place: str) -> dict[str, dict[str, object]]:
    text = run("lsjson", "-R", "--files-only", "--hash", "--metadata", place)
    return {entry["Path"]: entry for entry in json.loads(text)}


def test_rclone_sees_the_times_that_plait_writes(run: Callable[..., str], store: S3Store, bucket: str) -> None:
    from datetime import UTC, datetime, timedelta

    for number, moment in enumerate(MOMENTS):
        store.write(f"t{number}", io.BytesIO(b"x"), 1, Outgoing(modified=moment))
    lines = run("lsf", "--format", "tp", "--time-format", "RFC3339Nano", f"s3:{bucket}").split("\n")
    found = {line.split(";")[1]: line.split(";")[0] for line in lines if ";" in line}
    for number, moment in enumerate(MOMENTS):
        seconds, fraction = divmod(moment, 10**9)
        shown = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        digits = f".{fraction:09d}".rstrip("0") if fraction else ""
        assert found[f"t{number}"] == f"{shown:%Y-%m-%dT%H:%M:%S}{digits}Z"


def test_plait_sees_the_times_that_rclone_writes(
    run: Callable[..., str], store: S3Store, bucket: str, tmp_path: Path
) -> None:
    for number, moment in enumerate(MOMENTS):
        path = tmp_path / f"t{number}"
        path.write_bytes(b"x")
        os.utime(path, ns=(moment, moment))
    run("copy", str(tmp_path), f"s3:{bucket}")
    for number, moment in enumerate(MOMENTS):
        assert store.stat(f"t{number}").modified == moment


def test_both_write_the_same_headers(
    run: Callable[..., str], store: S3Store, seaweedfs: S3Endpoint, bucket: str, tmp_path: Path
) -> None:
    """The same file from both: rclone lists no difference in anything it knows of the two."""
    sizes = {"small.txt": 5, "a/page.html": 4096, "empty": 0, "b/large.bin": LARGE, "UPPER.JPG": 10, "x.tar.gz": 10}
    moment = 1_600_000_000_123_456_789
    other = open_s3(s3_options(seaweedfs), bucket, "plait")
    for name, size in sizes.items():
        data = content(size, size)
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        os.utime(path, ns=(moment, moment))
        md5 = hashlib.md5(data).hexdigest()
        other.write(name, io.BytesIO(data), size, Outgoing(modified=moment, hashes={"md5": md5}))
    other.close()
    run("copy", "--s3-upload-cutoff", "6Mi", "--s3-chunk-size", "5Mi", str(tmp_path), f"s3:{bucket}/rclone")
    ours = listed(run, f"s3:{bucket}/plait")
    theirs = listed(run, f"s3:{bucket}/rclone")
    assert set(ours) == set(theirs) == set(sizes)
    for name in sizes:
        for entry in (ours[name], theirs[name]):
            assert isinstance(entry["Metadata"], dict)
            entry["Metadata"].pop("btime")
        assert ours[name] == theirs[name]
        assert {
            k: v for k, v in headers(seaweedfs, f"{bucket}/plait/{name}").items() if k.startswith("x-amz-meta")
        } == {k: v for k, v in headers(seaweedfs, f"{bucket}/rclone/{name}").items() if k.startswith("x-amz-meta")}
        assert store.stat(f"plait/{name}").hashes == store.stat(f"rclone/{name}").hashes
    quiet = run("check", f"s3:{bucket}/plait", str(tmp_path))
    assert "0 differences found" in quiet
    assert "could not be checked" not in quiet
    for place in ("plait", "rclone"):
        assert "Skipped" not in run("sync", "--dry-run", str(tmp_path), f"s3:{bucket}/{place}")


def headers(endpoint: S3Endpoint, path: str) -> dict[str, str]:
    from urllib.parse import quote
    from urllib.request import Request, urlopen

    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    signed = AWSRequest(method="HEAD", url=f"{endpoint.url}/{quote(path)}")
    S3SigV4Auth(Credentials(endpoint.access_key, endpoint.secret_key), "s3", endpoint.region).add_auth(signed)
    request = Request(signed.prepare().url, headers=dict(signed.headers.items()), method="HEAD")
    with urlopen(request, timeout=30) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}


def test_times_are_set_by_both_in_the_same_way(
    run: Callable[..., str], store: S3Store, seaweedfs: S3Endpoint, bucket: str
) -> None:
    how = Outgoing(modified=10**18, metadata={"colour": "green", "cache-control": "no-cache"})
    for name in ("ours.txt", "theirs.txt"):
        store.write(name, io.BytesIO(b"12345"), 5, how)
    later = 1_700_000_000_500_000_000
    store.set_attributes("ours.txt", modified=later)
    run("touch", "-t", "2023-11-14T22:13:20.5", f"s3:{bucket}/theirs.txt")
    ours, theirs = store.stat("ours.txt"), store.stat("theirs.txt")
    assert ours.modified == theirs.modified == later
    assert ours.hashes == theirs.hashes
    assert ours.content_type == theirs.content_type
    # The original forgets what is not user metadata; a change of time is no reason to.
    assert ours.metadata == {"colour": "green", "cache-control": "no-cache"}
    assert theirs.metadata == {"colour": "green"}
    kept = headers(seaweedfs, f"{bucket}/ours.txt")
    assert kept["x-amz-meta-mtime"] == "1700000000.5"


def test_metadata_goes_both_ways(run: Callable[..., str], store: S3Store, bucket: str, tmp_path: Path) -> None:
    metadata = {
        "colour": "green",
        "note": "two words",
        "mode": "100644",
        "cache-control": "no-cache",
        "content-disposition": "inline",
        "content-language": "en",
    }
    store.write("ours.txt", io.BytesIO(b"12345"), 5, Outgoing(modified=10**18, metadata=metadata))
    seen = listed(run, f"s3:{bucket}")["ours.txt"]["Metadata"]
    assert isinstance(seen, dict)
    assert {name: seen[name] for name in metadata} == metadata
    assert seen["content-type"] == "text/plain; charset=utf-8"
    path = tmp_path / "theirs.txt"
    path.write_bytes(b"12345")
    words = [word for name, value in metadata.items() for word in ("--metadata-set", f"{name}={value}")]
    run("copyto", "-M", *words, str(path), f"s3:{bucket}/theirs.txt")
    found = store.stat("theirs.txt").metadata
    assert found is not None
    assert {name: found.get(name) for name in metadata} == metadata


@pytest.mark.parametrize("size", [0, 5, LARGE])
def test_server_side_copies_are_equal_to_the_original(
    run: Callable[..., str], store: S3Store, seaweedfs: S3Endpoint, bucket: str, size: int
) -> None:
    data = content(size)
    md5 = hashlib.md5(data).hexdigest()
    store.write("from/file.txt", io.BytesIO(data), size, Outgoing(modified=10**18, hashes={"md5": md5}))
    source = open_s3(s3_options(seaweedfs), bucket, "from")
    target = open_s3(s3_options(seaweedfs), bucket, "ours")
    assert target.can_copy_from(source)
    [item] = [item for page in source.list() for item in page.items()]
    assert target.copy_from(source, item, "file.txt").size == size
    run("copy", "--no-traverse", f"s3:{bucket}/from", f"s3:{bucket}/theirs")
    assert "0 differences found" in run("check", f"s3:{bucket}/from", f"s3:{bucket}/ours")
    assert "Skipped" not in run("sync", "--dry-run", f"s3:{bucket}/from", f"s3:{bucket}/ours")
    ours, theirs = store.stat("ours/file.txt"), store.stat("theirs/file.txt")
    assert ours.hashes == theirs.hashes == {"md5": md5}
    assert ours.modified == theirs.modified == 10**18
    source.close()
    target.close()


def test_a_time_is_kept_when_the_original_has_only_the_servers(
    store: S3Store, seaweedfs: S3Endpoint, bucket: str
) -> None:
    seaweedfs.request("PUT", f"{bucket}/plain", b"by another program")
    before = store.stat("plain")
    assert before.modified == before.stored_at
    [item] = [item for page in store.list() for item in page.items()]
    store.copy_from(store, item, "copy")
    assert store.stat("copy").modified == before.modified
    store.set_attributes("plain", metadata={"colour": "green"})
    after = store.stat("plain")
    assert after.modified == before.modified
    assert after.metadata == {"colour": "green"}


def test_what_rclone_uploads_in_parts_has_a_hash_here(
    run: Callable[..., str], store: S3Store, bucket: str, tmp_path: Path
) -> None:
    data = content(LARGE)
    (tmp_path / "large").write_bytes(data)
    run("copy", "--s3-upload-cutoff", "5Mi", str(tmp_path), f"s3:{bucket}")
    md5 = hashlib.md5(data).hexdigest()
    [item] = [item for page in store.list() for item in page.items()]
    assert item.kind is Kind.FILE
    assert item.stat.hashes == {}
    assert store.hash("large", "md5") == md5
    with store.read("large") as reader:
        assert hashlib.md5(reader.read()).hexdigest() == md5
        assert reader.stat.hashes == {"md5": md5}


def test_a_stream_of_unknown_size_arrives(run: Callable[..., str], store: S3Store, bucket: str) -> None:
    data = content(40 << 20)
    stat = store.write("stream", io.BytesIO(data), None, Outgoing(modified=10**18))
    assert stat.size == len(data)
    with store.read("stream") as reader:
        assert reader.read() == data
    assert f"{len(data)} stream" in run("ls", f"s3:{bucket}")


def test_odd_names_are_the_same_for_both(run: Callable[..., str], store: S3Store, bucket: str, tmp_path: Path) -> None:
    names = (
        "space in name",
        "plus+and&hash#question?",
        "percent%2F",
        "quote'\"<>",
        "caf\u00e9",
        "\U0001f600",
        "~x",
        "a=b;c",
    )
    for name in names:
        store.write(f"ours/{name}", io.BytesIO(b"x"), 1, Outgoing(modified=10**18))
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, ns=(10**18, 10**18))
    run("copy", str(tmp_path), f"s3:{bucket}/theirs")
    assert "0 differences found" in run("check", str(tmp_path), f"s3:{bucket}/ours")
    keys = [item.key for page in store.list() for item in page.items()]
    assert sorted(key.removeprefix("ours/") for key in keys if key.startswith("ours/")) == sorted(names)
    assert sorted(key.removeprefix("theirs/") for key in keys if key.startswith("theirs/")) == sorted(names)
