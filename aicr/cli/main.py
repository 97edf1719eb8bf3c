"""`aicr`: finds the command, runs it, and turns what went wrong into one line and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypedDict

import click

from aicr import jsonio
from aicr._version import __version__
from aicr.diagnostics import InvalidDocument, did_you_mean
from aicr.errors import (
    EXIT_INTERRUPTED,
    EXIT_UNKNOWN_COMMAND,
    EXIT_USAGE,
    AicrError,
    Internal,
    InvalidRequest,
)

# Command -> what it does. Its code is aicr.cli.<command>, loaded when it is called.
COMMANDS = {
    "recipe": "Compile criteria into a recipe.",
    "query": "Print one value of a fully merged recipe.",
    "explain": "Show which layer, file and line set a value, and what it replaced.",
    "bundle": "Make a deployable bundle of a recipe.",
    "verify": "Check that a bundle is what it was when it was made.",
    "snapshot": "Measure a machine and its cluster.",
    "validate": "Check a snapshot against a recipe.",
    "diff": "Compare two recipes or catalogs.",
    "lint": "Report everything that is wrong with a catalog.",
    "list": "List criteria values, components, overlays or recipes.",
    "schema": "Print the JSON Schema of a kind of document.",
    "check": "Check manifests of desired state without a server.",
    "plan": "Show what would change so that the state is as manifests want it.",
    "apply": "Apply a plan.",
    "drift": "Show what was changed by other ways than a plan.",
    "destroy": "Delete everything that plans manage.",
    "state": "Look at the state, and say what plans should know of it.",
    "logs": "Print the log of what runs.",
    "client": "Register the clients that tokens are made for.",
    "token": "Make tokens of clients.",
    "serve": "Serve recipes, bundles and the control plane over HTTP.",
    "completion": "Print the completion script of a shell.",
}
# Commands of the server's package, which this one never imports by itself.
_ELSEWHERE = {
    name: f"controlplane.cli.{name}"
    for name in [
        "check",
        "plan",
        "apply",
        "drift",
        "destroy",
        "state",
        "logs",
        "client",
        "token",
        "serve",
    ]
}

# Commands whose exit code 1 is an answer: mistakes on their command line exit 2.
_ONE_IS_AN_ANSWER = ("diff",)


class Run(TypedDict):
    """What is known of a run while it runs: its global flags and its command."""

    debug: bool
    log_json: bool
    command: str | None
    # Whether exit code 2 is an answer (--detailed-exitcode), so that errors exit 1.
    two_is_an_answer: bool


class Commands(click.Group):
    """Loads a command's module only when the command is used: help and completion stay cheap."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(_ELSEWHERE.get(name, f"aicr.cli.{name}")).command
        if ctx.resilient_parsing:  # a shell asks what comes next
            from aicr.cli.completion import completing

            return completing(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        mistyped = args and args[0] not in COMMANDS and not args[0].startswith("-")
        if mistyped and not ctx.resilient_parsing:
            raise UnknownCommand(args[0])
        return super().resolve_command(ctx, args)


class UnknownCommand(click.UsageError):
    """Exits 3, as the real AICR does."""

    def __init__(self, name: str) -> None:
        near = did_you_mean(name, COMMANDS)
        super().__init__(f"No help topic for '{name}'" + (f": {near}" if near else ""))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", message="aicr version %(version)s")
@click.option("--debug", is_flag=True, envvar="AICR_DEBUG", help="Show where a bug of aicr is.")
@click.option("--log-json", is_flag=True, envvar="AICR_LOG_JSON", help="Messages as JSON lines.")
@click.pass_context
def aicr(ctx: click.Context, debug: bool, log_json: bool) -> None:
    """Compile a few words about a GPU cluster into a validated software stack."""
    ctx.obj.update(debug=debug, log_json=log_json, command=ctx.invoked_subcommand)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code (contract section 15)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # What a command builds it needs until it ends: looking for garbage so often finds none, and
    # costs a sixth of a large plan.
    gc.set_threshold(100_000, 50, 50)
    run: Run = {"debug": False, "log_json": False, "command": None, "two_is_an_answer": False}
    try:
        result = aicr.main(arguments, "aicr", standalone_mode=False, obj=run)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as e:  # noqa: BLE001 (the table below decides)
        report = next(handler for kind, handler in _REPORTS if isinstance(e, kind))
        return report(e, run)
    return result if isinstance(result, int) else 0


def _unknown_command(e: Any, run: Run) -> int:
    return _fail(e.format_message(), EXIT_UNKNOWN_COMMAND, run)


def _help(e: Any, _run: Run) -> int:
    click.echo(e.format_message())
    return 0


def _usage(e: Any, run: Run) -> int:
    usage = f"{e.ctx.get_usage()}\n" if e.ctx else ""
    return _fail(usage + e.format_message() + _misplaced(e), _usage_code(run), run)


def _misplaced(e: Any) -> str:
    """The hint for a global flag that stands after the command."""
    name = getattr(e, "option_name", None) if isinstance(e, click.NoSuchOption) else None
    if not (e.ctx and e.ctx.parent) or name not in {o for p in aicr.params for o in p.opts}:
        return ""
    return f" (it goes before the command: aicr {name} {e.ctx.info_name})"


def _interrupted(_e: Any, _run: Run) -> int:
    return EXIT_INTERRUPTED


def _reader_gone(_e: Any, run: Run) -> int:
    """Whoever read our output has gone (| head): nothing to report, nobody to report it to."""
    _abandon_stdout()
    return _usage_code(run)


def _abandon_stdout() -> None:
    """What is still buffered cannot be written: the interpreter must not try again on its way out
    (it would exit 120 over our code)."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bug(e: Any, run: Run) -> int:
    if run["debug"]:
        raise e
    text = f"{type(e).__name__}: {e}; this is a bug in aicr, --debug shows where"
    return _refused(Internal(text), run)


def _unreadable(e: Any, run: Run) -> int:
    """An I/O failure that no boundary has put into words: the system's own, with the file."""
    _abandon_stdout()
    name = f"{e.filename}: " if e.filename else ""
    return _refused(InvalidRequest(f"{name}{e.strerror or e}"), run)


def _refused(error: Any, run: Run) -> int:
    code = EXIT_USAGE if run["two_is_an_answer"] else error.exit_code
    if run["log_json"]:
        body = {"level": "ERROR", "code": error.code, "msg": error.message, **error.details}
        return _fail(jsonio.compact(body), code)
    if isinstance(error, InvalidDocument) and len(error.diagnostics) > 1:
        for diagnostic in error.diagnostics:
            click.echo(str(diagnostic), err=True)
    return _fail(" ".join(str(error).splitlines()), code)


def _usage_code(run: Run) -> int:
    return InvalidRequest.exit_code if run["command"] in _ONE_IS_AN_ANSWER else EXIT_USAGE


def _fail(text: str, code: int, run: Run | None = None) -> int:
    if run and run["log_json"]:
        text = jsonio.compact({"level": "ERROR", "msg": text})
    click.echo(text, err=True)
    return code


# What becomes of each kind of exception: the first that fits.
_REPORTS: tuple[tuple[type[BaseException], Callable[[Any, Run], int]], ...] = (
    (UnknownCommand, _unknown_command),
    (click.exceptions.NoArgsIsHelpError, _help),
    (click.UsageError, _usage),
    (click.Abort, _interrupted),
    (KeyboardInterrupt, _interrupted),
    (BrokenPipeError, _reader_gone),
    (AicrError, _refused),
    (OSError, _unreadable),
    (Exception, _bug),
)


if __name__ == "__main__":
    sys.exit(main())
