"""Files that are generated from the code: schemas/*.json and docs/cli.md.

`python -m aicr.references` writes them below the current directory; a test holds them against the
code, so that neither can go stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from aicr import jsonio
from aicr.atomic import write_file
from aicr.cli.main import COMMANDS, aicr
from aicr.outputs import KINDS

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def generated() -> dict[str, str]:
    """Relative path -> content of every generated file."""
    files = {f"schemas/{kind}.json": schema(kind) for kind in KINDS}
    return {**files, "docs/cli.md": "".join(command_line_reference())}


def schema(kind: str) -> str:
    """The JSON Schema of a kind, by the names that documents use."""
    body = KINDS[kind].model_json_schema(by_alias=True)
    return jsonio.pretty({"$schema": _DRAFT, **body})


def command_line_reference() -> Iterator[str]:
    """docs/cli.md: the help of every command."""
    yield "# The command line\n\nGenerated from the code by `make generate`; do not edit.\n"
    yield _section("aicr", aicr, None)
    parent = click.Context(aicr, info_name="aicr")
    for name in COMMANDS:
        command = aicr.get_command(parent, name)
        if command is not None:
            yield _section(f"aicr {name}", command, parent)
            yield from _below(f"aicr {name}", command, parent)
    yield (
        "\n## Exit codes\n\n0 ok · 1 mistake on the command line (`diff`: there are differences) · "
        "2 invalid input (`diff`: also mistakes) · 3 not found, unknown command · 4 unauthorized · "
        "5 timeout · 6 unavailable · 7 rate limited · 8 internal\n"
    )


def _below(title: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    """The commands of a group."""
    if not isinstance(command, click.Group):
        return
    context = click.Context(command, info_name=title.rsplit(maxsplit=1)[-1], parent=parent)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if below is not None:
            yield _section(f"{title} {name}", below, context)


def _section(title: str, command: click.Command, parent: click.Context | None) -> str:
    context = click.Context(
        command,
        info_name=title.rsplit(maxsplit=1)[-1],
        parent=parent,
        terminal_width=100,
        max_content_width=100,
    )
    if parent is None:
        context.info_name = title
    help_text = command.get_help(context)
    return f"\n## {title}\n\n```text\n{help_text}\n```\n"


def main() -> int:
    for path, text in generated().items():
        write_file(path, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
