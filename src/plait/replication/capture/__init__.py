"""One live database, and the local files of level 0 that its log becomes.

| module | subject |
|---|---|
| `connections` | SQLite: the read transaction that pins the log, the write lock, checkpoints |
| `logfile` | the write-ahead log, read by a descriptor |
| `images` | the pages of a whole database, from its log and its file |
| `local` | the directory of local files: durable writing, verification, what is set aside |
| `step` | one file: where it begins, what it holds |
| `checkpoints` | when the log is to be taken into the database, and the sequence that loses nothing |
| `database` | all of these: a database that is open |
"""
