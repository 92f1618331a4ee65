"""Where Plait keeps its own files: as platformdirs has it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import platformdirs
import pytest

from plait.cli.directories import cache_directory, configuration_directory, state_directory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("value", [None, "", "relative", "/somewhere else", "/with/slash/", " /blank"])
@pytest.mark.parametrize("home", [None, "", "relative", "/home/someone"])
def test_places_are_those_of_platformdirs(monkeypatch: pytest.MonkeyPatch, value: str | None, home: str | None) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("HOME") if home is None else monkeypatch.setenv("HOME", home)
    functions = (platformdirs.user_config_path, platformdirs.user_state_path, platformdirs.user_cache_path)
    for ours, theirs in zip((configuration_directory, state_directory, cache_directory), functions, strict=True):
        assert ours(os.environ) == theirs("plait", appauthor=False)


def test_a_place_of_ones_own_comes_first(tmp_path: Path) -> None:
    environment = {"HOME": "/home/someone", "XDG_STATE_HOME": "/elsewhere", "PLAIT_STATE_DIR": str(tmp_path)}
    assert state_directory(environment) == tmp_path
