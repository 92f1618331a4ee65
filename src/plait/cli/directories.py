"""Where Plait keeps its own files: configuration, state (run records) and caches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_XDG: Final = {
    "user_config_path": ("XDG_CONFIG_HOME", ".config"),
    "user_state_path": ("XDG_STATE_HOME", ".local/state"),
    "user_cache_path": ("XDG_CACHE_HOME", ".cache"),
}
"""Of each function of platformdirs: the variable that it heeds, and what it takes below the home directory without."""
_ON_LINUX: Final = os.uname().sysname == "Linux"
"""There the rule is short, and platformdirs takes longer to load than much of what a command does."""


def configuration_directory(environment: Mapping[str, str]) -> Path:
    """Where `plait.toml` lies: `PLAIT_CONFIG_DIR`, else as the system has it (`~/.config/plait`)."""
    return _directory(environment, "PLAIT_CONFIG_DIR", "user_config_path")


def state_directory(environment: Mapping[str, str]) -> Path:
    """Where run records lie: `PLAIT_STATE_DIR`, else as the system has it (`~/.local/state/plait`)."""
    return _directory(environment, "PLAIT_STATE_DIR", "user_state_path")


def cache_directory(environment: Mapping[str, str]) -> Path:
    """What may be deleted at any time: `PLAIT_CACHE_DIR`, else as the system has it (`~/.cache/plait`)."""
    return _directory(environment, "PLAIT_CACHE_DIR", "user_cache_path")


def _directory(environment: Mapping[str, str], variable: str, function: str) -> Path:
    named = environment.get(variable)
    if named:
        return Path(named).expanduser()
    home = environment.get("HOME", "")
    if _ON_LINUX and home.startswith("/"):
        variable, usual = _XDG[function]
        base = environment.get(variable, "")
        return (Path(base) if base.startswith("/") else Path(home, usual)) / "plait"
    import platformdirs

    found: Path = getattr(platformdirs, function)("plait", appauthor=False)
    return found
