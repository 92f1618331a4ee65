#!/bin/sh
# Resolve pyproject.toml into uv.lock (arguments go to `uv lock`, such as --upgrade) and export requirements.lock from
# it: every extra and the development group, with hashes, so that pip alone can install what uv resolved.
set -eu
cd "$(dirname "$0")/.."
uv lock --default-index https://pypi.org/simple "$@"
uv export --quiet --locked --default-index https://pypi.org/simple --all-extras --all-groups \
    --no-emit-project --no-header --format requirements-txt --output-file requirements.lock
# A lock that names a private mirror is of no use to anyone else.
if grep -Eo 'https?://[^/"]+' uv.lock requirements.lock | grep -Ev '//(pypi\.org|files\.pythonhosted\.org)$'; then
    echo "lock: a host other than PyPI's is named above; unset the index settings of this machine and lock again" >&2
    exit 1
fi
