"""Checking that a repository holds, undamaged, all that its snapshots need."""
