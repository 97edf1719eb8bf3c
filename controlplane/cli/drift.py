"""`aicr drift`: what was changed by other ways than a plan."""

from __future__ import annotations

import click

from aicr import jsonio
from aicr.cli import output
from aicr.cli.options import format_option
from controlplane.cli import options
from controlplane.cli.options import Place, backend, one_for_errors
from controlplane.plan import view
from controlplane.plan.builder import drift_of

CHANGES = 2


@click.command("drift")
@options.backend_options
@format_option("text", "json", default="text")
@options.exitcode_option
def command(*, output_format: str, detailed_exitcode: bool, **where: str | None) -> int:
    """Show managed resources that are not as the last plan left them."""
    with one_for_errors(detailed_exitcode), backend(Place(**where)) as engine:
        found = tuple(drift_of(engine.state()))
    if output_format == "json":
        body = {"formatVersion": "1.0", "drift": [d.document() for d in found]}
        output.emit(jsonio.pretty(body))
    else:
        lines = list(view.drift_lines(found)) if found else ["No drift."]
        output.emit("".join(f"{line}\n" for line in lines))
    return CHANGES if detailed_exitcode and found else 0
