"""The check of an API key on the request path, cached; beside SHA-256 of the same bearer.

    python benchmarks/access.py

The bound of issue 5: under 50 µs. What is timed is what a request pays: the bearer is taken from
its header, the caller is found, the scope is looked for.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from statistics import median
from typing import Any

COUNT, ROUNDS = 20_000, 9
BOUND = 50.0
SCOPE = "list_functions"


async def measure(directory: str) -> dict[str, float]:
    """µs by name."""
    import falcon.testing

    from controlplane.access import bootstrap, guard, scopes, times
    from controlplane.access.credentials import Credentials
    from controlplane.access.registry import FUNCTIONS
    from controlplane.engine import Engine
    from controlplane.families import KINDS
    from controlplane.home import Home
    from controlplane.local import open_state
    from controlplane.services.keys import requests, work
    from controlplane.state.protocol import Actor

    home = Home(directory)
    engine = Engine(open_state(home, None), KINDS, home.vault())
    credentials = Credentials(engine, bootstrap.prepare(engine))
    now = times.of_seconds(time.time())
    policy = {"aud": FUNCTIONS.id, "scopes": list(scopes.FUNCTION_KEY), "resources": []}
    body = {
        "description": "bench",
        "expires_at": times.stamp(now + timedelta(days=1)),
        "authorizations": {"policies": [policy]},
    }
    draft = requests.draft(body, FUNCTIONS, now)

    def make(changes: Any) -> Any:
        return work.create(changes, draft, FUNCTIONS, "bench", credentials.mint)

    key = engine.change_now(Actor("bench"), make)["value"]
    token = credentials.tokens.issue("ncp", scopes.ADMIN).value
    found = {}
    for name, bearer in (("API key", key), ("token", token)):
        headers = {"Authorization": f"Bearer {bearer}"}
        req: Any = falcon.testing.create_asgi_req(headers=headers)
        digested = bearer.encode()
        found[f"sha256 of the {name}"] = await best(lambda d=digested: plain(d))  # type: ignore[misc]
        found[f"{name}, cached"] = await best(
            lambda r=req: checked(guard.require, r, credentials)  # type: ignore[misc]
        )
        found[f"{name}, not cached"] = await uncached(credentials, bearer)
    engine.store.close()
    return found


async def plain(data: bytes) -> None:
    for _ in range(COUNT):
        sha256(data).digest()


async def checked(require: Any, req: Any, credentials: Any) -> None:
    for _ in range(COUNT):
        await require(req, credentials, SCOPE)


async def best(work: Callable[[], Any]) -> float:
    """The median round, in µs for one."""
    await work()
    spent = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        await work()
        spent.append((time.perf_counter() - start) / COUNT * 1e6)
    return median(spent)


async def uncached(credentials: Any, bearer: str) -> float:
    spent = []
    for _ in range(200):
        credentials.forget()
        start = time.perf_counter()
        await credentials.caller(bearer)
        spent.append((time.perf_counter() - start) * 1e6)
    return median(spent)


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(measure(directory))
    for name, micros in found.items():
        print(f"{name:24}{micros:10.2f} µs")
    worst = max(micros for name, micros in found.items() if name.endswith(", cached"))
    print(f"cached check {worst:.2f} µs (< {BOUND})")
    return 0 if worst < BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
