"""`aicr query`: one value of a hydrated recipe."""

from __future__ import annotations

from typing import Any

import click

from aicr import jsonio
from aicr._version import __version__
from aicr.cli import output
from aicr.cli.options import criteria_options, format_option, open_catalog, single, sources_of
from aicr.hydrate import hydrate
from aicr.query import select
from aicr.request import recipe_for


@click.command("query")
@criteria_options
@single("--selector", metavar="PATH", help="Dotted path (required); '' is the whole document.")
@format_option("yaml", "json", "table", default="yaml")
@click.pass_context
def command(ctx: click.Context, /, strict: bool, output_format: str, **params: Any) -> None:
    """Print one value of the recipe with all Helm values merged.

    \b
    aicr query --service eks --intent training \\
        --selector components.gpu-operator.values.driver.version
    """
    selector = params.pop("selector")
    if selector is None:
        raise click.UsageError('Required flag "selector" not set', ctx)
    catalog = open_catalog(params)
    recipe = recipe_for(catalog, sources_of(params))
    document = hydrate(catalog, recipe, __version__)
    if output_format != "json":
        # AICR prints lists that are not there as null in JSON and as [] in YAML.
        document["metadata"] = {k: [] if v is None else v for k, v in document["metadata"].items()}
    value = select(document, selector)
    output.warn(recipe.messages, strict)
    output.emit(render(value, output_format))


def render(value: Any, output_format: str) -> str:
    """Scalars as bare text (JSON: as JSON), maps and lists sorted by key (contract section 8)."""
    if output_format == "json":
        return jsonio.pretty(value, sort_keys=True)
    if isinstance(value, str):
        return value + "\n"
    from aicr import yamlio

    return yamlio.dump(value, indent=4, sort_keys=True)
