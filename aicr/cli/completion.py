"""`aicr completion`: shell completion scripts."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from aicr.cli import output
from aicr.errors import NotFound

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of SHELL; it completes flags and the values they take.

    \b
    eval "$(aicr completion bash)"
    """
    from aicr.cli.main import aicr

    completer = get_completion_class(shell)
    if completer is None:
        raise NotFound(f"this version of click has no completion for {shell}")
    output.emit(completer(aicr, {}, "aicr", "_AICR_COMPLETE").source())
