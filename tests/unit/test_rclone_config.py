"""rclone.conf: plain and encrypted, obscured values, and what overrides what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.model.errors import ConfigurationError, SecretError
from plait.stores.obscure import obscure, reveal
from plait.stores.rclone_config import (
    ConfiguredRemotes,
    candidates,
    change_configuration,
    decrypt,
    encrypt,
    parse_configuration,
    read_configuration,
)

if TYPE_CHECKING:
    from pathlib import Path

    from plait.stores.ini import Document

ENCRYPTED = (
    "# a comment\n\nRCLONE_ENCRYPT_V0:\n"
    "T6SgmAHn+bHg2GlW4jwbXoyhBQPg4eN8W4PvfrlP4q2wa1CAxPByb+sV8xcW5GKcWOZ8DcYmdCeGWM5G86tZRzRZacIol6FE\n"
)


def no_password() -> str:
    raise AssertionError("nothing is encrypted here")


@pytest.mark.parametrize(
    ("hidden", "text"), [("U102-kBFkI_7ak3T_OI_ek_KDaR9KA", "potato"), ("RQ6jTAkl2ZGt82G7zGQtO8g-H7s0L_U", "sausage")]
)
def test_obscured_values_are_revealed(hidden: str, text: str) -> None:
    assert reveal(hidden) == text


@pytest.mark.parametrize("text", ["", "a", "pässword", "x" * 100])
def test_what_is_obscured_is_revealed_and_differs_each_time(text: str) -> None:
    first, second = obscure(text), obscure(text)
    assert first != second
    assert reveal(first) == reveal(second) == text


@pytest.mark.parametrize("text", ["aGVsbG8", "not base64!", ""])
def test_what_was_never_obscured_is_an_error(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is it obscured"):
        reveal(text)


def test_sections_are_read_as_they_stand() -> None:
    text = (
        "; remark\n[a b]\ntype = s3\n  endpoint=http://h:1/?x=1 # no comment\n"
        "# remark\n\n[c]\ntype: local\npercent = 100%\n"
    )
    assert parse_configuration(text) == {
        "a b": {"type": "s3", "endpoint": "http://h:1/?x=1 # no comment"},
        "c": {"type": "local", "percent": "100%"},
    }


def test_an_encrypted_file_opens_with_its_password(tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    path.write_text(ENCRYPTED)
    assert read_configuration(str(path), lambda: " secret ") == {"al": {"type": "alias", "remote": "dst"}}
    with pytest.raises(SecretError, match="unable to decrypt configuration"):
        read_configuration(str(path), lambda: "wrong")


@pytest.mark.parametrize(
    "damage", ["RCLONE_ENCRYPT_V0:\n!!!!\n", "RCLONE_ENCRYPT_V0:\nAAAA\n", "RCLONE_ENCRYPT_V9:\nAAAA\n"]
)
def test_a_damaged_envelope_is_an_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "rclone.conf"
    path.write_text(damage)
    with pytest.raises(ConfigurationError):
        read_configuration(str(path), lambda: "secret")


def test_a_plain_file_asks_for_no_password(tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    path.write_text("[a]\ntype = local\n")
    assert read_configuration(str(path), no_password) == {"a": {"type": "local"}}


def test_the_file_is_looked_for_where_rclone_looks() -> None:
    assert candidates({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/bin") == [
        "/bin/rclone.conf",
        "/x/rclone/rclone.conf",
        "/h/.config/rclone/rclone.conf",
        "/h/.rclone.conf",
    ]


def remotes(environment: dict[str, str]) -> ConfiguredRemotes:
    sections = {
        "big": {
            "type": "s3",
            "region": "file",
            "endpoint": "file",
            "acl": "file",
            "profile": "file",
            "provider": "Other",
        }
    }
    return ConfiguredRemotes(lambda: sections, environment, {"s3": {"endpoint": "flag", "region": "flag"}})


def test_precedence_is_location_flag_backend_variable_remote_variable_file() -> None:
    environment = {
        "RCLONE_CONFIG_BIG_ACL": "remote variable",
        "RCLONE_CONFIG_BIG_ENDPOINT": "remote variable",
        "RCLONE_CONFIG_BIG_PROVIDER": "remote variable",
        "RCLONE_S3_ACL": "backend variable",
        "RCLONE_S3_PROFILE": "backend variable",
    }
    assert remotes(environment).options("big", "s3", {"region": "location"}) == {
        "type": "s3",
        "region": "location",
        "endpoint": "flag",
        "acl": "backend variable",
        "profile": "backend variable",
        "provider": "remote variable",
    }


def test_a_remote_may_live_in_the_environment_alone() -> None:
    found = remotes({"RCLONE_CONFIG_MYREM_TYPE": "alias", "RCLONE_CONFIG_MYREM_REMOTE": "/x"})
    assert found.backend("myrem") == "alias"
    assert found.options("myrem", "alias", {})["remote"] == "/x"
    assert found.names() == ["big", "myrem"]


def test_an_unknown_remote_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r'didn\'t find section in config file \("nope"\)'):
        remotes({}).backend("nope")


def test_an_empty_value_in_the_file_is_none_but_not_one_in_the_environment() -> None:
    sections = {"a": {"type": "s3", "region": "", "acl": "file"}}
    found = ConfiguredRemotes(lambda: sections, {"RCLONE_CONFIG_A_ACL": ""}, {})
    assert found.options("a", "s3", {}) == {"type": "s3", "acl": ""}


def test_variables_of_a_backend_may_have_a_shorter_name() -> None:
    found = ConfiguredRemotes(dict, {"RCLONE_GCS_LOCATION": "eu"}, {})
    assert found.options("", "google cloud storage", {}) == {"location": "eu"}


def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    with pytest.raises(ConfigurationError, match=r'^failed to load config file ".*/rclone\.conf": No such file'):
        read_configuration(str(path), no_password)
    path.write_text("[a]\nnonsense\n")
    with pytest.raises(
        ConfigurationError, match=r'^failed to load config file ".*/rclone\.conf": could not parse line'
    ):
        read_configuration(str(path), no_password)


def add_key(document: Document) -> None:
    document.set("a", "key", "value")


def test_a_changed_file_keeps_comments_and_what_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    path.write_bytes(b"# head\r\n\r\n[a]\r\n; of type\r\ntype=local\r\nunknown = \xff\r\n\n[b]\ntype = s3\n")
    change_configuration(str(path), no_password, add_key)
    assert path.read_bytes() == (
        b"# head\r\n\r\n[a]\r\n; of type\r\ntype=local\r\nunknown = \xff\r\nkey = value\n\n[b]\ntype = s3\n\n"
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["rclone.conf"]


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rclone.conf"
    change_configuration(str(path), no_password, add_key)
    assert path.read_text() == "[a]\nkey = value\n\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_changed_file_keeps_its_mode_and_stays_behind_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.conf", tmp_path / "rclone.conf"
    real.write_text("[a]\n")
    real.chmod(0o640)
    link.symlink_to("real.conf")
    change_configuration(str(link), no_password, add_key)
    assert link.is_symlink()
    assert real.read_text() == "[a]\nkey = value\n\n"
    assert real.stat().st_mode & 0o777 == 0o640


def test_an_encrypted_file_stays_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    path.write_text(ENCRYPTED)
    change_configuration(str(path), lambda: "secret", add_key)
    assert "alias" not in path.read_text()
    assert read_configuration(str(path), lambda: "secret")["a"] == {"key": "value"}


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    path.write_text("[a]\n")

    def fail(document: Document) -> None:
        document.set("a", "key", "two\nlines")

    with pytest.raises(ConfigurationError):
        change_configuration(str(path), no_password, fail)
    assert path.read_text() == "[a]\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["rclone.conf"]


def test_passwords_are_normalised() -> None:
    sealed = encrypt("[a]\n", " \u212b ").partition("V0:\n")[2]
    assert decrypt(sealed, "\u00c5") == "[a]\n"
    with pytest.raises(SecretError, match="no characters in password"):
        encrypt("", "  ")
