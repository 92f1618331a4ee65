"""Variables of the environment in a configuration file: `$NAME` and `${NAME}`, as Go's `os.Expand` reads them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE: Final = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[*#$@!?0-9-])|(\{))")


def expand(text: str, environment: Mapping[str, str], pid: int) -> str:
    """The text with its variables replaced; what is not set is empty, and `PID` is the number of this process."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name == "PID":
            return str(pid)
        return environment.get(name, "") if name else ""

    return _VARIABLE.sub(value, text)
