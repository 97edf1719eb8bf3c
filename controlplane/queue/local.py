"""The queue of one host: the runner's broker, asked over its socket."""

from __future__ import annotations

from aicr.errors import Unavailable
from controlplane.queue.protocol import Load
from controlplane.queue.seats import Heard, Link, Lost, Seats
from controlplane.wire import Client, line


class Local(Seats):
    """The queue of a worker of a host; `path` is the runner's socket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    async def _dial(self, heard: Heard, lost: Lost) -> Link:
        client = Client(heard, lost)
        await client.connect(self._path)
        return client

    def loads_now(self) -> dict[str, Load]:
        """What goes on, for another thread."""
        return loads_at(self._path)


def loads_at(path: str) -> dict[str, Load]:
    """What goes on at the doors of a host, for a thread; nothing when there is no runner."""
    try:
        with line(path) as connection:
            return {door: Load(*load) for door, load in connection.ask("loads").items()}
    except Unavailable:
        return {}
