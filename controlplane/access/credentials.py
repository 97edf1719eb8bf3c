"""Bearers to callers, remembered for a minute: the check that stands before every request.

A caller is who a credential stands for and what it may do. Refusals are the contract's (section
2.1): 401 for what is no credential of ours, 403 for an API key that does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import NamedTuple

from controlplane.access import apikeys, keys, policy, times
from controlplane.access.bootstrap import ACCOUNT
from controlplane.access.kinds import CLIENTS
from controlplane.access.policy import EVERYTHING, Grant
from controlplane.access.registry import NAMESPACES, NVCF
from controlplane.access.roots import Roots
from controlplane.access.scopes import API_KEY, JWT, LOCAL, OWN, held
from controlplane.access.tokens import BadToken, Claims, Tokens
from controlplane.engine import Engine
from controlplane.http.problems import Refused
from controlplane.state.protocol import Actor, Event, Reader, Resource

# Seconds for which an answer counts without asking the store again (contract 2.3).
LIFE = 60.0
MAX_ENTRIES = 10_000
# Longer bearers are nobody's.
MAX_BEARER = 4096
_FOREVER = float("inf")
# Addresses of what credentials are made of.
_FAMILY = "access."


class Caller(NamedTuple):
    """Who asks. `account` is empty for a token of a client that is not registered (any more)."""

    kind: str
    subject: str
    account: str
    scopes: frozenset[str]
    grants: tuple[Grant, ...]
    expires: float = _FOREVER

    def actor(self, request_id: str = "") -> Actor:
        """The caller as the audit names it."""
        return Actor(f"{self.kind}:{self.subject}", request_id)


class Credentials:
    """Knows callers by what they bear. `local` are SHA-256 digests of this host's credentials."""

    def __init__(
        self,
        engine: Engine,
        roots: Roots,
        local: Collection[bytes] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine, self._local, self._clock = engine, frozenset(local), clock
        self.tokens = Tokens(roots.signing, clock=clock)
        self.mint = apikeys.Mint(roots.domain)
        self._known: dict[tuple[bytes, str], tuple[Caller, float]] = {}
        self._round = 0

    async def caller(self, bearer: str, namespace: str = NVCF) -> Caller:
        """The caller behind a bearer, with what it may do at one service.

        Raises Refused: 401, or 403 "Authorization failed".
        """
        if not bearer or len(bearer) > MAX_BEARER or not bearer.isascii():
            raise unauthenticated()
        digest = sha256(bearer.encode()).digest()
        found = self._known.get((digest, namespace))
        if found is not None and self._clock() < found[1]:
            return found[0]
        if digest in self._local:
            return Caller(LOCAL, "admin", "", frozenset(OWN), ())
        asked = self._round
        caller = await self._asked(bearer, namespace)
        if asked == self._round:  # else something changed while the store was asked
            self._remember((digest, namespace), caller)
        return caller

    def heard(self, event: Event) -> None:
        """An event of this or another process."""
        if event.address.startswith(_FAMILY):
            self.forget()

    def forget(self) -> None:
        """Ask the store again: accounts, clients, users or keys have changed."""
        self._round += 1
        self._known.clear()

    def _remember(self, key: tuple[bytes, str], caller: Caller) -> None:
        while len(self._known) >= MAX_ENTRIES:
            del self._known[next(iter(self._known))]
        self._known[key] = (caller, min(self._clock() + LIFE, caller.expires))

    async def _asked(self, bearer: str, namespace: str) -> Caller:
        if bearer.startswith(apikeys.FAMILY):
            return await self._engine.read(lambda reader: self._of_key(reader, bearer, namespace))
        try:
            claims = self.tokens.verify(bearer)
        except BadToken:
            raise unauthenticated() from None
        return await self._engine.read(lambda reader: _of_client(reader, claims))

    def _of_key(self, reader: Reader, value: str, namespace: str) -> Caller:
        key = keys.usable(reader, value, times.of_seconds(self._clock()))
        found = key and keys.policy(key, NAMESPACES[namespace])
        if not key or found is None:
            raise Refused(403, "Authorization failed")
        may, on = held(found), policy.grants(found)
        return Caller(API_KEY, key.owner, ACCOUNT, may, on, key.expires.timestamp())


def _of_client(reader: Reader, claims: Claims) -> Caller:
    client = reader.get(f"{CLIENTS}.{claims.subject}")
    if client is None or client.spec is None or _is_older(claims, client):
        return Caller(JWT, claims.subject, "", claims.scopes, (), claims.expires)
    limit = client.spec.get("scopes")
    scopes = claims.scopes if limit is None else claims.scopes & frozenset(limit)
    account = str(client.spec["account"])
    return Caller(JWT, claims.subject, account, scopes, EVERYTHING, claims.expires)


def _is_older(claims: Claims, client: Resource) -> bool:
    """Whether a token was issued before its client was made: to another one of that name, which
    was removed. Tokens know whole seconds."""
    return claims.issued < int(times.parse(client.created).timestamp())


def unauthenticated() -> Refused:
    """401, with the challenge that names what is wanted."""
    challenge = {"WWW-Authenticate": "Bearer"}
    return Refused(401, "a bearer is needed: Authorization: Bearer …", headers=challenge)
