"""The verbs beside sync, copy, move and check: listings, contents, sums, directories, deletions, duplicates.

Each is a function of a `Task`, which holds what all of them have: option values, opened stores, counted errors.
"""
