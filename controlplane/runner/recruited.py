"""What a runner does for requests that wait in JetStream, once a server asks for it."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controlplane.queue.jetstream.layout import Nats
from controlplane.runner import files
from controlplane.runner.shim import put

if TYPE_CHECKING:
    from controlplane.queue.jetstream.host import Host
    from controlplane.runner.broker import Broker
    from controlplane.wire import Ear, Json


class Recruited:
    """One host of one JetStream, from when a server first says so; the last one that says where
    that is counts."""

    def __init__(self, home: str, broker: Broker) -> None:
        self._home, self._broker = home, broker
        self._asked: Any = None
        self._host: Host | None = None
        self._task: asyncio.Task[None] | None = None

    def ask(self, _peer: Ear, message: Json) -> None:
        """The command of servers: `nats` are the fields of Nats, `address` where instances are."""
        from controlplane.queue.jetstream.host import Host

        given = {**message["nats"], "servers": tuple(message["nats"]["servers"])}
        asked = Nats(**given), message["address"]
        if asked == self._asked:
            return
        if self._task is not None:
            self._task.cancel()
        self._asked = asked
        name = identity(self._home)
        self._host = Host(asked[0], name, self._broker, asked[1], before=self._host)
        self._task = asyncio.create_task(self._host.run())

    async def end(self) -> None:
        """Say what there is to say, and hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def identity(home: str) -> str:
    """The name of the runners of a home, one after the other: seats bear it."""
    with suppress(FileNotFoundError, ValueError):
        return str(json.loads(Path(home, files.RUN, files.IDENTITY).read_bytes()))
    made = secrets.token_hex(8)
    put(f"{home}/{files.RUN}", files.IDENTITY, made)
    return made
