"""The local store beside rclone's local backend: the same listing, notices, metadata and hashes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from plait.model.items import Kind
from plait.stores.base import Outgoing
from plait.stores.local import Links, LocalOptions, LocalStore
from plait.testing.generators import NOT_UTF8, ODD_NAMES, content
from plait.testing.store_tools import MOMENT, items, put

if TYPE_CHECKING:
    from pathlib import Path


def run(rclone: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([rclone, "--config", os.devnull, *arguments], capture_output=True, check=False)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "tree"
    (root / "d" / "sub").mkdir(parents=True)
    (root / "d" / "file").write_bytes(b"12345")
    (root / "d" / "sub" / "x").write_bytes(b"x")
    (root / "empty").mkdir()
    (root / "to-d").symlink_to("d")
    (root / "to-file").symlink_to("d/file")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(root)  # the path of a socket must be short
        server.bind("socket")
        monkeypatch.undo()
    return root


@pytest.mark.parametrize(
    ("links", "flags"), [(Links.SKIP, []), (Links.FOLLOW, ["--copy-links"]), (Links.TRANSLATE, ["--links"])]
)
def test_lists_what_rclone_lists_and_says_what_it_says(
    rclone: Path, tree: Path, links: Links, flags: list[str]
) -> None:
    told: list[str] = []
    store = LocalStore(tree, LocalOptions(links=links), lambda key, text: told.append(f"{key}: {text}"))
    listed = {
        item.key: (item.kind is Kind.DIRECTORY, None if item.kind is Kind.DIRECTORY else item.size)
        for item in items(store)
    }
    answer = run(rclone, "lsjson", "-R", *flags, str(tree))
    theirs = {row["Path"]: (row["IsDir"], None if row["IsDir"] else row["Size"]) for row in json.loads(answer.stdout)}
    assert listed == theirs
    notices = [line.partition(": ")[2] for line in answer.stderr.decode().splitlines()]
    assert sorted(told) == sorted(notices)


def test_shows_odd_names_as_they_are(rclone: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    # rclone shows names that it could not use itself in another spelling.
    plain = [name for name in ODD_NAMES if name.isprintable() and "\u2400" not in name and "\uff0f" not in name]
    for name in plain:
        put(store, f"dir/{name}", b"odd")
    answer = run(rclone, "lsjson", "-R", "--files-only", str(tmp_path))
    assert {row["Name"] for row in json.loads(answer.stdout)} == set(plain)
    put(store, NOT_UTF8, b"bytes")
    assert [item.key for item in items(store)][-1] == NOT_UTF8


def test_gives_the_metadata_that_rclone_gives(rclone: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path, LocalOptions(metadata=True))
    put(store, "d/file", b"1", Outgoing(modified=MOMENT))
    (tmp_path / "d" / "file").chmod(0o4751)
    for path in (tmp_path / "d", tmp_path / "d" / "file"):
        os.setxattr(path, "user.Colour", b"green")
        os.setxattr(path, "user.mode", b"not this one")
        os.utime(path, ns=(1_000_000_000, 1_500_000_000_000_000_000))
    answer = run(rclone, "lsjson", "-M", "-R", str(tmp_path))
    rows = json.loads(answer.stdout)
    assert len(rows) == 2
    for row in rows:
        theirs = row["Metadata"]
        ours = dict(store.stat(row["Path"]).metadata or {})
        # A look at the directory may count as an access.
        if row["IsDir"]:
            del theirs["atime"], ours["atime"]
        assert ours == theirs


def test_rclone_finds_the_metadata_that_were_written(rclone: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "ours", LocalOptions(metadata=True))
    metadata = {
        "mode": "100604",
        "atime": "2001-02-03T04:05:06.123456789Z",
        "mtime": "2002-02-03T04:05:06.5Z",
        "a": "b",
    }
    put(store, "file", b"1", Outgoing(metadata=metadata))
    [row] = json.loads(run(rclone, "lsjson", "-M", str(tmp_path / "ours")).stdout)
    assert {name: row["Metadata"][name] for name in metadata} == metadata
    # And from there by rclone to another place, which the store then reads.
    assert run(rclone, "copy", "-M", str(tmp_path / "ours"), str(tmp_path / "theirs")).returncode == 0
    copied = LocalStore(tmp_path / "theirs", LocalOptions(metadata=True)).stat("file").metadata
    assert copied is not None
    assert {name: copied[name] for name in ("mode", "mtime", "a")} == {
        name: metadata[name] for name in ("mode", "mtime", "a")
    }


def test_computes_the_hashes_that_rclone_computes(rclone: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put(store, "file", content(2_000_001))
    put(store, "empty", b"")
    assert {"md5", "sha1", "crc32", "sha256", "sha512", "blake3"} <= set(store.features.hashes)
    for name in store.features.hashes:
        answer = run(rclone, "hashsum", name, str(tmp_path))
        theirs = {key: value for value, key in (line.split() for line in answer.stdout.decode().splitlines())}
        assert {key: store.hash(key, name) for key in ("file", "empty")} == theirs


def test_prefers_the_hashes_that_rclone_prefers(rclone: Path, tmp_path: Path) -> None:
    answer = json.loads(run(rclone, "backend", "features", str(tmp_path)).stdout)
    ours = LocalStore(tmp_path).features.hashes
    assert list(ours) == [name for name in answer["Hashes"] if name in ours]
