"""Which format a file is written in, by its name: aicr reads it back by its name, too."""

from __future__ import annotations

import os

from aicr.cli.output import STDOUT
from aicr.errors import InvalidRequest

_FORMATS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}
_NO_FILES = ("cm://", "/dev/", "/proc/")


def format_for(target: str | None, given: str | None, default: str) -> str:
    """The format that was asked for, or that of the name, or the default. Raises InvalidRequest
    when what was asked for is not what the name says."""
    suffix = _suffix(target)
    named = _FORMATS.get(suffix)
    if given and named and given != named:
        raise InvalidRequest(
            f"--format {given} contradicts --output {target}: {suffix} files hold {named.upper()}"
        )
    return given or named or default


def misnamed(target: str | None, output_format: str) -> list[str]:
    """A warning when aicr could not read the file back (a table is for people only)."""
    if not _is_file(target) or output_format == "table" or _suffix(target) in _FORMATS:
        return []
    text = f"aicr cannot read {target} back: name it .{output_format}"
    without = output_format == "json" and _suffix(target) not in (".txt", ".table")
    return [] if without else [text]  # JSON is what files of any other name are read as


def _is_file(target: str | None) -> bool:
    return target is not None and target not in STDOUT and not target.startswith(_NO_FILES)


def _suffix(target: str | None) -> str:
    return os.path.splitext(target)[1].lower() if target and _is_file(target) else ""
