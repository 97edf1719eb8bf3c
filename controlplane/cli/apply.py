"""`aicr apply`: make it so."""

from __future__ import annotations

from collections.abc import Mapping

import click

from aicr.cli import output
from aicr.errors import InvalidRequest
from aicr.inputs import read_bytes
from controlplane.backend import Backend
from controlplane.cli import options
from controlplane.cli.options import Place, backend, confirm
from controlplane.home import ANY
from controlplane.plan import view
from controlplane.plan.definition import Plan, parse


@click.command("apply")
@click.argument("file", required=False, metavar="[PLAN]")
@options.manifest_options
@options.backend_options
@options.catalog_option
@options.prune_option
@options.full_option
@options.yes_option
def command(
    *,
    file: str | None,
    path: str | None,
    asked: tuple[str, ...],
    prune: bool,
    full: bool,
    yes: bool,
    **where: str | None,
) -> int:
    """Apply a plan that was written (PLAN), or plan the manifests of -f and apply that.

    \b
    aicr apply plan.json
    aicr apply -f examples/production --yes
    """
    if file is not None and (path or asked or prune or where["data_dir"]):
        raise InvalidRequest("-f, --for, --prune and --data have no effect beside a written plan")
    with backend(Place(**where), ANY) as engine:
        if file is not None:
            plan = parse(read_bytes(file, "PLAN"), file)
            return carry_out(engine, plan, options.secrets_of(plan), full=full, yes=yes)
        wanted = options.wanted(options.required(path, _OR_A_PLAN), asked, prune)
        made = engine.plan(wanted)
        output.warn(made.warnings)
        return carry_out(engine, made.plan, wanted.secrets, full=full, yes=yes)


_OR_A_PLAN = "; or which plan that was written: aicr apply plan.json"


def carry_out(
    engine: Backend, plan: Plan, secrets: Mapping[str, str], *, full: bool, yes: bool
) -> int:
    """Show a plan, ask, and apply it."""
    output.emit(view.text(plan, full=full))
    if plan.is_empty:
        return 0
    confirm("Apply this?", yes)
    outcome = engine.apply(plan, secrets)
    output.emit(f"Applied: {outcome.done} of {outcome.total} (serial {outcome.serial}).\n")
    return 0
