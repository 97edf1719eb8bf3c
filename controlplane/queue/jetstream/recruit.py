"""Has the runner of this host serve what waits in JetStream, whichever runner that is by now."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aicr.errors import AicrError
from controlplane.queue.jetstream.layout import Nats
from controlplane.queue.protocol import HERE
from controlplane.queue.seats import AGAIN_SECONDS
from controlplane.wire import Client

# What a runner is asked, with `nats` and `address`: see Host.
COMMAND = "jetstream"


async def recruit(path: str, nats: Nats, address: str = HERE) -> None:
    """Tell every runner that listens at the socket `path`, until cancelled. `address` is where
    other hosts reach its instances."""
    while True:
        lost = asyncio.Event()
        client = Client(lost=lost.set)
        try:
            await client.connect(path)
            await client.ask(COMMAND, nats=nats._asdict(), address=address)
            await lost.wait()
        except (OSError, AicrError):
            pass  # there is none yet, or no more
        finally:
            with suppress(OSError):
                await client.close()
        await asyncio.sleep(AGAIN_SECONDS)
