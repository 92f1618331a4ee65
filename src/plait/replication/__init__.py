"""The replication strand: a live SQLite database and its replica, in the format of Litestream 0.5."""
