"""SQLite's write-ahead log: which frames are valid, which pages they hold, and whether it was restarted.

Pure: the log is read through a function (offset, length) that gives fewer bytes only at its end. Nothing here opens a
file; nothing is wrong about any bytes, they are only no valid frames.

| module | subject |
|---|---|
| `frames` | the header of a log and of a frame, and the chain of checksums |
| `segment` | the committed pages from an offset on |
| `observation` | what a log tells about the last LTX file |

Source: the file format of SQLite, section 4.
"""
