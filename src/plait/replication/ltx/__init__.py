"""The LTX format of Litestream 0.5: bytes in, structs out, and back.

Pure: no module here opens a file or takes the time. What is read is other people's bytes: every length is bounded
before anything is allocated for it, and bytes that are not what the format says raise `IntegrityError`.

| module | subject |
|---|---|
| `checksum` | CRC-64 of files, pages and databases |
| `header` | the first 100 bytes, and the trailer |
| `frames` | one page in a file: an LZ4 block, or an LZ4 frame as earlier releases wrote it |
| `index` | where each page stands in a file |
| `source` | a stream of chunks, read by exact lengths |
| `reader`, `writer` | whole files, as streams |
| `merge` | several files to one |
| `names`, `layouts` | transactions, positions, file names, and keys in replicas |
| `plan` | which files restore a moment |
"""
