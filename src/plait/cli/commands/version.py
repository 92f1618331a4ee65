"""`plait version`: which Plait this is, and which parts run."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Final

from plait import __version__

if TYPE_CHECKING:
    from plait.cli.forms import Invocation

LIBRARIES: Final = ("obstore", "botocore", "urllib3", "apsw", "blake3", "msgspec", "click", "rich")
"""What is named by `--verbose`, in this order, where it is installed."""


def run(invocation: Invocation) -> int:
    """Prints the version; with `--verbose` what runs, with `--json` the same as an object."""
    facts = {"plait": __version__}
    if invocation.values.verbose:
        facts |= details()
    if invocation.values.json:
        import msgspec

        print(msgspec.json.encode(facts).decode())
        return 0
    print(f"plait {__version__}")
    width = max(map(len, facts))
    for name, text in facts.items():
        if name != "plait":
            print(f"  {name:<{width}}  {text}")
    return 0


def details() -> dict[str, str]:
    """What runs: interpreter, system, native code, libraries."""
    from plait.native import IMPLEMENTATION

    uname = platform.uname()
    found = {
        "python": f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})",
        "system": f"{uname.system} {uname.release} {uname.machine}",
        "native functions": {"c": "C extension", "python": "Python fallback"}[IMPLEMENTATION],
    }
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
