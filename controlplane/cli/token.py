"""`aicr token`: tokens of clients, made on the server's own host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from aicr.cli import output
from aicr.errors import InvalidRequest, NotFound
from controlplane.cli.options import me, note_here

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.group("token")
def command() -> None:
    """Make tokens of clients, on the server's own host."""


@command.command("create")
@click.option("--client", required=True, metavar="NAME", help="Whose token.")
@click.option("--scope", "scopes", multiple=True, metavar="S", help="What it may do; repeatable.")
@click.option("--ttl", default="12h", metavar="TIME", help="How long it counts (default 12h).")
@click.option("--state", default=None, metavar="FILE", help="State: a file, or postgresql://…")
def create(client: str, scopes: tuple[str, ...], ttl: str, state: str | None) -> None:
    """Print a signed token of a client.

    \b
    AICR_TOKEN=$(aicr token create --client research-ci --scope plans:read --scope state:read)
    """
    from controlplane.access import bootstrap
    from controlplane.access.kinds import CLIENTS
    from controlplane.access.tokens import Token, Tokens
    from controlplane.changes import Changes
    from controlplane.local import open_engine

    note_here(state)
    check_scopes(scopes)
    if not scopes:
        raise InvalidRequest("say what the token may do: --scope, as --scope plans:read")
    life, address = _seconds(ttl), f"{CLIENTS}.{client}"
    with open_engine(state) as engine:
        tokens = Tokens(bootstrap.prepare(engine).signing)

        def work(changes: Changes) -> Token:
            known = changes.tx.get(address)
            if known is None:
                raise NotFound(f"no client {client}: aicr client add {client} makes it (--client)")
            _check_limit(client, known.spec or {}, scopes)
            token = tokens.issue(client, scopes, life)
            facts = {"id": token.id, "expires": token.expires, "scopes": list(scopes)}
            changes.tx.record(changes.actor, "minted", address, facts)
            return token

        made = engine.change_now(me(), work)
    output.emit(f"{made.value}\n")


def check_scopes(scopes: Iterable[str]) -> None:
    """Raises InvalidRequest for a scope that no endpoint asks of a token."""
    from controlplane.access.scopes import JWT, fault

    for scope in scopes:
        wrong = fault(scope, JWT)
        if wrong:
            raise InvalidRequest(f"--scope {scope}: {wrong}")


def _check_limit(client: str, spec: Mapping[str, Any], scopes: Iterable[str]) -> None:
    """Raises InvalidRequest for a scope that tokens of this client may not carry."""
    limit: list[str] | None = spec.get("scopes")
    beyond = [] if limit is None else [scope for scope in scopes if scope not in limit]
    if beyond:
        allowed = ", ".join(limit or ())
        raise InvalidRequest(f"--scope {beyond[0]}: tokens of {client} may carry {allowed}")


def _seconds(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _SECONDS or not (number.isascii() and number.isdigit()) or len(number) > 6:
        raise InvalidRequest(f"--ttl {text!r}: write a number and s, m, h or d, as 12h")
    seconds = int(number) * _SECONDS[unit]
    if not 0 < seconds <= 365 * _SECONDS["d"]:
        raise InvalidRequest(f"--ttl {text}: from 1s to 365d")
    return seconds
