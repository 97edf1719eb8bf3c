"""`aicr state`: look at the state, and say what plans should know of it."""

from __future__ import annotations

from typing import Any

import click

from aicr import jsonio
from aicr.cli import output
from aicr.cli.options import format_option
from aicr.diagnostics import hinted
from aicr.errors import CheckFailed, NotFound
from aicr.inputs import read_bytes
from controlplane.cli import options
from controlplane.cli.apply import carry_out
from controlplane.cli.options import Place, backend
from controlplane.home import ANY, NOTHING
from controlplane.plan.builder import State
from controlplane.plan.definition import ADOPT, PROTECT, UNPROTECT
from controlplane.planner import exported
from controlplane.state.protocol import Resource


@click.group("state")
def command() -> None:
    """Look at the state, and say what plans should know of it."""


@command.command("list")
@click.argument("prefix", required=False, default="", metavar="[PREFIX]")
@options.backend_options
@format_option("table", "json", default="table")
def list_(prefix: str, output_format: str, **where: str | None) -> None:
    """List resources, or those whose address starts with PREFIX."""
    with backend(Place(**where)) as engine:
        state = engine.state()
    found = [r for a, r in sorted(state.resources.items()) if a.startswith(prefix)]
    if output_format == "json":
        items = [_brief(r) for r in found]
        output.emit(jsonio.pretty({"formatVersion": "1.0", "kind": "resources", "items": items}))
        return
    rows = [[r.address, _managed(r), "yes" if r.protected else "", r.updated] for r in found]
    output.emit(output.table(["ADDRESS", "MANAGED", "PROTECTED", "UPDATED"], rows))


def _brief(r: Resource) -> dict[str, Any]:
    return {
        "address": r.address,
        "managed": r.applied is not None,
        "deleted": not r.exists,
        "protected": r.protected,
        "updated": r.updated,
    }


def _managed(r: Resource) -> str:
    if not r.exists:
        return "deleted"
    return "no" if r.applied is None else "yes"


@command.command("show")
@click.argument("address")
@options.backend_options
@format_option("yaml", "json", default="yaml")
def show(address: str, output_format: str, **where: str | None) -> None:
    """Show one resource: what is wanted of it, what was applied last, what was observed."""
    with backend(Place(**where)) as engine:
        state = engine.state()
    output.emit(output.document(_known(state, address)._asdict(), output_format))


def _known(state: State, address: str) -> Resource:
    if address not in state.resources:
        text = f"{address} is not in the state"
        raise NotFound(hinted(text, address, state.resources))
    return state.resources[address]


@command.command("export")
@click.option("--output", "-o", "target", default=None, metavar="FILE", help="Write it to a file.")
@options.backend_options
def export(target: str | None, **where: str | None) -> None:
    """Write the whole state as JSON, without secrets."""
    with backend(Place(**where)) as engine:
        output.emit(jsonio.pretty(exported(engine.state())), target)


@command.command("import")
@click.argument("file")
@options.backend_options
def import_(file: str, **where: str | None) -> None:
    """Put an exported state into an empty one. Secrets come with the next plan."""
    document = jsonio.parse(read_bytes(file, "FILE"), file)
    with backend(Place(**where), ANY) as engine:
        output.emit(f"Imported {engine.restore(document)} resources.\n")


@command.command("rotate-keys")
@click.option("--state", default=None, metavar="FILE", help="State: a file, or postgresql://…")
def rotate_keys(state: str | None) -> None:
    """Encrypt all secrets with a new key, on the server's own host. A running server uses it for
    new secrets after a SIGHUP; the old keys stay in the ring."""
    from controlplane.home import home
    from controlplane.local import open_engine
    from controlplane.vault import rotate

    with open_engine(state, make=NOTHING) as engine, home().rotating():
        # What cannot be opened now would fail halfway, and the ring have one more key each time.
        engine.store.read(engine.vault.check)
        # First the ring: what is encrypted with a key must never be without it.
        home().put_new_key()
        engine.vault.refresh()
        count = engine.store.write(lambda tx: rotate(tx, engine.vault, engine.vault))
    output.emit(f"{count} secrets are encrypted with a new key.\n")


@command.command("check")
@click.option("--state", default=None, metavar="FILE", help="State: a file, or postgresql://…")
def check(state: str | None) -> None:
    """Look for damage: in the chain of the audit, and in the file. On the server's own host.

    Exits 0 when the state is sound, 8 otherwise.
    """
    from controlplane.local import open_engine

    with open_engine(state, make=NOTHING) as engine:
        found = engine.store.check()
        entries, resources = engine.store.read(
            lambda reader: (reader.meta().audit_count, len(reader.resources()))
        )
    if found:
        output.emit("".join(f"{line}\n" for line in found))
        raise CheckFailed("the state is damaged: restore it from a backup")
    output.emit(f"The state is sound: {entries} audit entries, {resources} resources.\n")


def _wish(name: str, action: str, text: str) -> None:
    @command.command(name, help=text)
    @click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS…")
    @options.backend_options
    def run(addresses: tuple[str, ...], **where: str | None) -> int:
        with backend(Place(**where)) as engine:
            plan = engine.wish(action, addresses)
            return carry_out(engine, plan, {}, full=False, yes=True)


_wish("adopt", ADOPT, "Let plans manage resources that were made by other ways.")
_wish("protect", PROTECT, "Refuse plans and calls that would delete or replace resources.")
_wish("unprotect", UNPROTECT, "Lift the protection of resources.")
