#!/bin/sh
# Builds the C extension with the address and undefined-behaviour sanitizers beside a copy of the package, and runs the
# tests of the native functions with it. Needs gcc with its sanitizer libraries.
set -eu
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

cp -R src tests pyproject.toml setup.py README.md "$place/"
find "$place/src" -name '*.so' -delete
include=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
gcc -shared -fPIC -O1 -g -std=c11 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-DPy_LIMITED_API=0x030B0000 -I"$include" src/plait/native/*.c -o "$place/src/plait/native/_native.abi3.so"

python=$PWD/.venv/bin/python
cd "$place"
# The interpreter is not instrumented, so the libraries have to be there before it; what it never frees is not of interest.
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
	PYTHONPATH=src "$python" -m pytest -p no:cacheprovider tests/unit/native tests/properties/test_native_twins.py
