"""A connection to NATS, which ends with its server: all is said again to the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from aicr.errors import Unavailable
from controlplane.http.log import log
from controlplane.queue.jetstream.layout import Nats
from controlplane.wire import Json, encode

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

_CONNECT_SECONDS = 2
# A server that is silent for so long, twice, is gone.
_PING_SECONDS = 5
_NO_CLIENT = "AICR_QUEUE=jetstream needs nats-py: pip install 'aicr[jetstream]'"
# The header of what the server itself says in answer, and its word for "nobody hears that".
STATUS, NOBODY = "Status", "503"


async def connect(nats: Nats, name: str, lost: Callable[[], None]) -> Client:
    """A connection to the first server that answers; `lost` is called when it ends. Raises OSError
    when nobody is there, and Unavailable when nats-py is not."""
    wrong: list[Exception] = []
    for server in nats.servers:
        client = await _attempt(nats, server, name, lost, wrong)
        if client is not None:
            return client
    raise OSError(str(wrong[-1]) if wrong else "nobody answers")


async def _attempt(
    nats: Nats, server: str, name: str, lost: Callable[[], None], wrong: list[Exception]
) -> Client | None:
    """A connection to one server; None, and what is wrong with it, when there is none."""
    try:
        from nats.aio.client import Client
        from nats.errors import Error, NoServersError
    except ImportError:
        raise Unavailable(_NO_CLIENT) from None
    client, stands = Client(), False

    async def closed() -> None:
        if stands:  # what never stood is not lost
            lost()

    async def failed(e: Exception) -> None:
        if not stands:
            wrong.append(e)
        elif isinstance(e, Error | OSError):
            log("warn", "the connection to JetStream is disturbed", error=repr(e))
        else:  # of what was done with a message
            log("error", "a message of JetStream was not understood", error=repr(e), trace=e)

    try:
        await client.connect(
            server,
            name=name,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # "none" would be as many as it takes
            reconnect_time_wait=0,
            connect_timeout=_CONNECT_SECONDS,
            ping_interval=_PING_SECONDS,
            user_credentials=nats.credentials or None,
            error_cb=failed,
            closed_cb=closed,
        )
    except NoServersError:
        pass  # why, it has said before
    except Exception as e:  # noqa: BLE001 (also what is wrong with a URL or a file of credentials)
        wrong.append(e)
    else:
        stands = True
        return client
    with suppress(Exception):  # it may be in any state
        await client.close()
    return None


@contextmanager
def our_errors() -> Iterator[None]:
    """Errors of NATS as ours. Raises Unavailable."""
    from nats.errors import Error

    try:
        yield
    except (Error, OSError, TimeoutError) as e:
        raise Unavailable(f"JetStream: {e}") from e


def status(message: Msg) -> str:
    """What the server itself says; nothing for messages of others."""
    return (message.headers or {}).get(STATUS, "")


class Outbox:
    """Messages in the order in which they were given, without waiting for that. `lost` is called
    when the connection turns out to be closed, which nats-py does not always say itself."""

    def __init__(self, client: Client, lost: Callable[[], None]) -> None:
        self._client, self._lost = client, lost
        self._queue: asyncio.Queue[tuple[str, bytes, str]] = asyncio.Queue()
        self._sending = asyncio.create_task(self._send())

    def say(self, subject: str, message: Json, reply: str = "") -> None:
        self.put(subject, encode(message), reply)

    def put(self, subject: str, data: bytes, reply: str = "") -> None:
        self._queue.put_nowait((subject, data, reply))

    async def _send(self) -> None:
        """Until the connection ends. A message that cannot be sent stops no other."""
        while not self._client.is_closed:
            subject, data, reply = await self._queue.get()
            try:
                with our_errors():
                    await self._client.publish(subject, data, reply)
            except Unavailable as e:
                log("warn", "a message was not sent", subject=subject, error=e.message)
            self._queue.task_done()
        self._lost()

    async def close(self) -> None:
        """Send what is left, unless that takes too long, and hang up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CONNECT_SECONDS):
                await _first(self._queue.join(), self._sending)
        self._sending.cancel()
        with suppress(Unavailable), our_errors():
            await self._client.close()


async def _first(*works: Any) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
