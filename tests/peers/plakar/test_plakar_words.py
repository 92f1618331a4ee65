"""The front prints what the original prints, on the same streams, with the same exit status."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.peers.plakar.conftest import Programs

READING = """
ls
ls -uuid -tags
ls -latest
ls -tag beta,!alpha
ls -root /data/src/docs
ls -latest -per-year 1
ls -name nosuch
ls 66ce:
ls 66ce:docs
ls -recursive 66ce:docs
ls 66ce:docs/nosuch
ls zz:
ls a b
info
info 66ce
info -errors 66ce
info zz
info a b
cat 66ce:docs/hello.txt
cat 66ce:docs
cat 66ce:docs/nosuch 2305:docs/link
cat zz:x
cat
digest 66ce:docs
digest -hashing BLAKE3 66ce:docs
digest -hashing MD5 66ce:docs
digest
locate *.txt
locate -latest hello.txt
locate [
locate
diff 66ce:docs/nosuch 2305:docs/nosuch
diff 66ce:docs 66ce:docs/link
diff -recursive 66ce 2305
diff
check -latest -name nosuch
check zz
check 66c
restore -to out 66ce:nosuch
restore -to @nosuch 66ce
restore -name nosuch
restore 66ce 2305
backup /nosuch
backup @nosuch
backup foo://x
backup -force-timestamp 2099-01-01 .
backup -ignore-file /nosuch .
rm
rm zz
rm -name nosuch
rm 66ce
rm -latest
ls -recursive 66ce:links
ls -tag beta -tag alpha
ls -before 2025-06-07
diff 66ce:docs/page.html 66ce:docs
diff 66ce:docs zz
diff 66ce 2305 ee9c
locate -snapshot 66ce -name first page.html
backup -packfiles nosuch .
create -hashing MD5
create -plaintext
restore -to foo://x 66ce
diag
diag locks
diag state
diag packfile
diag snapshot 66ce
diag snapshot
diag vfs 66ce:docs
diag vfs 66ce:xattr/two
diag vfs 66ce:nosuch
diag xattr 66ce:docs
diag chunks 66ce:big/random5m
diag chunks 66ce:docs
diag search 66ce:docs text/plain
diag object zz
diag state zz
diag packfile 2f0d26115682064b7084fe5f06e2ae45bd6a5207e63f9f8030e7336043b6e7d1
at plain ls
nosuch
store
store nosuch
store set x
store import -config nosuch
source add x
source ping nosuch
store add
store add x
store rm nosuch
store set nosuch a=b
store show nosuch
store ping nosuch
version extra
help nosuch
"""


@pytest.mark.parametrize("line", READING.split("\n")[1:-1])
def test_a_command_line_on_a_repository(line: str, programs: Programs) -> None:
    programs.unpack("plain")
    words = ("at", "plain", *line.split())
    theirs, ours = programs.plakar(*words, status=None), programs.front(*words, status=None)
    assert ours == theirs


@pytest.mark.parametrize(
    "line",
    [
        *("at nosuch ls", "at plain create -plaintext", "at plain -x", "at plain ls -x", "-cpu 0 ls", "ls"),
        *("-keyfile nosuch version", "at foo:bar ls", "at no.ptar ls", "at plain/CONFIG ls", "-cpu x ls"),
    ],
)
def test_a_command_line_that_goes_no_further(line: str, programs: Programs) -> None:
    programs.unpack("plain")
    theirs, ours = programs.plakar(*line.split(), status=None), programs.front(*line.split(), status=None)
    assert (ours.status, ours.err.splitlines()[:1]) == (theirs.status, theirs.err.splitlines()[:1])


def test_entries_are_written_as_the_original_writes_them(programs: Programs) -> None:
    lines = (
        "store add @two s3://host/bucket access_key=AK secret_access_key=SK use_tls=false passphrase=pw",
        "store add one /srv/one",
        "store set one default=yes n=1 text=#x",
        "store unset two passphrase",
        "source add src /data x=",
        "destination add dst fs:/out",
        "store add gone /x",
        "store rm gone",
    )
    for line in lines:
        programs.plakar("-configdir", "theirs", *line.split())
        programs.front("-configdir", "ours", *line.split())
    names = sorted(path.name for path in (programs.directory / "theirs").iterdir())
    assert names == sorted(path.name for path in (programs.directory / "ours").iterdir())
    for name in names:
        assert (programs.directory / "ours" / name).read_text() == (programs.directory / "theirs" / name).read_text()
    for line in ("store show two", "store show -json one", "store show -secrets two", "source show src"):
        theirs = programs.plakar("-configdir", "ours", *line.split())
        assert programs.front("-configdir", "ours", *line.split()) == theirs


def test_damage_is_found_by_both(programs: Programs) -> None:
    repository = programs.unpack("plain")
    largest = max((repository / "packfiles").rglob("*"), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.seek(300_000)
        file.write(b"damaged")
    shutil.rmtree(programs.directory / "home/.cache", ignore_errors=True)
    theirs = programs.plakar("at", "plain", "check", status=65)
    ours = programs.front("at", "plain", "check", status=65)
    assert theirs.out.splitlines()[-1].startswith("plakar: check failed for ")
    assert ours.out.splitlines()[-1].startswith("plakar: check failed for ")
