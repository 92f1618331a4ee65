"""The remotes of rclone.conf and of the environment."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from plait.cli.binding import bind, environment_settings
from plait.cli.options import STORES
from plait.cli.secrets import rclone_config_password
from plait.mirror import options
from plait.mirror.backend_options import backend_flags
from plait.model.errors import ConfigurationError, PlaitError
from plait.model.options import Values
from plait.stores.rclone_config import ConfiguredRemotes, candidates, change_configuration, read_configuration

if TYPE_CHECKING:
    from collections.abc import Mapping


def configured_remotes(
    values: Values, environment: Mapping[str, str], *, may_be_missing: bool = False
) -> ConfiguredRemotes:
    """The remotes; the file is read when one is looked up, and a password asked for only then.

    A file that was named and does not exist is an error, unless it `may_be_missing` as rclone has it.
    """

    def load() -> Mapping[str, Mapping[str, str]]:
        path = configuration_path(values, environment)
        if not path or not Path(path).exists():
            if values.config and not may_be_missing:
                raise ConfigurationError(f"there is no configuration file {path}", hint="see --config, RCLONE_CONFIG")
            return {}
        return read_configuration(path, lambda: rclone_config_password(values, environment))

    def write(name: str, key: str, value: str) -> None:
        path = configuration_path(values, environment)
        password = partial(rclone_config_password, values, environment)
        change_configuration(path, password, lambda document: document.set(name, key, value))

    return ConfiguredRemotes(load, environment, backend_flags(values), write)


def known_names(environment: Mapping[str, str]) -> list[str]:
    """The names of the remotes, for completion: without a word where they cannot be known."""
    values = bind(STORES | options.CONFIGURATION, (), environment_settings(options.CONFIGURATION, environment))
    values = Values(values.options, {**values.parsed, "ask_password": False}, values.given)
    try:
        return configured_remotes(values, environment).names()
    except PlaitError:
        return []


def configuration_path(values: Values, environment: Mapping[str, str]) -> str:
    """The rclone.conf to read: `--config`, else the first that exists, else where it would be; "" for none at all.

    The null device is none at all, as for rclone.
    """
    if values.config is not None:
        return "" if values.config == os.devnull else str(values.config)
    paths = candidates(environment, str(Path(sys.argv[0]).resolve().parent) if sys.argv[0] else "")
    existing = next((path for path in paths if Path(path).exists()), None)
    # The first candidate is beside the program, where nothing is made.
    return existing or next(iter(paths[1:]), "")
