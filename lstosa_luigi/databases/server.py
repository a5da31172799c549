"""The way to a database server: the only place that opens a connection."""

from __future__ import annotations

__all__ = ["Unavailable", "answers", "connect"]

import contextlib
from collections.abc import Iterator
from typing import Any


class Unavailable(Exception):
    """A database cannot be asked; the text says why."""


def connect(server: str, timeout: float) -> Any:
    """Return a client of a MongoDB server that answers.

    Parameters
    ----------
    server : str
        ``host``, ``host:port`` or a ``mongodb://`` address.
    timeout : float
        Seconds to wait for it; lstosa waits 3.

    Raises
    ------
    Unavailable
        If it does not answer, or pymongo is not installed.
    """
    try:
        import pymongo
    except ImportError as error:
        raise Unavailable(f"{server} cannot be asked: pymongo is not installed") from error
    milliseconds = int(timeout * 1000)
    with answers(server):
        client: Any = pymongo.MongoClient(
            server,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
            # as lstchain_create_run_summary: the server that is named, not others that it names
            directConnection=True,
        )
        client.admin.command("ping")
    return client


@contextlib.contextmanager
def answers(server: str) -> Iterator[None]:
    """Turn every error of pymongo into :class:`Unavailable`."""
    import pymongo.errors

    try:
        yield
    except pymongo.errors.ConnectionFailure as error:
        # of all that pymongo tells about the connection, what went wrong
        reason = str(error).split(",")[0].split("(configured")[0].removeprefix(f"{server}: ")
        raise Unavailable(f"{server} does not answer ({reason.strip()})") from error
    except pymongo.errors.PyMongoError as error:
        raise Unavailable(f"{server} refused: {str(error).splitlines()[0]}") from error
