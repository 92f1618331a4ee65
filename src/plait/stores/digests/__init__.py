"""Hashes that no library at hand computes: those of single services, and Whirlpool."""
