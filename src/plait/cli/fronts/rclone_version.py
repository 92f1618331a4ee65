"""`rclone version` of the front: the version whose behaviour it has, and what really runs."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Final

from plait import __version__

if TYPE_CHECKING:
    from plait.cli.forms import Invocation

RCLONE_VERSION: Final = "v1.75.2"
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}


def run(invocation: Invocation | None) -> int:
    """Prints the version; scripts read the first line. With `--check` only what rclone prints while it is offline."""
    if invocation is not None and invocation.values.check:
        print(f"yours:  {RCLONE_VERSION.removeprefix('v'):<13}")
        print("no site is asked for newer versions", file=sys.stderr)
        return 0
    uname = platform.uname()
    try:
        release = platform.freedesktop_os_release()
        system = f"{release.get('ID', 'unknown')} {release.get('VERSION_ID', '')}".strip()
    except OSError:
        system = "unknown"
    bits = platform.architecture()[0].removesuffix("bit")
    print(f"rclone {RCLONE_VERSION}")
    print(f"- os/version: {system} ({bits} bit)")
    print(f"- os/kernel: {uname.release} ({uname.machine})")
    print(f"- os/type: {uname.system.lower()}")
    print(f"- os/arch: {_MACHINES.get(uname.machine, uname.machine)}")
    print(f"- plait/version: {__version__}")
    print(f"- python/version: {platform.python_version()}")
    return 0
