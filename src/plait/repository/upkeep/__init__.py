"""Upkeep of a repository: what is kept, what is swept, what is rewritten, what is repaired."""
