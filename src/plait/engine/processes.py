"""Which process is which: a process ID alone is used again after a while."""

from __future__ import annotations

import os
from pathlib import Path


def identity(pid: int) -> str | None:
    """What tells this process from a later one with the same ID; None where there is no such process.

    From Linux's `/proc` (the machine's boot and the start time); elsewhere "" says that a process exists.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return _exists(pid)
    # The name in parentheses may hold anything; field 22 counts from after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else f"{boot}:{fields[19]}"


def _exists(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    return ""
