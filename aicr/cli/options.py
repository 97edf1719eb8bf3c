"""Options that several commands share, and the request that they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from aicr import catalog
from aicr.catalog import Catalog
from aicr.errors import AicrError, InvalidRequest
from aicr.request import Sources

# The criteria that have a flag of their own; what values they take is the registry's business.
FIELDS = ("service", "accelerator", "intent", "os", "platform")

Command = TypeVar("Command", bound=Callable[..., Any])


def once(ctx: click.Context, param: click.Parameter, value: tuple[Any, ...]) -> Any:
    """The single value of an option that must not be given twice."""
    if len(value) > 1:
        raise InvalidRequest(f"flag {param.opts[0]} can only be specified once")
    return value[0] if value else None


class CriterionType(click.ParamType[str]):
    """A criteria value. Not checked here (the catalog knows the values), but completed."""

    name = "value"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        from click.shell_completion import CompletionItem

        try:
            field = catalog.load(_single(ctx.params.get("data_dir"))).fields[str(param.name)]
        except AicrError:  # a broken catalog must not break the prompt
            return []
        titles = {**field.titles, "any": "leave it open"}
        return [
            CompletionItem(value, help=title)
            for value, title in titles.items()
            if value.startswith(incomplete.lower())
        ]


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value else value or None


def single(*names: str, **attrs: Any) -> Callable[[Command], Command]:
    """An option that takes one value and refuses to be given twice."""
    attrs.setdefault("metavar", "VALUE")
    return click.option(*names, multiple=True, callback=once, **attrs)


_CRITERIA_OPTIONS = (
    single("--service", type=CriterionType(), help="Kubernetes service (eks, gke, …)."),
    single("--accelerator", "--gpu", "accelerator", type=CriterionType(), help="GPU model."),
    single("--intent", type=CriterionType(), help="Workload: training or inference."),
    single("--os", "os", type=CriterionType(), help="Node operating system (ubuntu, cos, …)."),
    single("--platform", type=CriterionType(), help="Platform on top (kubeflow, dynamo)."),
    click.option("--nodes", type=int, default=None, metavar="N", help="Number of GPU nodes."),
    single("--criteria", "-c", "criteria_file", metavar="FILE", help="Criteria file; flags win."),
    single("--snapshot", "-s", "snapshot_file", metavar="FILE", help="Snapshot to derive from."),
    click.option("--kubeconfig", "-k", default=None, metavar="FILE", help="For cm:// addresses."),
)  # fmt: skip

data_option = single(
    "--data",
    "data_dir",
    metavar="DIR",
    help="External catalog over the built-in one.",
)
strict_option = click.option(
    "--strict", is_flag=True, help="Treat every warning as an error (exit 2)."
)


def criteria_options(command: Command) -> Command:
    """Adds the flags that say what a recipe is asked for."""
    for option in reversed((*_CRITERIA_OPTIONS, data_option, strict_option)):
        command = option(command)
    return command


def format_option(
    *formats: str, default: str, by_name: bool = False
) -> Callable[[Command], Command]:
    """`--format`, checked against the given names. With `by_name` None stands for no choice: then
    the name of the output file makes it."""

    def check(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> str | None:
        chosen = once(ctx, param, value) or (None if by_name else default)
        if chosen not in (None, *formats):
            raise InvalidRequest(
                f'unknown output format: "{chosen}", valid formats are: {", ".join(formats)}'
            )
        return chosen

    usual = f"by the name of --output, else {default}" if by_name else default
    return click.option(
        "--format", "-t", "output_format", multiple=True, callback=check,
        metavar="|".join(formats), help=f"Output format (default {usual}).",
        shell_complete=lambda _ctx, _param, word: [f for f in formats if f.startswith(word)],
    )  # fmt: skip


def sources_of(params: dict[str, Any]) -> Sources:
    """Removes the criteria options from a command's parameters and makes a request of them."""
    given = {name: value for name in FIELDS if (value := params.pop(name)) is not None}
    return Sources(
        given,
        params.pop("nodes") or 0,
        params.pop("criteria_file"),
        params.pop("snapshot_file"),
        params.pop("kubeconfig"),
    )


def open_catalog(params: dict[str, Any]) -> Catalog:
    """The catalog of a command, by its `--data` option."""
    return catalog.load(params.pop("data_dir"))


_PIN = "://github.com/NVIDIA/aicr/"


def check_pin(pattern: str | None) -> None:
    """A pattern for Sigstore identities must not let in just anybody's. Raises InvalidRequest."""
    if pattern and _PIN not in pattern:
        raise InvalidRequest(
            f'certificate identity pattern must contain "{_PIN}" to pin to the NVIDIA repository'
        )
