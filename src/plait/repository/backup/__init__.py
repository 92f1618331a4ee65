"""Backups: a source's tree becomes a snapshot.

`sources` says what a source is; `local`, `stored` and `copied` are those: the file system, any store, a snapshot.
`contents` saves contents, `folders` puts together what is known of a directory, `previous` knows what the last snapshot
had, `trees` makes the trees, and `saving` is the whole.
"""
