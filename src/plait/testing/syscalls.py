"""System calls that fail, or kill, at will: real faults for code that is written in C as well as in Python.

A seccomp filter of the kernel does it, so nothing of the code under study is replaced. Linux on x86-64 and arm64 only
(`AVAILABLE`). A filter cannot be taken back: install it in a child process that does one thing and ends.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from typing import Final

_NUMBERS: Final = {
    "x86_64": {
        "read": 0,
        "close": 3,
        "pread64": 17,
        "pwrite64": 18,
        "ftruncate": 77,
        "fallocate": 285,
        "fdatasync": 75,
        "fchmod": 91,
        "renameat": 264,
        "linkat": 265,
        "unlinkat": 263,
        "utimensat": 280,
        "renameat2": 316,
        "copy_file_range": 326,
    },
    "aarch64": {
        "read": 63,
        "close": 57,
        "pread64": 67,
        "pwrite64": 68,
        "ftruncate": 46,
        "fallocate": 47,
        "fdatasync": 83,
        "fchmod": 52,
        "renameat": 38,
        "linkat": 37,
        "unlinkat": 35,
        "utimensat": 88,
        "renameat2": 276,
        "copy_file_range": 285,
    },
}
AVAILABLE: Final = sys.platform == "linux" and platform.machine() in _NUMBERS
KILL: Final = -1
"""In place of an errno: the process is killed, as by `kill -9`."""

_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def fail(faults: dict[str, int]) -> None:
    """Makes each named system call fail with its errno, or `KILL`, in this process from now on.

    Raises KeyError for a call that the table does not hold, OSError where the kernel refuses the filter.
    """
    numbers = _NUMBERS[platform.machine()]
    instructions = [struct.pack("=HBBI", _LOAD, 0, 0, 0)]
    for name, error in faults.items():
        verdict = _KILL_PROCESS if error == KILL else _ERRNO | error
        instructions.append(struct.pack("=HBBI", _JUMP_IF_EQUAL, 0, 1, numbers[name]))
        instructions.append(struct.pack("=HBBI", _RETURN, 0, 0, verdict))
    instructions.append(struct.pack("=HBBI", _RETURN, 0, 0, _ALLOW))
    program = _Program(len(instructions), b"".join(instructions))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or (
        library.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0
    ):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
