"""`aicr lint`: everything wrong with a catalog."""

from __future__ import annotations

from collections.abc import Sequence

import click

from aicr import catalog as catalogs
from aicr import jsonio, sources
from aicr.cli import output
from aicr.cli.options import data_option, format_option, strict_option
from aicr.diagnostics import ERROR, Diagnostic
from aicr.errors import InvalidRequest

FORMAT_VERSION = "1.0"


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
    output.emit(_FORMATS[output_format](found))
    bad = [d for d in found if strict or d.severity == ERROR]
    return InvalidRequest.exit_code if bad else 0


def _text(found: Sequence[Diagnostic]) -> str:
    errors = sum(d.severity == ERROR for d in found)
    summary = f"{errors} errors, {len(found) - errors} warnings\n"
    return "".join(f"{d}\n" for d in found) + summary


def _json(found: Sequence[Diagnostic]) -> str:
    findings = [
        {
            "file": d.file,
            "line": d.line,
            "column": d.column,
            "severity": d.severity,
            "rule": d.rule,
            "message": d.message,
            "hint": d.hint,
        }
        for d in found
    ]
    return jsonio.pretty({"formatVersion": FORMAT_VERSION, "findings": findings})


def _github(found: Sequence[Diagnostic]) -> str:
    """Workflow commands: GitHub shows them at the line. Properties and text are escaped its way."""

    def escape(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def attribute(text: str) -> str:
        return escape(text).replace(":", "%3A").replace(",", "%2C")

    return "".join(
        f"::{d.severity} file={attribute(d.file)},line={max(d.line, 1)},col={max(d.column, 1)},"
        f"title={attribute(d.rule)}::{escape(d.message + (f' ({d.hint})' if d.hint else ''))}\n"
        for d in found
    )


_FORMATS = {"text": _text, "json": _json, "github": _github}
