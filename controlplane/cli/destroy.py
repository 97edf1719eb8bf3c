"""`aicr destroy`: delete everything that plans manage."""

from __future__ import annotations

import click

from controlplane.cli import options
from controlplane.cli.apply import carry_out
from controlplane.cli.options import Place, backend


@click.command("destroy")
@options.backend_options
@options.full_option
@options.yes_option
def command(*, full: bool, yes: bool, **where: str | None) -> int:
    """Delete every resource that a plan manages. What is protected must be unprotected first."""
    with backend(Place(**where)) as engine:
        return carry_out(engine, engine.destroy(), {}, full=full, yes=yes)
