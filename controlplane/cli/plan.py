"""`aicr plan`: what would change."""

from __future__ import annotations

import click

from aicr.atomic import write_file
from aicr.cli import output
from aicr.cli.options import format_option, strict_option
from controlplane.cli import options
from controlplane.cli.options import Place, backend
from controlplane.home import DEFAULT
from controlplane.plan import view
from controlplane.plan.definition import Plan
from controlplane.planner import Made

CHANGES = 2


@click.command("plan")
@options.manifest_options
@options.backend_options
@options.catalog_option
@options.prune_option
@click.option("--output", "-o", "target", default=None, metavar="FILE", help="Write the plan.")
@format_option("text", "json", default="text")
@options.full_option
@options.exitcode_option
@strict_option
def command(
    *,
    path: str | None,
    asked: tuple[str, ...],
    prune: bool,
    target: str | None,
    output_format: str,
    full: bool,
    detailed_exitcode: bool,
    strict: bool,
    **where: str | None,
) -> int:
    """Show what would change so that the state is as the manifests want it. Changes nothing.

    \b
    aicr plan -f examples/production
    aicr plan -f examples/production --server http://aicr:8080 -o plan.json

    A plan that was written is applied with aicr apply plan.json: exactly it, once, and only while
    the state is the one it was made for.
    """
    made = _made(options.required(path), asked, prune, Place(**where))
    output.warn(made.warnings, strict)
    if target is not None:
        write_file(target, made.plan.text().encode())
    output.emit(made.plan.text() if output_format == "json" else _text(made.plan, target, full))
    return CHANGES if detailed_exitcode and not made.plan.is_empty else 0


def _text(plan: Plan, target: str | None, full: bool) -> str:
    said = view.text(plan, full=full)
    if target is None or plan.is_empty:
        return said
    return f"{said}Written to {target}: aicr apply {target}\n"


def _made(path: str, asked: tuple[str, ...], prune: bool, place: Place) -> Made:
    wanted = options.wanted(path, asked, prune)
    with backend(place, DEFAULT) as engine:
        return engine.plan(wanted)
