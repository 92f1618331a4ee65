"""Behaviour that cuts across stores, as wrappers with the same protocol."""
