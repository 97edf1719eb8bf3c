"""How findings are printed: for people, for programs, and for GitHub at their lines."""

from __future__ import annotations

from collections.abc import Sequence

from aicr import jsonio
from aicr.diagnostics import ERROR, Diagnostic

FORMAT_VERSION = "1.0"


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


FORMATS = {"text": _text, "json": _json, "github": _github}
