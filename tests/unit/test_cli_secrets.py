"""Where secrets come from, and that they stay where they belong."""

import sys
from pathlib import Path

import pytest

from plait.cli import secrets
from plait.cli.binding import bind
from plait.cli.dialects import PLAIT
from plait.cli.grammar import Lexicon, split
from plait.cli.options import STORES
from plait.mirror import options
from plait.model.errors import ConfigurationError, ExitCode, MissingExtraError, SecretError
from plait.model.options import Values

OPTIONS = STORES | options.CONFIGURATION


def values(*words: str) -> Values:
    return bind(OPTIONS, split(words, Lexicon((OPTIONS,)), PLAIT).given)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PLAIT_CONFIG_DIR": str(tmp_path)}


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)


def test_the_password_of_rclone_conf_by_strength(environment: dict[str, str], tmp_path: Path) -> None:
    command = f"{sys.executable} -c print('from_command')"
    (tmp_path / "plait.toml").write_text('[secrets.rclone-config]\nenvironment = "ELSEWHERE"\n')
    environment["ELSEWHERE"] = "from the file"
    assert secrets.rclone_config_password(values(), environment) == "from the file"
    environment["RCLONE_CONFIG_PASS"] = "from the environment"
    assert secrets.rclone_config_password(values(), environment) == "from the environment"
    given = values("--password-command", command)
    assert secrets.rclone_config_password(given, environment) == "from_command"


def test_nobody_is_asked_without_a_terminal(environment: dict[str, str]) -> None:
    with pytest.raises(SecretError, match="there is no terminal") as caught:
        secrets.rclone_config_password(values(), environment)
    assert caught.value.exit_code is ExitCode.SECRET
    with pytest.raises(SecretError, match="not allowed to ask"):
        secrets.rclone_config_password(values("--ask-password=false"), environment)


def test_a_file_is_read_to_the_end_of_its_first_line_and_must_be_private(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("pass word\r\nmore\n")
    path.chmod(0o600)
    assert secrets.resolve({"file": str(path)}, "it", {}) == "pass word"
    path.chmod(0o640)
    with pytest.raises(SecretError, match="other people may read"):
        secrets.resolve({"file": str(path)}, "it", {})
    with pytest.raises(SecretError, match="no such file"):
        secrets.resolve({"file": str(tmp_path / "none")}, "it", {})


def test_a_command_gives_what_it_prints(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "print('a b')"]
    assert secrets.resolve({"command": program}, "it", {}) == "a b"
    with pytest.raises(SecretError, match="exited with 3"):
        secrets.resolve({"command": [sys.executable, "-c", "raise SystemExit(3)"]}, "it", {})
    with pytest.raises(SecretError, match="empty string"):
        secrets.resolve({"command": [sys.executable, "-c", "pass"]}, "it", {})
    with pytest.raises(SecretError, match="No such file"):
        secrets.resolve({"command": [str(tmp_path / "none")]}, "it", {})
    with pytest.raises(SecretError, match="no command"):
        secrets.resolve({"command": []}, "it", {})


def test_the_keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SERVICE/USER"):
        secrets.resolve({"keyring": "plait"}, "it", {})
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtraError) as caught:
        secrets.resolve({"keyring": "plait/me"}, "it", {})
    assert caught.value.hint == "pip install keyring"
    monkeypatch.delitem(sys.modules, "keyring")
    (tmp_path / "keyring.py").write_text("def get_password(s, u): return {'plait': 'known'}.get(s)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert secrets.resolve({"keyring": "plait/me"}, "it", {}) == "known"
    with pytest.raises(SecretError, match="holds nothing for other/me"):
        secrets.resolve({"keyring": "other/me"}, "it", {})
    monkeypatch.delitem(sys.modules, "keyring")


@pytest.mark.parametrize("table", [{}, {"file": "a", "command": "b"}, {"password": "x"}])
def test_a_table_names_one_source(table: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="takes one key of") as caught:
        secrets.resolve(table, "[secrets.rclone-config]", {})
    assert "x" not in caught.value.message.split()


def test_errors_hold_no_secret() -> None:
    with pytest.raises(SecretError) as caught:
        secrets.resolve({"command": [sys.executable, "-c", "print('hidden'); raise SystemExit(1)"]}, "it", {})
    assert "hidden" not in caught.value.message
