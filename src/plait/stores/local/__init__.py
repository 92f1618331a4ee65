"""The local file system: listings by whole directories, everything below an open root, atomic writes."""

from plait.stores.local.options import Links, LocalOptions
from plait.stores.local.store import LocalStore

__all__ = ["Links", "LocalOptions", "LocalStore"]
