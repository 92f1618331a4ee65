"""The Kloset format, byte for byte: bytes in, structs out.

Pure: no module here reads or writes a file, takes the time, or draws a random number that was not passed in. What is
read is other people's bytes: every length is bounded before anything is allocated for it, and bytes that are not what
the format says raise `IntegrityError`, those of a newer version or an unknown algorithm `NotSupportedError`.

| module | subject |
|---|---|
| `resources` | kinds of resources and their versions |
| `frames` | the wrapping of stored files |
| `msgpack`, `wire` | the typed MessagePack encoding of structs |
| `hashing`, `encryption`, `derivation`, `compression`, `codec` | identifiers, secrecy, size, and all of them together |
| `configuration` | CONFIG, and opening it with a passphrase |
| `chunking`, `gear` | where content is cut |
| `packfiles`, `archives` | blobs in packfiles, and a whole repository in one file |
| `states`, `merging` | what a repository holds: deltas, and their sum |
| `btrees` | the trees of a snapshot |
| `objects`, `entries`, `dirpacks`, `summaries`, `headers` | what a snapshot is made of |
| `content_types` | what a content looks like |
| `locks` | who is at work |
"""
