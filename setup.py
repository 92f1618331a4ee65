"""Build the optional C extension; everything else about the package is in pyproject.toml.

The extension is built from every C file of ``src/plait/native``, for the stable ABI of CPython 3.11. It is left out,
and the pure-Python twin used, when there is no C file, when ``PLAIT_NO_EXTENSION=1`` is set, or when the compiler is
missing or fails.
"""

import os
import platform
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
sources = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("src/plait/native/*.c"))
headers = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("src/plait/native/*.h"))
wanted = (
    bool(sources)
    and os.environ.get("PLAIT_NO_EXTENSION", "0") in ("", "0")
    and platform.python_implementation() == "CPython"
)

if wanted:
    setup(
        ext_modules=[
            Extension(
                "plait.native._native",
                sources,
                depends=headers,
                define_macros=[("Py_LIMITED_API", "0x030B0000")],
                extra_compile_args=[] if os.name == "nt" else ["-O3", "-std=c11"],
                py_limited_api=True,
                optional=True,
            ),
        ],
        options={"bdist_wheel": {"py_limited_api": "cp311"}},
    )
else:
    setup()
