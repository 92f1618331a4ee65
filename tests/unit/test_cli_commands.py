"""Commands in one process, between local directories: what they print, do and return."""

import json
import re
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from plait import __version__
from plait.cli.kinds import find_kind
from plait.cli.main import main
from plait.model.errors import UsageError
from plait.stores.memory import MemoryStore

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to work in, with a source and a destination, and Plait's own directories beside it."""
    work = tmp_path / "work"
    for directory in ("s/sub", "d/old"):
        (work / directory).mkdir(parents=True)
    (work / "s/a").write_text("new")
    (work / "s/sub/b").write_text("b")
    (work / "d/a").write_text("old content")
    (work / "d/old/x").write_text("x")
    monkeypatch.chdir(work)
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"PLAIT_{name}_DIR", str(tmp_path / name.lower()))
    return work


def plait(*words: str) -> int:
    return main(words, "plait")


def files(root: str) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in Path(root).rglob("*") if path.is_file()}


def test_sync_says_what_it_did(capsys: Captured) -> None:
    assert plait("sync", "s", "d") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"sync: 1 created, 1 replaced, 1 deleted, 1 directories removed, 4 B in \d+\.\ds\n", err)
    assert files("d") == files("s")


def test_quiet_says_nothing(capsys: Captured) -> None:
    assert plait("sync", "-q", "s", "d") == 0
    assert capsys.readouterr() == ("", "")


def test_a_dry_run_does_nothing_and_says_what_it_would(capsys: Captured) -> None:
    before = files("d")
    assert plait("sync", "--dry-run", "s", "d") == 0
    err = capsys.readouterr().err
    assert "NOTICE: a: Skipped copy as --dry-run is set (size 3)\n" in err
    assert err.endswith("sync: would create 1, replace 1, delete 1, remove directories: 1\n")
    assert files("d") == before
    assert plait("runs") == 0
    assert capsys.readouterr().out == "no run is recorded\n"


def test_json_is_one_object_a_line(capsys: Captured) -> None:
    assert plait("sync", "--json", "s", "d") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    done = {(record["verb"], record.get("key")) for record in records if record["event"] == "outcome"}
    assert {("create", "sub/b"), ("replace", "a"), ("delete", "old/x")} <= done
    summary = records[-1]
    assert summary["event"] == "summary"
    assert (summary["exit_code"], summary["errors"], summary["bytes"]) == (0, 0, 4)
    assert summary["done"]["create"] == 1


@pytest.mark.parametrize(
    ("words", "code"), [(("s", "d/a"), 1), (("s", "nope:x"), 1), (("s", "s/sub"), 7), (("s", "d", "--filter=bad"), 1)]
)
def test_json_ends_with_its_summary_where_nothing_began(words: tuple[str, ...], code: int, capsys: Captured) -> None:
    assert plait("sync", "--json", *words) == code
    [line] = capsys.readouterr().out.splitlines()
    summary = json.loads(line)
    assert (summary["event"], summary["exit_code"], summary["errors"]) == ("summary", code, 1)
    assert summary["error"]


def test_copy_and_move(capsys: Captured) -> None:
    assert plait("copy", "s", "d") == 0
    assert files("d") == {**files("s"), "old/x": "x"}
    assert plait("move", "--delete-empty-src-dirs", "s", "m") == 0
    assert files("m") == {"a": "new", "sub/b": "b"}
    assert files("s") == {}
    capsys.readouterr()


def test_what_is_missing_is_named(capsys: Captured) -> None:
    assert plait("sync", "nosuch", "d") == 3
    assert capsys.readouterr().err.endswith("plait: error: nosuch: directory not found\n")
    assert plait("ls", "nosuch") == 3
    assert capsys.readouterr().err == "plait: error: nosuch: directory not found\n"
    assert files("d") == {"a": "old content", "old/x": "x"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("sync", "s"), 2, "sync needs a destination"),
        (("sync", "to", "@p"), 1, "peer store: could not resolve repository: @p"),
        (("at", "@r", "sync", "from", "@p"), 1, "peer store: could not resolve repository: @p"),
        (("sync", "-socket", "no.sock", "app.db"), 1, "start one: plait replicate DATABASE REPLICA"),
        (("ls", "@r:"), 1, "could not resolve repository: @r"),
        (("at", "@r", "ls"), 1, "could not resolve repository: @r"),
        (("at", "s", "ls"), 3, "there is no repository at"),
        (("at", "s", "size"), 2, "size does not work on a repository"),
        (("digest", "@r:ab", "@q:ab"), 2, "@q and @r are different repositories"),
        (("at", "@r", "copy", "a", "b"), 2, "copy does not work at a repository"),
        (("at", "@r"), 2, "at needs a repository and a command"),
        (("size", "--as", "replica", "s"), 3, "s holds no LTX files"),
        (("check", "s"), 2, "s is a tree: check compares it with another one"),
        (("ls", "@r"), 2, "@r"),
        (("sync", "-v", "-q", "s", "d"), 2, "-v and -q contradict each other"),
        (("copy", "s"), 2, "copy takes 2 words, not 1"),
        (("copy", "--max-delete", "1", "s", "d"), 2, "unknown option --max-delete"),
        (("sync", "--max-delete=x", "s", "d"), 2, "--max-delete=x: not a whole number"),
        (("sync", "s", "nosuch:x"), 1, 'didn\'t find section in config file ("nosuch")'),
        (("sync", "--config", "none.conf", "s", "x:"), 1, "there is no configuration file none.conf"),
        (("sync", "s", "sftp://host/x"), 1, "sftp"),
        (("sync", "s", "s/sub"), 7, "overlapping"),
        (("sync", "--delete-before", "--delete-after", "s", "d"), 1, "Only one of"),
        (("plan", "sync", "s", "d"), 2, "plan sync needs a file to write the plan to"),
        (("plan",), 2, "plan needs a word more"),
        (("snyc", "s", "d"), 2, "there is no command 'snyc'"),
        (("--", "sync", "s", "d"), 2, "no command"),
        (("-v",), 2, "no command"),
        (("completion", "tcsh"), 2, "no completion for tcsh"),
        (("runs", "show", "x"), 4, "there is no run 'x'"),
        (("apply", "s/a"), 1, "s/a is no plan"),
        (("ls", "--format", "pq", "s"), 2, "there is no part 'q'"),
    ],
)
def test_refusals_touch_nothing(words: tuple[str, ...], code: int, message: str, capsys: Captured) -> None:
    before = files(".")
    assert plait(*words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("plait: error: ")
    assert "Traceback" not in err
    assert files(".") == before


def test_options_stand_anywhere(capsys: Captured) -> None:
    assert plait("-q", "--exclude", "a", "sync", "s", "-max-delete=5", "d", "-n") == 0
    assert plait("sync", "-q", "--", "s", "-d") == 0
    assert files("-d") == files("s")
    capsys.readouterr()


def test_a_defect_is_one_line_and_a_traceback_on_demand(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr("plait.cli.commands.version.run", broken)
    assert plait("version") == 1
    err = capsys.readouterr().err
    assert err.splitlines()[0] == "plait: error: this is a defect of Plait: KeyError: 'x'"
    assert "Traceback" not in err
    assert plait("version", "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


def test_ls_in_its_forms(capsys: Captured) -> None:
    def said(*words: str) -> list[str]:
        assert plait("ls", *words) == 0
        return capsys.readouterr().out.splitlines()

    assert said("s") == ["a", "sub/"]
    assert said("-R", "s") == ["a", "sub/", "sub/b"]
    assert said("-R", "--files-only", "s") == ["a", "sub/b"]
    assert said("--dirs-only", "--absolute", "s") == ["/sub/"]
    assert said("--dirs-only", "--dir-slash=false", "s") == ["sub"]
    assert said("--format", "sp", "s") == ["3;a", "-1;sub/"]
    assert said("--format", "sp", "--csv", "s") == ["3,a", "-1,sub/"]
    assert said("--format", "ph", "--hash", "MD5", "s/a") == ["a;22af645d1859cb5ca6da0c484f1f37ea"]
    assert re.fullmatch(r" {11}3  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  a", said("--long", "s")[0])
    first = json.loads(said("--json", "s")[0])
    assert (first["key"], first["kind"], first["size"]) == ("a", "file", 3)


def test_size_and_check(capsys: Captured) -> None:
    assert plait("size", "s") == 0
    assert capsys.readouterr().out == "Total objects: 2\nTotal size: 4 B (4 Byte)\n"
    assert plait("size", "--json", "s") == 0
    assert json.loads(capsys.readouterr().out) == {"count": 2, "bytes": 4, "sizeless": 0}
    assert plait("check", "s", "d") == 1
    assert "NOTICE: d: 3 differences found\n" in capsys.readouterr().err
    assert plait("check", "--json", "s", "d") == 1
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["differences"], summary["missing_at_source"], summary["exit_code"]) == (3, 1, 1)
    assert plait("check", "s", "s") == 0


def test_plan_show_apply(capsys: Captured) -> None:
    assert plait("plan", "sync", "-o", "p", "--exclude", "*.tmp", "s", "d") == 0
    assert files("d") == {"a": "old content", "old/x": "x"}
    capsys.readouterr()
    assert plait("plan", "show", "p") == 0
    shown = capsys.readouterr().out.splitlines()
    assert "  --exclude *.tmp" in shown
    assert "* a  3 B  sizes differ" in shown
    assert "- old/x  1 B  not in source" in shown
    assert shown[-1] == "1 to create, 1 to replace, 1 to delete, 1 directories to remove, 4 B to carry, 1 B freed"
    assert plait("plan", "show", "--json", "p") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["options"] == {"exclude": ["*.tmp"]}
    assert plait("apply", "p") == 0
    assert files("d") == files("s")


def test_apply_refuses_what_has_changed_since(capsys: Captured, ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plait("plan", "sync", "-o", "p", "s", "d") == 0
    Path("s/a").write_text("changed since")
    monkeypatch.chdir(ground.parent)
    assert plait("apply", "work/p") == 1
    assert "a: Failed to copy: the source is not as planned: its size changed from 3 to 13" in capsys.readouterr().err
    assert files("work/d") == {"a": "old content", "old/x": "x", "sub/b": "b"}


def test_a_plan_holds_no_secrets() -> None:
    secrets = ("--header", "Authorization: Bearer hunter2", "--header-upload", "Key: hunter2", "--http-proxy")
    assert plait("plan", "sync", "-o", "p", *secrets, "http://user:hunter2@proxy", "--checksum", "s", "d") == 0
    text = Path("p").read_text()
    assert "hunter2" not in text
    assert '"checksum":"true"' in text
    assert plait("apply", "p", "--header", "Authorization: Bearer hunter2") == 0


def test_an_altered_plan_and_one_that_would_not_be_whole(capsys: Captured) -> None:
    assert plait("plan", "sync", "-o", "p", "nosuch", "d") == 3
    assert not Path("p").exists()
    assert plait("plan", "sync", "-o", "p", "s", "d") == 0
    with Path("p").open("a") as file:
        file.write("x")
    assert plait("apply", "p") == 1
    assert "truncated or altered" in capsys.readouterr().err
    assert files("d") == {"a": "old content", "old/x": "x"}


def test_runs_are_recorded_and_shown(capsys: Captured, tmp_path: Path) -> None:
    assert plait("sync", "-q", "s", "d") == 0
    assert plait("sync", "-q", "--no-record", "s", "d") == 0
    assert plait("sync", "-q", "nosuch", "d") == 3
    capsys.readouterr()
    assert plait("runs") == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 3
    assert table[0].split() == ["ID", "STARTED", "TOOK", "STATUS", "COMMAND", "DID"]
    assert f"failed  sync {tmp_path}/work/nosuch {tmp_path}/work/d" in table[1]
    assert plait("runs", "--json", "--limit", "1") == 0
    (record,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (record["status"], record["exit_code"]) == ("failed", 3)
    assert plait("runs", "show", table[2].split()[0]) == 0
    shown = capsys.readouterr().out
    assert "status     done\n" in shown
    assert "delete old/x\n" in shown
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_a_run_that_cannot_be_recorded_does_not_begin(capsys: Captured, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    assert plait("sync", "s", "d") == 1
    assert capsys.readouterr().err.splitlines()[-1] == "plait: hint: with --no-record it runs without a record"
    assert files("d") == {"a": "old content", "old/x": "x"}


def test_defaults_from_plait_toml(capsys: Captured, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/plait.toml").write_text('[sync]\nexclude = ["/old/**"]\n')
    assert plait("sync", "-q", "s", "d") == 0
    assert files("d") == {**files("s"), "old/x": "x"}
    (tmp_path / "config/plait.toml").write_text("[sync]\nmax-delte = 3\n")
    assert plait("sync", "s", "d") == 1
    assert "did you mean max-delete" in capsys.readouterr().err


def test_version(capsys: Captured) -> None:
    for words in (["--version"], ["-V"], ["-version"], ["version"]):
        assert main(words, "plait") == 0
        assert capsys.readouterr().out == f"plait {__version__}\n"
    assert plait("version", "--verbose") == 0
    assert re.search(r"^  native functions +(C extension|Python fallback)$", capsys.readouterr().out, re.MULTILINE)


def test_the_version_is_told_before_anything_is_loaded() -> None:
    program = (
        "import sys; from plait.cli.main import main; before = set(sys.modules); main(['--version'], 'plait');"
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def memory(content: dict[str, bytes]) -> MemoryStore:
    store = MemoryStore()
    for key, data in content.items():
        store.write(key, BytesIO(data), len(data))
    return store


LTX = "0000000000000001-0000000000000001.ltx"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({}, "tree"),
        ({"CONFIG": b"_KLOSET_v1.0.0"}, "repository"),
        ({"CONFIG": b"a file of somebody"}, "tree"),
        ({"CONFIG/_KLOSET_": b"_KLOSET_"}, "tree"),
        ({f"ltx/0/{LTX}": b"LTX1"}, "replica"),
        ({f"0000/{LTX}": b"LTX1"}, "replica"),
        ({"0000/photo.jpg": b""}, "tree"),
        ({f"ltx/{LTX}": b""}, "tree"),
    ],
)
def test_what_is_found_tells_the_kind(content: dict[str, bytes], kind: str) -> None:
    assert find_kind(memory(content)) == kind


def test_two_kinds_at_once_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        find_kind(memory({"CONFIG": b"_KLOSET_", f"0000/{LTX}": b""}))
    assert "--as" in (caught.value.hint or "")


def test_a_repository_on_disk_is_no_tree_unless_it_is_said(capsys: Captured) -> None:
    Path("s/CONFIG").write_text("_KLOSET_")
    assert plait("ls", "s") == 1
    assert "the config is cut short: 8 bytes" in capsys.readouterr().err
    assert plait("ls", "--as", "tree", "s") == 0
    assert capsys.readouterr().out.splitlines() == ["CONFIG", "a", "sub/"]


def test_a_limit_of_deletions_holds_for_delete(ground: Path, capsys: Captured) -> None:
    assert main(["delete", "--config=", "--max-delete", "1", "s"], "rclone") == 7
    assert "--max-delete threshold reached" in capsys.readouterr().err
    assert len([path for path in (ground / "s").rglob("*") if path.is_file()]) == 1


def test_the_configuration_is_encrypted_and_laid_open_again(
    ground: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    path = ground / "rclone.conf"
    path.write_text("[x]\ntype = memory\n")
    config = ("config", "--config", str(path), "encryption")
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"one\nother\nsecret\nsecret\n")))
    assert main([*config, "check"], "rclone") == 2
    assert "config file is NOT encrypted" in capsys.readouterr().err
    assert main([*config, "set"], "rclone") == 0
    assert "RCLONE_ENCRYPT_V0" in path.read_text()
    monkeypatch.setenv("RCLONE_CONFIG_PASS", "wrong")
    assert main([*config, "check"], "rclone") == 1
    monkeypatch.setenv("RCLONE_CONFIG_PASS", "secret")
    assert main([*config, "check"], "rclone") == 0
    assert main([*config, "remove"], "rclone") == 0
    assert path.read_text() == "[x]\ntype = memory\n\n"
