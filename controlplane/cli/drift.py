"""`aicr drift`: what was changed by other ways than a plan."""

from __future__ import annotations

import click

from aicr import jsonio
from aicr.cli import output
from aicr.cli.options import format_option
from controlplane.cli import options
from controlplane.cli.options import Place, backend
from controlplane.plan import view
from controlplane.plan.builder import drift_of
from controlplane.plan.definition import Drift

CHANGES = 2


@click.command("drift")
@options.backend_options
@format_option("text", "json", default="text")
@options.exitcode_option
def command(*, output_format: str, detailed_exitcode: bool, **where: str | None) -> int:
    """Show managed resources that are not as the last plan left them."""
    with backend(Place(**where)) as engine:
        found = tuple(drift_of(engine.state()))
        output.emit(_shown(found, output_format))
    return CHANGES if detailed_exitcode and found else 0


def _shown(found: tuple[Drift, ...], output_format: str) -> str:
    if output_format == "json":
        return jsonio.pretty({"formatVersion": "1.0", "drift": [d.document() for d in found]})
    lines = list(view.drift_lines(found)) if found else ["No drift."]
    return "".join(f"{line}\n" for line in lines)
