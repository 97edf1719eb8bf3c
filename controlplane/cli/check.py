"""`aicr check`: everything about manifests that can be known without a server."""

from __future__ import annotations

from collections.abc import Sequence

import click

from aicr import catalog as catalogs
from aicr.cli import output
from aicr.cli.findings import FORMATS
from aicr.cli.options import format_option, strict_option
from aicr.diagnostics import ERROR, Diagnostic, InvalidDocument
from aicr.errors import InvalidRequest
from controlplane.cli import options


@click.command("check")
@options.manifest_options
@click.option("--data", "data_dir", default=None, metavar="DIR", help="External catalog.")
@strict_option
@format_option("text", "json", "github", default="text")
def command(
    *,
    path: str | None,
    asked: tuple[str, ...],
    data_dir: str | None,
    strict: bool,
    output_format: str,
) -> int:
    """Check manifests: their form, their fields, what they refer to, their recipes, their order.

    Exits 0 when there is no error (with --strict: no finding at all), 2 otherwise.
    """
    found = _findings(options.required(path), asked, data_dir)
    output.emit(FORMATS[output_format](found))
    bad = [d for d in found if strict or d.severity == ERROR]
    return InvalidRequest.exit_code if bad else 0


def _findings(path: str, asked: tuple[str, ...], data_dir: str | None) -> Sequence[Diagnostic]:
    from controlplane import documents
    from controlplane.compile import compile_desired
    from controlplane.families import KINDS

    try:
        manifests = documents.parsed(documents.read(path))
        catalog = catalogs.load(data_dir)
        return compile_desired(manifests, options.criteria(asked), KINDS, catalog).warnings
    except InvalidDocument as e:
        return e.diagnostics
