"""Strand one: a tree and its mirror, with rclone's semantics."""
