"""Whether JetStream is there and does what will be asked of it, before a server counts on it."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress

from aicr.errors import InvalidRequest, Unavailable
from controlplane.queue.jetstream.connection import connect, our_errors
from controlplane.queue.jetstream.layout import Nats


def check(nats: Nats) -> None:
    """Raises InvalidRequest without credentials that can be read, and Unavailable, saying where it
    was looked for; what is secret in that is left out."""
    if nats.credentials and not os.access(nats.credentials, os.R_OK):
        raise InvalidRequest(f"AICR_NATS_CREDENTIALS: {nats.credentials} cannot be read")
    where = ", ".join(server.rpartition("@")[2].rpartition("/")[2] for server in nats.servers)
    try:
        wrong = asyncio.run(_wrong(nats))
    except OSError as e:
        raise Unavailable(f"AICR_NATS: nobody lets us in at {where}: {e}") from e
    if wrong:
        raise Unavailable(f"AICR_NATS: {where}: {wrong}")


async def _wrong(nats: Nats) -> str:
    """What is wrong with a stream like those that will be made; nothing when all is well."""
    client = await connect(nats, "aicr", lambda: None)
    from nats.js import api
    from nats.js.errors import APIError, NoStreamResponseError, ServiceUnavailableError

    streams, name = client.jetstream(), f"aicr_check_{secrets.token_hex(4)}"
    config = api.StreamConfig(
        name=name,
        subjects=[f"{name}.>"],
        storage=api.StorageType.MEMORY,
        num_replicas=nats.replicas,
    )
    try:
        with our_errors():
            await streams.add_stream(config)
            await streams.delete_stream(name)
    except Unavailable as e:
        cause = e.__cause__
        if isinstance(cause, ServiceUnavailableError | NoStreamResponseError):
            return "there is no JetStream: start nats-server with -js"
        if isinstance(cause, APIError):
            return f"a stream with {nats.replicas} replicas cannot be made: {cause.description}"
        return e.message
    finally:
        with suppress(Unavailable), our_errors():
            await client.close()
    return ""
