"""Plait keeps trees, snapshot repositories and SQLite databases in step.

Importing this package loads nothing else: the command must start at once, and ``plait --version`` reads
``__version__`` from here. What `plait.api` exports is loaded on first use: ``plait.sync(source, destination)``.
"""

# Not typing's: importing it costs as much as the rest of the start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from plait.api import (
        BackupResult,
        BackupSettings,
        CheckResult,
        Context,
        MaintenanceSettings,
        NewRepository,
        PlaitError,
        Query,
        RepackSettings,
        RepairSettings,
        Repository,
        Result,
        SyncResult,
        SyncSettings,
        check,
        copy,
        move,
        open_store,
        sync,
    )

__version__ = "0.1.0.dev0"
__all__ = [
    "BackupResult",
    "BackupSettings",
    "CheckResult",
    "Context",
    "MaintenanceSettings",
    "NewRepository",
    "PlaitError",
    "Query",
    "RepackSettings",
    "RepairSettings",
    "Repository",
    "Result",
    "SyncResult",
    "SyncSettings",
    "__version__",
    "check",
    "copy",
    "move",
    "open_store",
    "sync",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'plait' has no attribute {name!r}")
    from plait import api

    exported: object = getattr(api, name)
    return exported
