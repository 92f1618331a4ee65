"""What is wrong with a command line, a remote or a server: said once and plainly, with rclone's exit code."""

import hashlib
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plait.cli.main import main
from plait.testing.s3_stub import SECRET, Seen, Stub, certificate, listing, refusal, reply

TIME = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", re.MULTILINE)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tree/a.txt", "tree/sub/b.txt", "out/old.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("list").write_text("a.txt\n")
    Path("rclone.conf").write_text("")


@pytest.fixture
def ours(capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([*words, "--config=rclone.conf"], "rclone")
        sys.stdout.flush()
        said = capfd.readouterr()
        return code, said.out, TIME.sub("", said.err)

    return run


@pytest.fixture
def theirs(rclone: Path) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        done = subprocess.run([rclone, *words, "--config=rclone.conf"], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, TIME.sub("", done.stderr)

    return run


def held() -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(Path().rglob("*")) if path.is_file()}


def first_lines(text: str) -> list[str]:
    """What is said before the usage."""
    lines = [line for line in text.partition("\nUsage:")[0].splitlines() if line.strip()]
    return [line for line in lines if "selfupdate" not in line and "NOTICE: Fatal error" not in line]


LINES = [
    "copy nosuch:x out",
    "sync tree nosuch:x",
    "lsf nosuch:",
    "sync tree out --backup-dir nosuch:b",
    "nosuchverb tree",
    "copy tree out --nosuch",
    "copy tree out --transfers=many",
    "copy tree out --max-size 10Q",
    "copy tree out --max-age yesterdayish",
    "sync tree out --delete-before --delete-after",
    "sync tree out --compare-dest c --copy-dest d",
    "sync tree out --files-from list --include a",
    "sync tree out --files-from nosuchlist",
    "sync tree out --filter x",
    "sync tree out --backup-dir out",
    "sync tree tree/sub",
    "copy nosuchdir out --retries=1",
    "copy tree out -q -v",
    "lsf tree --format z",
    "hashsum nosuch tree",
    "cat tree --head 1 --tail 1",
    "touch tree/new -t nonsense --retries=1",
    "purge nosuchdir --retries=1",
    "rmdir tree --retries=1",
    "deletefile tree --retries=1",
    "moveto tree/nosuch out/x --retries=1",
]


@pytest.mark.parametrize("line", LINES)
def test_command_lines(line: str, ours: Run, theirs: Run) -> None:
    before = held()
    code, _, log = ours(*line.split())
    assert held() == before
    expected, _, original = theirs(*line.split())
    assert (code, first_lines(log)) == (expected, first_lines(original))
    assert code != 0


REFUSALS = {
    "wrong key": (403, "InvalidAccessKeyId", "The access key ID you provided does not exist in our records."),
    "wrong secret": (403, "SignatureDoesNotMatch", "The request signature we calculated does not match."),
    "expired": (400, "ExpiredToken", "The provided token has expired."),
    "clock": (403, "RequestTimeTooSkewed", "The difference between the request time and the server's is too large."),
    "denied": (403, "AccessDenied", "Access Denied."),
    "no bucket": (404, "NoSuchBucket", "The specified bucket does not exist"),
}
QUICK = ("--retries=1", "--low-level-retries=1", "--contimeout=5s")


def remote(endpoint: str) -> None:
    Path("rclone.conf").write_text(
        f"[s]\ntype = s3\nprovider = Minio\nendpoint = {endpoint}\naccess_key_id = access\n"
        f"secret_access_key = {SECRET}\nregion = us-east-1\n"
    )


@pytest.fixture
def stub() -> Iterator[Stub]:
    found = Stub()
    yield found
    found.close()


REFUSED = (
    *(("sync", "tree", "s:bucket/p"), ("sync", "s:bucket/p", "out"), ("lsf", "s:bucket/p")),
    *(("sync", "s:bucket", "out"), ("lsf", "s:bucket")),
)


@pytest.mark.parametrize(
    ("case", "words"),
    # A bucket that is missing is made for what is stored.
    [(case, words) for case in REFUSALS for words in REFUSED if (case, words[1]) != ("no bucket", "tree")],
)
def test_servers_that_refuse(case: str, words: tuple[str, ...], stub: Stub, ours: Run, theirs: Run) -> None:
    status, code, message = REFUSALS[case]
    stub.answer = lambda seen: reply(status) if seen.method == "HEAD" else refusal(status, code, message)
    remote(stub.url)
    before = held()
    found, output, log = ours(*words, *QUICK)
    assert held() == before
    assert not [seen for seen in stub.seen if seen.method == "DELETE"]
    assert (found, output) == (theirs(*words, *QUICK)[0], "")
    assert code in log or (case == "no bucket" and "directory not found" in log)
    assert SECRET not in log


def test_a_key_for_one_prefix_works_there_and_is_refused_elsewhere(stub: Stub, ours: Run, theirs: Run) -> None:
    """Also what stands above the prefix is refused then: that must not be taken for an answer."""

    def answer(seen: Seen) -> bytes:
        inside = seen.path.startswith("/bucket/mine/") or seen.query.get("prefix", "").startswith("mine/")
        if not inside:
            return reply(403) if seen.method == "HEAD" else refusal(403, "AccessDenied", "Access Denied.")
        if seen.path in {"/bucket", "/bucket/"}:
            return reply(200, listing("mine/open.txt"))
        md5 = hashlib.md5(b"abc", usedforsecurity=False).hexdigest()
        if seen.method == "HEAD":
            return reply(200, etag=f'"{md5}"', last_modified="Tue, 02 Jan 2024 03:04:05 GMT", content_length="3")
        return reply(200, b"abc", etag=f'"{md5}"', last_modified="Tue, 02 Jan 2024 03:04:05 GMT")

    stub.answer = answer
    remote(stub.url)
    assert ours("lsf", "s:bucket/mine", *QUICK)[:2] == theirs("lsf", "s:bucket/mine", *QUICK)[:2] == (0, "open.txt\n")
    before = held()
    code, _, log = ours("sync", "s:bucket/other", "out", *QUICK)
    assert code == theirs("sync", "s:bucket/other", "out", *QUICK)[0] != 0
    assert "AccessDenied" in log
    assert held() == before


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://nosuch.invalid"])
def test_hosts_that_are_not_reached(endpoint: str, ours: Run, theirs: Run) -> None:
    remote(endpoint)
    before = held()
    code, output, log = ours("sync", "s:bucket/p", "out", *QUICK)
    assert held() == before
    assert (code, output) == (theirs("sync", "s:bucket/p", "out", *QUICK)[0], "")
    assert endpoint.removeprefix("http://").partition(":")[0] in log


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path, ours: Run, theirs: Run) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    stub = Stub(tls=context)
    try:
        remote(stub.url)
        before = held()
        code, output, log = ours("sync", "s:bucket/p", "out", *QUICK)
        assert held() == before
        assert (code, output) == (theirs("sync", "s:bucket/p", "out", *QUICK)[0], "")
        assert "certificate" in log
        assert stub.seen == []
    finally:
        stub.close()
