#!/bin/sh
# Make the development environment in .venv: every locked dependency (checked by hash), then Plait itself, editable.
# Uses uv where it is installed, else the interpreter's own venv and pip. Needs only Python 3.11 or newer; without a
# C compiler the extension is left out. PYTHON=/path/to/python chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."
venv=.venv

suits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    suits "$PYTHON" || { echo "setup: $PYTHON is not Python 3.11 or newer" >&2; exit 1; }
else
    for candidate in python3 python3.11 python3.12 python3.13 python3.14 python; do
        if suits "$candidate"; then
            PYTHON=$candidate
            break
        fi
    done
    [ -n "${PYTHON:-}" ] || { echo "setup: Python 3.11 or newer is needed; set PYTHON=/path/to/it" >&2; exit 1; }
fi

# An environment whose interpreter is gone or too old is made anew.
if [ -e "$venv" ] && ! suits "$venv/bin/python"; then
    rm -rf "$venv"
fi

if command -v uv >/dev/null 2>&1; then
    # uv does not read pip's configuration; a machine that has a package mirror has it there.
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        mirror=$("$PYTHON" -m pip config get global.index-url 2>/dev/null || true)
        [ -z "$mirror" ] || export UV_DEFAULT_INDEX="$mirror"
    fi
    [ -x "$venv/bin/python" ] || uv venv --quiet --python "$PYTHON" "$venv"
    uv pip sync --quiet --python "$venv/bin/python" --require-hashes requirements.lock
    uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
else
    if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$PYTHON" -m venv "$venv" || {
            echo "setup: 'python -m venv' failed; on Debian and Ubuntu install python3-venv, or install uv" >&2
            exit 1
        }
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
fi

# Bytecode is laid down once: an environment that forbids writing it would compile every module at every start.
"$venv/bin/python" -m compileall -q src
