"""Whether JetStream is there, before a server counts on it."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from aicr.errors import InvalidRequest, Unavailable
from controlplane.queue.jetstream.connection import connect, told
from controlplane.queue.jetstream.layout import Nats


def check(nats: Nats) -> None:
    """Raises InvalidRequest without credentials that can be read, and Unavailable, saying where it
    was looked for; what is secret in that is left out."""
    if nats.credentials and not os.access(nats.credentials, os.R_OK):
        raise InvalidRequest(f"AICR_NATS_CREDENTIALS: {nats.credentials} cannot be read")
    where = ", ".join(server.rpartition("@")[2].rpartition("/")[2] for server in nats.servers)
    try:
        found = asyncio.run(_has_jetstream(nats))
    except OSError as e:
        raise Unavailable(f"AICR_NATS: nobody lets us in at {where}: {e}") from e
    if not found:
        raise Unavailable(f"AICR_NATS: {where} has no JetStream: start nats-server with -js")


async def _has_jetstream(nats: Nats) -> bool:
    client = await connect(nats, "aicr", lambda: None)
    from nats.js.errors import ServiceUnavailableError

    try:
        with told(), suppress(ServiceUnavailableError):
            await client.jetstream().account_info()
            return True
    finally:
        with told():
            await client.close()
    return False
