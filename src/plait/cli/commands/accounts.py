"""`config userinfo`, `disconnect`, `reconnect` and `string`: what there is to a remote beside its tree."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from plait.cli.forms import WordsError
from plait.cli.fronts.rclone_remotes import CREATING
from plait.cli.tasks import only, working
from plait.model.errors import ConfigurationError
from plait.model.values.quoting import quote
from plait.stores.connection import Connection, parse_connection, show_connection
from plait.stores.location import LocationKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.cli.forms import Invocation


def userinfo(invocation: Invocation) -> int:
    """Would print who a remote's account belongs to: no store here tells."""
    raise WordsError(f"{_opened(invocation)} doesn't support UserInfo")


def disconnect(invocation: Invocation) -> int:
    """Would give up a remote's token: no store here can."""
    raise WordsError(f"{_opened(invocation)} doesn't support Disconnect")


def reconnect(invocation: Invocation) -> int:
    """Would have a remote authorised anew, which takes a browser; most have nothing that is authorised."""
    with _worded(invocation), working(invocation) as work:
        place = only(work.locations())
        work.task.root(place)
        if place.kind is not LocationKind.REMOTE:
            raise WordsError("backend doesn't support reconnect or authorize")
        if work.session.opening().remotes.backend(place.name) == "drive":
            raise WordsError("there is no browser here: have rclone authorise the remote, whose token is used as it is")
    return 0


def string(invocation: Invocation) -> int:
    """Prints a location so that it needs no section of rclone.conf."""
    with _worded(invocation), working(invocation) as work:
        place = only(work.locations())
        connection = parse_connection(invocation.words[0])
        backend, options = place.backend, dict(place.options)
        if place.kind is LocationKind.REMOTE:
            remotes = work.session.opening().remotes
            backend = remotes.backend(place.name)
            told = remotes.options(place.name, backend, options)
            options = {key: value for key, value in sorted(told.items()) if key != "type"}
        print(show_connection(Connection(f":{backend}", options, connection.path), secrets=True))
        return 0


@contextmanager
def _worded(invocation: Invocation) -> Iterator[None]:
    """Has a remote that is not there be an error of the words, as rclone has it for these verbs."""
    try:
        yield
    except ConfigurationError as error:
        creating = f"{CREATING} {quote(invocation.words[0])}: "
        raise WordsError(error.message.removeprefix(creating)) from None


def _opened(invocation: Invocation) -> str:
    """The name of the location, which must be one."""
    with working(invocation) as work:
        return work.task.root(only(work.locations())).text
