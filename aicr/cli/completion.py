"""`aicr completion`: shell completion scripts, and what completes each option and argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

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


def _deployers() -> Iterable[str]:
    from aicr.bundle.deployers import DEPLOYERS

    return DEPLOYERS


def _levels() -> Iterable[str]:
    from aicr.bundle.verify import LEVELS

    return ("max", *LEVELS)


def _phases() -> Iterable[str]:
    from aicr.validate import PHASES

    return (*PHASES, "all")


# Name of a parameter -> the values that it takes.
_VALUES: dict[str, Callable[[], Iterable[str]]] = {
    "deployer": _deployers,
    "min_trust_level": _levels,
    "phase": _phases,
}
# Metavar -> what the shell completes: files (with the directories on the way) or directories.
_PLACES = {
    "FILE": "file", "PATH": "file", "BUNDLE": "file", "KEY": "file", "A": "file", "B": "file",
    "DIR": "dir",
}  # fmt: skip
# A PATH in a document, not in the file system.
_NO_PLACES = ("selector",)


class Completed(click.ParamType[str]):
    """Text that is not checked, but completed: by words, else by places of the file system."""

    name = "text"

    def __init__(self, words: Iterable[str], place: str | None) -> None:
        self.words, self.place = tuple(words), place

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found = [CompletionItem(word) for word in self.words if word.startswith(incomplete)]
        if not found and self.place:
            return [CompletionItem(incomplete, type=self.place)]
        return found


def completing(command: click.Command) -> click.Command:
    """The command, its plain parameters completed by what their names and metavars say."""
    for param in command.params:
        if param.type is click.STRING and param.name:
            param.type = _completed(param.name, param.metavar or "")
    return command


def _completed(name: str, metavar: str) -> click.ParamType[str]:
    if name in _VALUES:
        return Completed(_VALUES[name](), None)
    if "|" in metavar:
        return Completed(metavar.split("|"), None)
    place = _PLACES.get(metavar) if name not in _NO_PLACES else None
    return Completed((), place) if place else click.STRING
