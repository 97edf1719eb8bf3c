"""Asking for the result of a request whose caller was told to poll (contract 7.5)."""

from __future__ import annotations

import asyncio
from typing import IO

from controlplane.services.invoke import answers, errors
from controlplane.services.invoke.exchange import Exchange
from controlplane.services.invoke.results import Head, Results, State

# As much of a result is read at a time.
PART_BYTES = 256 * 1024


async def poll(
    results: Results, exchange: Exchange, request: str, account: str, hold: float
) -> None:
    """Answer with the result, which is then gone; with 202 when there is none within so many
    seconds. Raises Refusal: 404, and 500 when there will be none."""
    loop = asyncio.get_running_loop()
    until = loop.time() + hold
    exchange.watch()
    while True:
        state = results.look(request, account)
        if state is State.UNKNOWN:
            raise errors.no_request()
        if state is State.DONE and (found := results.claim(request)) is not None:
            await _deliver(exchange, request, *found)
            return
        if state is State.FAILED and results.claim_failure(request):
            refusal = errors.owner_gone()
            refusal.headers += answers.marks(request, refusal.status)
            raise refusal
        if state is State.PENDING:
            left = until - loop.time()
            if left <= 0:
                await exchange.say(202, answers.marks(request, 202))
                return
            await results.news(request, left)


async def _deliver(exchange: Exchange, request: str, head: Head, f: IO[bytes]) -> None:
    with f:
        headers = answers.marked(head.headers, request, head.status)
        await exchange.start(head.status, headers)
        while part := await asyncio.to_thread(f.read, PART_BYTES):
            await exchange.body(part, more=True)
        await exchange.body(b"", more=False)
