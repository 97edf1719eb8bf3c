"""The one question that routes ask: may whoever sent this request do that?"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from falcon.asgi import Request

from controlplane.access import scopes
from controlplane.access.credentials import Caller
from controlplane.access.policy import Target, permits
from controlplane.access.registry import NVCF
from controlplane.access.scopes import JWT
from controlplane.http.problems import Refused

DENIED = "Access Denied"
# The same few callers ask for the same few things.
_allows = lru_cache(maxsize=1024)(scopes.allows)


class Knows(Protocol):
    """Whoever knows callers by what they bear."""

    async def caller(self, bearer: str, namespace: str = NVCF) -> Caller:
        """Raises Refused."""


async def require(req: Request, credentials: Knows, *any_of: str, namespace: str = NVCF) -> Caller:
    """The caller, who has one of these scopes; `namespace` says which service asks.

    Raises Refused: 401, 403, or 404 for a token of a client that is not registered.
    """
    caller = await credentials.caller(bearer(req), namespace)
    check_scopes(caller, any_of)
    check_account(caller)
    return caller


def check_scopes(caller: Caller, any_of: tuple[str, ...]) -> None:
    """Raises Refused 403 for a caller with none of these scopes."""
    if not _allows(caller.kind, caller.scopes, any_of):
        raise Refused(403, DENIED)


def check_account(caller: Caller) -> None:
    """Raises Refused 404 for a token of a client that is not registered."""
    if caller.kind == JWT and not caller.account:
        words = f"Unknown client_id '{caller.subject}' when finding account id"
        raise Refused(404, words)


def check(caller: Caller, target: Target) -> None:
    """Raises Refused 403 when the caller's resources do not cover the target."""
    if not permits(caller.grants, target):
        raise Refused(403, DENIED)


def bearer(req: Request) -> str:
    """The credential of the Authorization header; nothing when there is none."""
    scheme, _, credential = (req.get_header("Authorization") or "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""
