"""Secrets that a shell command prints."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import ConfigurationError
from plait.repository.configured import secrets
from plait.repository.configured.secrets import from_shell

if TYPE_CHECKING:
    from pathlib import Path


def test_one_line_is_the_secret() -> None:
    assert from_shell("echo one two") == "one two"
    assert from_shell("printf 'one\\r\\n'") == "one"
    assert from_shell("printf '\\351'") == "\udce9"


@pytest.mark.parametrize("command", ["exit 3", "echo one; echo two", "true", "head -c 2000000 /dev/zero"])
def test_what_gives_no_secret_is_refused(command: str) -> None:
    with pytest.raises(ConfigurationError):
        from_shell(command)


def test_an_agent_that_is_left_running_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds what the command printed to, and would have made the command end in time never."""
    monkeypatch.setattr(secrets, "_COMMAND_SECONDS", 60)
    left = tmp_path / "pid"
    try:
        assert from_shell(f"sleep 600 & echo $! > {left}; echo secret") == "secret"
    finally:
        os.kill(int(left.read_text()), signal.SIGKILL)
