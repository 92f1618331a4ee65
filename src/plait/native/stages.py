"""The numbers of `copy_files`: where a copy ended, and the options of a batch. Those in copy_files.c are the same."""

from typing import Final

DONE: Final = 0
"""The file stands under its name."""
CANCELLED: Final = 1
"""Not begun, or given up half-way, because the cancel flag was set."""
OPEN_SOURCE: Final = 2
SOURCE_CHANGED: Final = 3
"""Not the expected file (any more), before it was read or after; no errno."""
READ: Final = 4
LENGTH: Final = 5
"""The content ended before the file's size, or went on after it; no errno."""
CREATE: Final = 6
WRITE: Final = 7
SET_MODE: Final = 8
SET_TIMES: Final = 9
SYNC: Final = 10
CLOSE: Final = 11
RENAME: Final = 12

EXCLUSIVE: Final = 1
"""Fail with EEXIST (at RENAME, in place at CREATE) where the name exists."""
IN_PLACE: Final = 2
"""Write the name itself, without a partial: not atomic, and a file that failed half-way is removed."""
DURABLE: Final = 4
"""Bring each file's data to the disk before it gets its name. The names are the caller's, by syncing the directory."""
UNNAMED: Final = 8
"""Write files that have no name before they are done (Linux, with `EXCLUSIVE`): there are no partials, nobody meets
them half-way, and a process that dies leaves nothing. Where the file system has no such files, CREATE fails with
EOPNOTSUPP, with older kernels EISDIR; where it does not let them be named, RENAME fails."""
