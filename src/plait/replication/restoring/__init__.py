"""Restoring a database from its replica.

| module | subject |
|---|---|
| `restore` | the whole of it: what is asked for, and what it came to |
| `finding` | which files restore the wanted moment, also where some of them are damaged or gone |
| `fetching` | several files, or parts of them, at once, in the order of their use |
| `pages` | the database file while it is being made |
| `output` | where the result goes: nothing is overwritten unasked, nothing half made is left |
| `following` | a restored database that goes on with its replica |
| `generations` | replicas of Litestream 0.3 |
"""
