"""Plait keeps trees, snapshot repositories and SQLite databases in step.

Importing this package loads nothing else: the command must start at once, and ``plait --version`` reads
``__version__`` from here. What `plait.api` exports is loaded on first use: ``plait.sync(source, destination)``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plait.api import CheckResult, Context, PlaitError, Result, check, copy, move, open_store, sync

__version__ = "0.1.0.dev0"
__all__ = [
    "CheckResult",
    "Context",
    "PlaitError",
    "Result",
    "__version__",
    "check",
    "copy",
    "move",
    "open_store",
    "sync",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'plait' has no attribute {name!r}")
    from plait import api

    return getattr(api, name)
