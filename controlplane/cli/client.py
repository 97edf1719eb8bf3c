"""`aicr client`: the clients that tokens are made for, on the server's own host."""

from __future__ import annotations

import click

from aicr.cli import output
from aicr.errors import Conflict, NotFound
from controlplane.cli.options import me, note_here
from controlplane.cli.token import check_scopes
from controlplane.home import NOTHING
from controlplane.state.protocol import Reader, Resource

_STATE = click.option(
    "--state", default=None, metavar="FILE", help="State: a file, or postgresql://…"
)


@click.group("client")
def command() -> None:
    """Register the clients that tokens are made for, on the server's own host."""


@command.command("add")
@click.argument("name")
@click.option("--account", default=None, metavar="NCA", help="Account (default nvcf-default).")
@click.option("--scope", "scopes", multiple=True, help="All that its tokens may carry; repeatable.")
@click.option("--description", default=None, metavar="TEXT")
@_STATE
def add(
    name: str,
    account: str | None,
    scopes: tuple[str, ...],
    description: str | None,
    state: str | None,
) -> None:
    """Register a client."""
    from controlplane.access import bootstrap
    from controlplane.access.kinds import ACCOUNTS, CLIENTS
    from controlplane.address import parse
    from controlplane.changes import Changes
    from controlplane.local import open_engine

    note_here(state)
    check_scopes(scopes)
    address = str(parse(f"{CLIENTS}.{name}"))
    of = account or bootstrap.ACCOUNT
    spec = {"account": of, "scopes": list(scopes) or None, "description": description}

    def work(changes: Changes) -> None:
        if changes.tx.get(f"{ACCOUNTS}.{of}") is None:
            raise NotFound(f"no account {of} (--account)")
        changes.create(address, {key: value for key, value in spec.items() if value is not None})

    with open_engine(state) as engine:
        bootstrap.prepare(engine)
        engine.change_now(me(), work)
    output.emit(f"{name} is registered.\n")


@command.command("list")
@_STATE
def list_(state: str | None) -> None:
    """List clients."""
    from controlplane.local import open_engine

    note_here(state)
    with open_engine(state, make=NOTHING) as engine:
        found = engine.store.read(_clients)
    rows = [
        [
            r.address.split(".", 2)[2],
            str((r.spec or {}).get("account", "")),
            ", ".join((r.spec or {}).get("scopes") or ["any"]),
            str((r.spec or {}).get("description", "")),
        ]
        for r in found
    ]
    output.emit(output.table(["CLIENT", "ACCOUNT", "SCOPES", "DESCRIPTION"], rows))


def _clients(reader: Reader) -> list[Resource]:
    from controlplane.access.kinds import CLIENTS

    return reader.resources(CLIENTS)


@command.command("remove")
@click.argument("name")
@_STATE
def remove(name: str, state: str | None) -> None:
    """Remove a client: its tokens count no longer."""
    from controlplane.access.kinds import CLIENTS
    from controlplane.changes import Changes
    from controlplane.local import open_engine

    note_here(state)

    def work(changes: Changes) -> None:
        known = changes.tx.get(f"{CLIENTS}.{name}")
        if known is None:
            raise NotFound(f"no client {name}: aicr client list shows them")
        if known.applied is not None:
            raise Conflict(f"{name} is managed by manifests: remove it there")
        changes.delete(known)

    with open_engine(state, make=NOTHING) as engine:
        engine.change_now(me(), work)
    output.emit(f"{name} is removed.\n")
