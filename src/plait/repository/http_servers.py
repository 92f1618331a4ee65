"""What the servers of a repository have in common, whatever they serve."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """A thread for each connection, none of which holds the end of the process.

    A connection that breaks ends quietly: that is the other side's affair.
    """

    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says what went wrong with a connection, unless it broke or its encryption was never agreed on."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
