"""Where there is a compiler there is an extension, and it compiles without a warning."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from plait import native

ROOT = Path(__file__).resolve().parents[3]


def test_a_compiler_makes_an_extension_that_works(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    subprocess.run(
        [
            *(sys.executable, "setup.py", "-q", "build_ext"),
            *("--build-temp", str(tmp_path / "temp"), "--build-lib", str(tmp_path / "lib")),
        ],
        cwd=ROOT,
        env={**os.environ, "CFLAGS": "-Wall -Wextra -Werror"},
        check=True,
    )
    built = list((tmp_path / "lib/plait/native").glob("_native.*"))
    assert bool(built) == (compiler is not None)
    for path in built:
        script = "import os, _native; print(len(_native.scan(os.open('.', os.O_RDONLY))[0]))"
        run = subprocess.run(
            [sys.executable, "-c", script], cwd=path.parent, capture_output=True, text=True, check=True
        )
        assert run.stdout == "1\n"


def test_the_implementation_is_named() -> None:
    module = native.scan.__module__
    assert {"plait.native._native": "c", "plait.native.pure.scan": "python"}[module] == native.IMPLEMENTATION
