"""rclone.conf: plain and encrypted, obscured values, and what overrides what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.model.errors import ConfigurationError, SecretError
from plait.stores.obscure import obscure, reveal
from plait.stores.rclone_config import ConfiguredRemotes, candidates, parse_configuration, read_configuration

if TYPE_CHECKING:
    from pathlib import Path

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
        "# remark\n\n[c]\ntype: local\npercent = %(x)s\n"
    )
    assert parse_configuration(text) == {
        "a b": {"type": "s3", "endpoint": "http://h:1/?x=1 # no comment"},
        "c": {"type": "local", "percent": "%(x)s"},
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


def test_precedence_is_location_flag_remote_variable_backend_variable_file() -> None:
    environment = {
        "RCLONE_CONFIG_BIG_ACL": "remote variable",
        "RCLONE_CONFIG_BIG_ENDPOINT": "remote variable",
        "RCLONE_S3_ACL": "backend variable",
        "RCLONE_S3_PROFILE": "backend variable",
    }
    assert remotes(environment).options("big", "s3", {"region": "location"}) == {
        "type": "s3",
        "region": "location",
        "endpoint": "flag",
        "acl": "remote variable",
        "profile": "backend variable",
        "provider": "Other",
    }


def test_a_remote_may_live_in_the_environment_alone() -> None:
    found = remotes({"RCLONE_CONFIG_MYREM_TYPE": "alias", "RCLONE_CONFIG_MYREM_REMOTE": "/x"})
    assert found.backend("myrem") == "alias"
    assert found.options("myrem", "alias", {})["remote"] == "/x"
    assert found.names() == ["big", "myrem"]


def test_an_unknown_remote_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r'didn\'t find section in config file \("nope"\)'):
        remotes({}).backend("nope")
