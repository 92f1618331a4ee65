"""How many files this process may have open."""

from __future__ import annotations

from contextlib import suppress


def allow_many_files() -> None:
    """Lets this process have as many open files as the system lets it have: the usual limit is far below."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says that there is no limit, and refuses to be asked for that.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
