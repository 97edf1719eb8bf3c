"""`aicr lint`: everything wrong with a catalog."""

from __future__ import annotations

import click

from aicr import catalog as catalogs
from aicr import sources
from aicr.cli import output
from aicr.cli.findings import FORMATS
from aicr.cli.options import data_option, format_option, strict_option
from aicr.diagnostics import ERROR
from aicr.errors import InvalidRequest


@click.command("lint")
@data_option
@strict_option
@format_option("text", "json", "github", default="text")
def command(data_dir: str | None, strict: bool, output_format: str) -> int:
    """Check a catalog: the built-in one, or --data DIR over it.

    Exits 0 when there is no error (with --strict: no finding at all), 2 otherwise.
    """
    from aicr.lint import lint

    layers = [sources.read_builtin()]
    if data_dir is not None:
        layers.append(sources.read_external(data_dir))
    found = catalogs.in_directory(lint(*layers), data_dir)
    output.emit(FORMATS[output_format](found))
    bad = [d for d in found if strict or d.severity == ERROR]
    return InvalidRequest.exit_code if bad else 0
