"""Which versions of a function a caller may invoke now, and where they wait (contract 7.2)."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from controlplane.access.credentials import LIFE, Caller
from controlplane.engine import Engine
from controlplane.queue.protocol import Limit
from controlplane.services.invoke import errors
from controlplane.services.invoke.errors import Refusal
from controlplane.services.invoke.requests import Target
from controlplane.services.nvcf import visible
from controlplane.services.nvcf.lifecycle import DEGRADED, INVOCABLE
from controlplane.state.protocol import Event, Reader, Resource

# What a request line has only encoded.
_OTHER = re.compile(r"[^\x00-\x7f]+")
MAX_KNOWN = 10_000
_FAMILY = "nvcf."
# Shorter than any client's way from the answer to a change to its next request.
FRESH_SECONDS = 0.001


class Version(NamedTuple):
    """A version that can be invoked. `door` is where requests wait for it, `path` where it wants
    those that do not say a path of their own."""

    function: str
    version: str
    door: str
    path: str
    rates: Mapping[str, Any]


class Known(NamedTuple):
    """What was found, when the store was at `at` (None: it does not say) and until when it counts
    without asking."""

    found: tuple[Version, ...]
    at: int | None
    until: float


class Versions:
    """Versions by who asks for what, remembered for a minute, and not beyond a change."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._clock = engine, clock
        self._known: dict[Any, Known] = {}
        self._at: int | None = None
        self._look = 0.0
        self._asking: dict[Any, asyncio.Future[tuple[Version, ...]]] = {}

    async def pick(self, caller: Caller, target: Target) -> Version:
        """One of the versions that can be invoked, at random. Raises Refusal: 404, 403, 400."""
        key = (target, caller.account, caller.grants)
        known = self._known.get(key)
        at = self._version()
        if known is not None and known.at == at and self._clock() < known.until:
            found = known.found
        else:
            found = await self._ask(key, caller, target, at)
        return found[0] if len(found) == 1 else random.choice(found)  # noqa: S311 (no secret)

    def _version(self) -> int | None:
        """The store's version, as of a moment ago at most: it costs a call to the system."""
        now = self._clock()
        if now >= self._look:
            self._at, self._look = self._engine.store.version(), now + FRESH_SECONDS
        return self._at

    async def _ask(
        self, key: Any, caller: Caller, target: Target, at: int | None
    ) -> tuple[Version, ...]:
        """Read it, once for all who ask at the same time."""
        asking = self._asking.get((key, at))
        if asking is None:
            asking = asyncio.ensure_future(self._read(key, caller, target, at))
            self._asking[key, at] = asking
            asking.add_done_callback(lambda done: self._asked((key, at), done))
        return await asyncio.shield(asking)

    def _asked(self, key: Any, done: asyncio.Future[tuple[Version, ...]]) -> None:
        self._asking.pop(key, None)
        if not done.cancelled():
            done.exception()  # who asked may have gone

    async def _read(
        self, key: Any, caller: Caller, target: Target, at: int | None
    ) -> tuple[Version, ...]:
        found = await self._engine.read(lambda reader: invocable(reader, caller, target))
        if isinstance(found, Refusal):
            raise found  # what is refused is asked again: it may have just been deployed
        while len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = Known(found, at, self._clock() + LIFE)
        return found

    def heard(self, event: Event) -> None:
        """An event of this or another process."""
        if event.address.startswith(_FAMILY):
            self._known.clear()


def invocable(reader: Reader, caller: Caller, target: Target) -> tuple[Version, ...] | Refusal:
    """The versions, or why there are none."""
    seen = [r for r in _named(reader, target) if visible.visibility(r, caller.account)]
    if not seen:
        return errors.no_function(*target)
    permitted = [r for r in seen if visible.permitted(r, caller)]
    if not permitted:
        return errors.problem(403, "Access Denied")
    ready = [r for r in permitted if r.status["status"] in INVOCABLE]
    if not ready:
        broken = any(r.status["status"] == DEGRADED for r in permitted)
        return errors.degraded(target.function) if broken else errors.no_function(*target)
    found = tuple(_version(r, d) for r, d in _deployed(reader, ready))
    return found or errors.no_queue(target.function)


def _named(reader: Reader, target: Target) -> list[Resource]:
    if not target.version:
        return visible.versions(reader, target.function)
    found = visible.find(reader, target.function, target.version)
    return [] if found is None else [found]


def _deployed(reader: Reader, found: list[Resource]) -> Iterable[tuple[Resource, Resource]]:
    pairs = ((r, visible.deployment_of(reader, r)) for r in found)
    return [(r, d) for r, d in pairs if d is not None]


def _version(r: Resource, deployment: Resource) -> Version:
    spec = r.spec or {}
    function, version = r.status["functionId"], r.status["versionId"]
    path = _path(spec["inferenceUrl"])
    return Version(function, version, deployment.address, path, spec.get("rateLimit") or {})


def _path(url: str) -> str:
    """Where in a function its inference URL points, in ASCII: the path of one with a host, too."""
    rest = url.partition("://")[2]
    path = f"/{rest.partition('/')[2]}" if rest else url
    path = _OTHER.sub(lambda found: quote(found[0]), path)
    return path if path.startswith("/") else f"/{path}"


def limits(version: Version, caller: Caller) -> list[Limit]:
    """The windows in which a request counts (contract 4.2): those of its account, if it has any,
    else of the function, unless it is exempt; and those of its user."""
    rates = version.rates
    if not rates:
        return []
    account, of_account = caller.account, rates.get("perNcaIdRate") or {}
    found = []
    if account in of_account:
        found += _windows(f"{version.version} account {account}", of_account[account])
    elif account not in (rates.get("exemptedNcaIds") or ()):
        found += _windows(version.version, rates.get("rateLimit"))
    user = f"{version.version} user {caller.kind} {caller.subject}"
    return found + _windows(user, rates.get("perUserRate"))


def _windows(name: str, rate: str | None) -> list[Limit]:
    """A rate, such as `100-S, 1000-M`."""
    parts = (part.strip().partition("-") for part in rate.split(",")) if rate else ()
    return [Limit(name, int(most), _SECONDS[unit]) for most, _, unit in parts]


_SECONDS = {"S": 1, "M": 60, "H": 3600, "D": 86_400, "W": 604_800}
