"""Benchmarks: Plait and its real peers, run in turn."""
