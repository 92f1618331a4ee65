"""Snapshots as a mounted file system, or as pages over HTTP."""
