"""What the check of a bearer costs on the request path, beside one SHA-256 of the bearer.

    python benchmarks/access.py

Cached is the bound of issue 5: under 50 µs. First is without the cache: the store is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from statistics import median

from falcon import testing
from falcon.asgi import Request

from controlplane.access import bootstrap, guard, scopes
from controlplane.access.credentials import Credentials
from controlplane.access.kinds import KEYS, key_status
from controlplane.access.registry import FUNCTIONS
from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.home import Home
from controlplane.local import open_state
from controlplane.state.protocol import Actor

ROUNDS, CALLS, FIRST = 7, 20_000, 200


def a_key(engine: Engine, credentials: Credentials) -> str:
    value = credentials.mint.new()
    policy = {"aud": FUNCTIONS.id, "scopes": ["invoke_function", "list_functions"], "resources": []}
    spec = {
        "service": FUNCTIONS.id,
        "owner": "bench",
        "description": "bench",
        "expiresAt": "2099-01-01T00:00:00Z",
        "authorizations": {"policies": [policy]},
    }
    status = key_status("bench", value, "2026-01-01T00:00:00Z")
    engine.change_now(Actor("bench"), lambda c: c.create(f"{KEYS}.bench", spec, status))
    return value


async def microseconds(ask: Callable[[], Awaitable[object]], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        await ask()
    return 1e6 * (time.perf_counter() - start) / calls


async def measure(credentials: Credentials, name: str, bearer: str) -> float:
    scope = testing.create_scope(headers={"Authorization": f"Bearer {bearer}"})
    scope["headers"] = [tuple(pair) for pair in scope["headers"]]
    data = bearer.encode()

    async def check() -> object:
        request = Request(scope, None)  # Falcon parses headers once per request
        return await guard.require(request, credentials, "list_functions")

    async def bare() -> object:
        return Request(scope, None)

    async def forgotten() -> object:
        credentials.forget()
        return await check()

    async def digest() -> object:
        return hashlib.sha256(data).digest()

    first = await microseconds(forgotten, FIRST)
    rounds = [
        (
            await microseconds(check, CALLS),
            await microseconds(bare, CALLS),
            await microseconds(digest, CALLS),
        )
        for _ in range(ROUNDS)
    ]
    cached = median(c - b for c, b, _ in rounds)
    sha = median(s for *_, s in rounds)
    print(f"{name:8} cached {cached:6.2f} µs  {cached / sha:5.1f}x sha256   first {first:7.1f} µs")
    return cached


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        place = Home(scratch)
        engine = Engine(open_state(place, None), KINDS, place.vault())
        credentials = Credentials(engine, bootstrap.prepare(engine))
        token = credentials.tokens.issue(bootstrap.CLIENT, scopes.ADMIN).value
        bearers = {"token": token, "key": a_key(engine, credentials)}
        worst = max(asyncio.run(measure(credentials, *pair)) for pair in bearers.items())
        engine.store.close()
    print(f"bound 50 µs: {'reached' if worst < 50 else 'missed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
