"""`aicr schema`: the JSON Schema of a kind of document."""

from __future__ import annotations

import os

import click

from aicr import sources
from aicr.cli import output
from aicr.diagnostics import did_you_mean
from aicr.errors import NotFound


def _complete(_ctx: click.Context, _param: click.Parameter, word: str) -> list[str]:
    return [kind for kind in _kinds() if kind.startswith(word)]


@click.command("schema")
@click.argument("kind", required=False, metavar="[KIND]", shell_complete=_complete)
def command(kind: str | None) -> None:
    """Print the JSON Schema of KIND; without KIND, list the kinds.

    Editors check files against it: put `# yaml-language-server: $schema=PATH` on the first line.
    """
    if kind is None:
        output.emit("".join(f"{name}\n" for name in _kinds()))
        return
    if kind not in _kinds():
        near = did_you_mean(kind, _kinds())
        raise NotFound(
            f"no schema for {kind!r}{': ' + near if near else ''}; aicr schema lists them"
        )
    with open(os.path.join(_directory(), f"{kind}.json"), encoding="utf-8") as f:
        output.emit(f.read())


def _directory() -> str:
    return os.path.join(sources.builtin_root(), "schemas")


def _kinds() -> list[str]:
    return sorted(name.removesuffix(".json") for name in os.listdir(_directory()))
