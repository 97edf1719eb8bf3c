"""Endpoints as data: routes, OpenAPI and tests are made of tables of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from falcon.asgi import Request
from pydantic import BaseModel

from controlplane.access.scopes import ADMIN_PREFIX
from controlplane.vendor.calls import Change, Pulls, Read

Option = Callable[[Request], Any]


class Endpoint(NamedTuple):
    """A method of a path, the scopes of which one is needed, and what it does: exactly one of
    `read` and `change`. `answer` is what an answer's object is called; nothing: no body."""

    method: str
    path: str
    summary: str
    scopes: tuple[str, ...]
    answer: str = ""
    read: Read | None = None
    change: Change | None = None
    body: type[BaseModel] | None = None
    options: tuple[str, ...] = ()
    # What it lets be pulled, for those who ask registries themselves.
    pulls: Pulls | None = None
    # It asks the queue, which changes without the state.
    queued: bool = False
    # Below /accounts/{ncaId}: about that account, by an admin: scope.
    crosses: bool = False


def crossing(endpoint: Endpoint) -> Endpoint:
    """The same about another account, for administrators."""
    return endpoint._replace(
        path=f"/accounts/{{ncaId}}{endpoint.path}",
        summary=f"{endpoint.summary}, of an account",
        scopes=tuple(f"{ADMIN_PREFIX}{scope}" for scope in endpoint.scopes),
        crosses=True,
    )
