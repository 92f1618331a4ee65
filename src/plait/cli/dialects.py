"""How the four faces of the command line spell options: what differs between them, as data."""

from __future__ import annotations

from enum import Enum

import msgspec


class Dash(Enum):
    """What a word with a single dash is."""

    CLUSTER = "short letters, the last of which may take a value"
    NAME = "a long name"
    NAME_OR_CLUSTER = "a long name where one is declared, else short letters"


class Dialect(msgspec.Struct, frozen=True):
    """A spelling of options. `anywhere` is False where the options end at the first positional word."""

    name: str
    dash: Dash
    anywhere: bool


PLAIT = Dialect("plait", Dash.NAME_OR_CLUSTER, anywhere=True)
PFLAG = Dialect("pflag", Dash.CLUSTER, anywhere=True)
"""rclone's: github.com/spf13/pflag."""
GO = Dialect("go", Dash.NAME, anywhere=False)
"""Plakar's and Litestream's: Go's package flag, where one dash and two mean the same."""
