"""rclone.conf between the real rclone and Plait: each reads what the other wrote."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model.errors import ConfigurationError
from plait.stores.ini import Document
from plait.stores.obscure import obscure, reveal
from plait.stores.rclone_config import ConfiguredRemotes, change_configuration, read_configuration


def run(rclone: Path, config: Path | str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(rclone), "--config", str(config), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **variables})


pieces = st.sampled_from(
    [
        *(
            "[a]",
            "[b]",
            "[ a.c ]",
            "[DEFAULT]",
            "[]",
            "[x",
            "",
            "  ",
            "# c",
            "; c",
            "k = v",
            "k=w",
            "\tj : x ",
            "k =",
            "= v",
            "nokey",
        ),
        *(
            '"q k" = 1',
            "`b=k` = 2",
            '"""t"k""" = 3',
            '"x = 1',
            "v = `a`",
            "v = `a b` c`",
            "v = `",
            'v = """a"b"""',
            "v = `a",
            "- = 1",
        ),
        *(
            "r = %(k)s",
            "r = %(v)s-%(k)s",
            "r = %(nope)s",
            "s = 100%",
            "é = ü",
            "[é]",
            "k = a # b",
            "k = [x]",
            "k\r",
            "k = v\r",
        ),
    ]
)


@given(st.lists(pieces, max_size=10).map("\n".join), st.sampled_from(["", "\n"]))
def test_any_file_is_understood_alike(
    rclone: Path, tmp_path_factory: pytest.TempPathFactory, text: str, end: str
) -> None:
    path = tmp_path_factory.mktemp("config") / "rclone.conf"
    path.write_bytes((text + end).encode())
    answer = run(rclone, path, "config", "dump")
    try:
        document = Document(text + end)
    except ConfigurationError as error:
        document, complaint = None, error.message
    else:
        complaint = ""
    if document is None:
        assert answer.returncode == 1
        assert answer.stderr.rstrip("\n").endswith(f": {complaint}")
    else:
        # The dump leaves out what is inherited.
        own, resolved = document.sections(), document.resolved()
        assert json.loads(answer.stdout) == {name: {key: resolved[name][key] for key in own[name]} for name in own}


def test_what_plait_sets_rclone_reads(rclone: Path, tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    values = {
        "plain": "x",
        "spaces": "  x ",
        "quotes": '`a"b`',
        "triple": '"""x"""',
        "é": "ü=:#;",
        "k=v": "1",
        "empty": "",
    }

    def change(document: Document) -> None:
        for key, value in values.items():
            document.set("a b", key, value)

    change_configuration(str(path), lambda: "", change)
    assert json.loads(run(rclone, path, "config", "dump").stdout) == {"a b": values}


def test_encrypted_files_go_both_ways(rclone: Path, tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    path.write_text("[a]\ntype = memory\n")
    secret = {"RCLONE_CONFIG_PASS": "s\u00e9cret"}
    answer = run(rclone, path, "config", "encryption", "set", "--password-command", "echo s\u00e9cret")
    assert answer.returncode == 0, answer.stderr
    assert "memory" not in path.read_text()
    # The same password, its letters taken apart.
    assert read_configuration(str(path), lambda: " se\u0301cret ") == {"a": {"type": "memory"}}
    change_configuration(str(path), lambda: "s\u00e9cret", lambda document: document.set("b", "type", "local"))
    assert json.loads(run(rclone, path, "config", "dump", **secret).stdout) == {
        "a": {"type": "memory"},
        "b": {"type": "local"},
    }


def test_obscured_values_go_both_ways(rclone: Path) -> None:
    for text in ("", "potato", "p\u00e4ss word", "x" * 100):
        assert run(rclone, "", "reveal", "--", obscure(text)).stdout == text + "\n"
        if text:
            assert reveal(run(rclone, "", "obscure", "--", text).stdout.strip()) == text


def test_the_same_source_of_an_option_wins(rclone: Path, tmp_path: Path) -> None:
    """Each source names a folder of its own; they are taken away one by one, strongest first."""
    folders = ["location", "flag", "backend", "variable", "file"]
    for folder in folders:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"from-{folder}").touch()
    config = tmp_path / "rclone.conf"
    config.write_text(f"[my-r.x]\ntype = alias\nremote = {tmp_path}/file\n")
    for weakest in range(len(folders)):
        sources = folders[weakest:]
        variables = {
            name: f"{tmp_path}/{folder}"
            for name, folder in (("RCLONE_CONFIG_MY-R.X_REMOTE", "variable"), ("RCLONE_ALIAS_REMOTE", "backend"))
            if folder in sources
        }
        flags = {"remote": f"{tmp_path}/flag"} if "flag" in sources else {}
        overrides = {"remote": f"{tmp_path}/location"} if "location" in sources else {}
        location = f"my-r.x,remote='{tmp_path}/location':" if overrides else "my-r.x:"
        words = [f"--alias-remote={flags['remote']}"] if flags else []
        theirs = run(rclone, config, "lsf", location, *words, **variables).stdout
        remotes = ConfiguredRemotes(lambda: read_configuration(str(config), lambda: ""), variables, {"alias": flags})
        assert remotes.backend("my-r.x") == "alias"
        ours = remotes.options("my-r.x", "alias", overrides)["remote"]
        assert theirs == f"from-{Path(ours).name}\n" == f"from-{folders[weakest]}\n"


def test_sections_inherit_and_the_environment_makes_remotes(rclone: Path, tmp_path: Path) -> None:
    (tmp_path / "found").touch()
    config = tmp_path / "rclone.conf"
    config.write_text(f"[base]\ntype = alias\nremote = {tmp_path}\n[base.sub]\ndescription = x\n")
    variables = {"RCLONE_CONFIG_MYREM_TYPE": "alias", "RCLONE_CONFIG_MYREM_REMOTE": str(tmp_path)}
    remotes = ConfiguredRemotes(lambda: read_configuration(str(config), lambda: ""), variables, {})
    for name in ("base", "base.sub", "myrem", "MyRem"):
        assert "found\n" in run(rclone, config, "lsf", f"{name}:", **variables).stdout
        assert remotes.options(name, remotes.backend(name), {})["remote"] == str(tmp_path)
    assert remotes.names() == ["base", "base.sub", "myrem"]
    listed = run(rclone, config, "listremotes", **variables).stdout.split(":\n")
    assert sorted(filter(None, listed)) == remotes.names()
