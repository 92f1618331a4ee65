"""Restoring a snapshot, or a part of it, to a directory or to any other store."""
