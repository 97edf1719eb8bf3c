"""What commands print: documents to stdout or a file, messages to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from aicr import jsonio
from aicr.atomic import write_file
from aicr.errors import InvalidRequest

STDOUT = ("", "-", "stdout://")


def document(value: Any, output_format: str) -> str:
    """A document as YAML (two spaces) or JSON, keys in the order they are in."""
    if output_format == "json":
        return jsonio.pretty(value)
    from aicr import yamlio

    return yamlio.dump(value)


def emit(text: str, target: str | None = None) -> None:
    """Text to stdout, or to a file that then holds all of it or is not touched."""
    if target is None or target in STDOUT:
        if sys.stdout is None:
            raise InvalidRequest("standard output is closed; name a file (--output)")
        # Not sys.stdout.write: its encoding is the locale's, ours is always UTF-8 (and file names
        # that are none come out as they are).
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()
        return
    write_file(target, text.encode())


def warn(messages: Iterable[str], strict: bool = False) -> None:
    """Warnings to stderr; with `strict` the first becomes an error.

    Raises InvalidRequest.
    """
    messages = list(messages)
    if strict and messages:
        for message in messages[1:]:
            say("error", message)
        raise InvalidRequest(f"{messages[0]} (--strict)", details={"warnings": messages})
    for message in messages:
        say("warning", message)


def say(level: str, message: str, details: Mapping[str, Any] | None = None) -> None:
    """One line to stderr; with --log-json a JSON object, which has the details, too."""
    ctx = click.get_current_context(silent=True)
    line = f"{level}: {message}"
    if ctx and (ctx.obj or {}).get("log_json"):
        line = jsonio.compact({"level": level.upper(), "msg": message, **(details or {})})
    click.echo(line, err=True)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Left-aligned columns, two blanks apart, no blanks at line ends."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )
